# shellcheck shell=bash
#
# Assertions that say what they saw.

equal() { # ACTUAL EXPECTED
    [[ $1 == "$2" ]] || {
        printf 'expected: %s\nactual:   %s\n' "$2" "$1"
        return 1
    }
}

differ() { # A B
    [[ $1 != "$2" ]] || {
        printf 'both are: %s\n' "$1"
        return 1
    }
}

# content FILE TEXT
content() {
    local text
    text=$(cat "$1" && echo .) || return
    equal "${text%.}" "$2"
}

absent() { # PATH...
    local path
    for path; do
        # by lstat too: a directory's list and its look-up are different requests
        if [[ -e $path || -L $path ]]; then
            echo "$path is there"
            return 1
        fi
    done
}

present() { # PATH...
    local path
    for path; do
        if [[ ! -e $path && ! -L $path ]]; then
            echo "$path is not there"
            return 1
        fi
    done
}

# names DIRECTORY NAME... : exactly these, in this (C) order
names() {
    local directory=$1
    shift
    equal "$(sys ls "$directory")" "$*"
}

# attr PATH FIELDS VALUES : as sys lstat prints them
attr() {
    equal "$(sys lstat "$1" "$2")" "$3"
}

is_whiteout() { # PATH IN THE UPPER DIRECTORY
    attr "$1" type,rdev "char 0:0"
}

xattr_of() { # PATH NAME
    getfattr --absolute-names -h --only-values -n "$2" "$1" 2>/dev/null
}

is_opaque() { # DIRECTORY IN THE UPPER DIRECTORY
    equal "$(xattr_of "$1" trusted.overlay.opaque)" y
}

# fails ERRNO OPERATION... : one operation of sys.py
fails() {
    sys fails "$@"
}

# refuses COMMAND... : it must fail (a plain `!` in bats lets everything pass)
refuses() {
    if "$@"; then
        echo "this succeeded: $*"
        return 1
    fi
}

contains() { # TEXT PART
    [[ $1 == *"$2"* ]] || {
        printf 'no "%s" in: %s\n' "$2" "$1"
        return 1
    }
}

lacks() { # TEXT PART
    [[ $1 != *"$2"* ]] || {
        printf '"%s" in: %s\n' "$2" "$1"
        return 1
    }
}

# eventually SECONDS COMMAND... : for what another process does
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            "$@"
            return
        fi
        sleep 0.02
    done
}
