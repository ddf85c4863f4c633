# shellcheck shell=bash
# For scripts/quickstart and scripts/test: installs the Debian packages of commands that are missing, and nothing else.

missing_packages=()

# A command (or, with a slash, a file) that is needed, and the package that has it.
need() { # COMMAND PACKAGE
    case $1 in
        */*) [[ ! -e $1 ]] || return 0 ;;
        *) ! PATH=$PATH:/usr/sbin:/sbin type -P "$1" >/dev/null || return 0 ;;
    esac
    missing_packages+=("$2")
}

install_missing() {
    ((${#missing_packages[@]})) || return 0
    local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600)
    ((EUID == 0)) || apt=(sudo "${apt[@]}")
    echo "Installing what is missing: ${missing_packages[*]}"
    if ! type -P apt-get >/dev/null; then
        echo "${0##*/}: no apt-get here; install by hand: ${missing_packages[*]}" >&2
        return 1
    fi
    "${apt[@]}" --no-install-recommends install "${missing_packages[@]}" >/dev/null 2>&1 \
        || { "${apt[@]}" update >/dev/null && "${apt[@]}" --no-install-recommends install "${missing_packages[@]}" >/dev/null; } || {
        echo "${0##*/}: apt-get cannot install ${missing_packages[*]}" >&2
        return 1
    }
    missing_packages=()
}

# Sets JAVA_HOME to a JDK of Java 17 or newer, which it installs if there is none: the one named by JAVA_HOME, then the one in
# PATH, then the oldest in /usr/lib/jvm.
need_jdk() {
    local candidate attempt
    for attempt in installed new; do
        for candidate in "${JAVA_HOME-}/bin/javac" "$(type -P javac)" $(printf '%s\n' /usr/lib/jvm/*/bin/javac | sort -V); do
            [[ -x $candidate ]] || continue
            candidate=$(readlink -f "$candidate")
            candidate=${candidate%/bin/javac}
            if (($(java_release "$candidate") >= 17)); then
                export JAVA_HOME=$candidate
                return 0
            fi
        done
        if [[ $attempt == installed ]]; then
            # 17 where the release has it, else the release's own, which is newer.
            if apt-cache show openjdk-17-jdk-headless >/dev/null 2>&1; then
                missing_packages+=(openjdk-17-jdk-headless)
            else
                missing_packages+=(default-jdk-headless)
            fi
            install_missing || return
        fi
    done
    echo "${0##*/}: no JDK of Java 17 or newer" >&2
    return 1
}

# The number of a JDK's release: 17, 21, …; 0 when it cannot be told.
java_release() { # JAVA_HOME
    local version
    version=$(sed -n 's/^JAVA_VERSION="\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' "$1/release" 2>/dev/null)
    echo "${version:-0}"
}
