# shellcheck shell=bash
# What it-tests/real/run and it-tests/stress/run share: a directory for the run, stacks of layers mounted by one of the subjects,
# steps with a time limit, and an end that leaves no mount, process or file behind however it comes.
#
# A subject is what mounts: kernel (its overlayfs), samepage, samepage-nopassthrough or fuse-overlayfs.
# A caller sources this, calls workload_start NAME, then stack_mount, step …, stack_unmount, and ends with workload_end.
# Environment: SAMEPAGE_TEST_DIR    where layers are made (/var/tmp; must take device nodes and trusted xattrs)
#              SAMEPAGE_TEST_CACHE  what is kept for the next run (/var/tmp/samepage-test-cache)
#              SAMEPAGE             the program (scripts/samepage)

readonly SUBJECTS='kernel samepage samepage-nopassthrough fuse-overlayfs'
suite=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
samepage=${SAMEPAGE:-$suite/../scripts/samepage}
# shellcheck disable=SC2034 # for those who source this
cache=${SAMEPAGE_TEST_CACHE:-/var/tmp/samepage-test-cache}
passed=0 failed=0 run_dir=''
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

say() {
    printf '# %s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 2
}

# Reads `--under SUBJECT` from the command line into $under; other options go to the function `option`, where there is one.
parse_arguments() {
    under=samepage
    while (($#)); do
        case $1 in
            --under)
                [[ -n ${2-} && " $SUBJECTS " == *" $2 "* ]] || die "--under one of: $SUBJECTS"
                under=$2
                shift
                ;;
            -h | --help)
                sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
                exit 0
                ;;
            *) { declare -F option >/dev/null && option "$1"; } || die "unknown argument $1 (--help tells)" ;;
        esac
        shift
    done
}

need_programs() { # PROGRAM...
    local program missing=''
    for program; do
        type -P "$program" >/dev/null || missing+=" $program"
    done
    [[ -z $missing ]] || die "not installed:$missing (scripts/test installs the test tools)"
}

workload_start() { # NAME
    ((EUID == 0)) || die 'must run as root, who alone may mount and use trusted xattrs'
    run_dir=$(mktemp -d "${SAMEPAGE_TEST_DIR:-/var/tmp}/samepage-$1.XXXXXX") || exit
    run_dir=$(readlink -f "$run_dir")
    chmod 755 "$run_dir"
    export SAMEPAGE_INDEX=$run_dir/index
    trap workload_clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections 2>/dev/null
    say "$1 under $under: $(uname -sr)"
}

workload_end() {
    echo "$passed passed, $failed failed"
    ((failed == 0))
    exit
}

workload_clean_up() {
    # A child that gets a signal before it has put its parent's traps away would run them, too.
    [[ $BASHPID == "$$" ]] || return
    [[ -z $running_step ]] || end_group "$running_step"
    [[ -z $running_timer ]] || kill -KILL "$running_timer" 2>/dev/null
    [[ -n $run_dir ]] || return
    unmount_below "$run_dir"
    # A daemon that still runs: the name of the run's directory is in its arguments, and in nobody else's.
    local process n
    for ((n = 0; n < 100; n++)); do
        process=$(grep -lF "$run_dir/" /proc/[0-9]*/cmdline 2>/dev/null) || break
        sleep 0.05
    done
    for process in $process; do
        process=${process//[!0-9]/}
        say "process $process does not end by itself: $(tr '\0' ' ' <"/proc/$process/cmdline")"
        kill -KILL "$process"
    done
    if [[ -n $(mounts_below "$run_dir") ]]; then
        say "mounts are left below $run_dir"
    else
        rm -rf --one-file-system "$run_dir"
    fi
}

# --- mounts ---------------------------------------------------------------------------------------------------------------

# The mount points at or below a directory, the last mounted first.
mounts_below() { # DIRECTORY
    local target targets=() n
    while read -r _ _ _ _ target _; do
        [[ $target != "$1" && $target != "$1"/* ]] || targets+=("$target")
    done </proc/self/mountinfo
    for ((n = ${#targets[@]} - 1; n >= 0; n--)); do
        printf '%s\n' "${targets[n]}"
    done
}

# Whoever waits for the FUSE daemon of a mount below the directory gets an error instead.
abort_below() { # DIRECTORY
    local device target rest
    while read -r _ _ device _ target rest; do
        [[ $target == "$1" || $target == "$1"/* ]] || continue
        [[ ${rest##* - } == fuse* ]] || continue
        say "aborting the FUSE connection of $target"
        echo 1 >"/sys/fs/fuse/connections/${device#*:}/abort"
    done </proc/self/mountinfo 2>/dev/null
}

unmount_below() { # DIRECTORY
    local target
    for target in $(mounts_below "$1"); do
        timeout -k 1 20 umount "$target" 2>/dev/null && continue
        sleep 0.5
        timeout -k 1 20 umount "$target" 2>/dev/null && continue
        say "cannot unmount $target"
        abort_below "$target"
        umount -l "$target"
    done
}

# Makes $run_dir/NAME/{upper,work,merged}, unless they are there, and mounts them.
stack_mount() { # SUBJECT NAME LOWERDIR
    local stack=$run_dir/$2
    mkdir -p "$stack/upper" "$stack/work" "$stack/merged"
    local options="lowerdir=$3,upperdir=$stack/upper,workdir=$stack/work"
    case $1 in
        # What samepage does by default, so that each can read what the other wrote.
        kernel) mount -t overlay overlay -o "$options,redirect_dir=on,metacopy=on" "$stack/merged" ;;
        samepage) timeout -k 1 60 "$samepage" mount -o "$options" "$stack/merged" ;;
        samepage-nopassthrough) timeout -k 1 60 "$samepage" mount -o "$options,passthrough=off" "$stack/merged" ;;
        fuse-overlayfs) timeout -k 1 60 fuse-overlayfs -o "$options" "$stack/merged" ;;
    esac
}

# Unmounts, bind mounts inside first, and waits for the daemon to end.
stack_unmount() { # NAME
    local target stack=$run_dir/$1 n
    for target in $(mounts_below "$stack"); do
        for n in 1 2 3 4 5; do
            timeout -k 1 60 umount "$target" && continue 2
            sleep "0.$n"
        done
        return 1
    done
    for ((n = 0; n < 250; n++)); do
        daemon_of "$stack/merged" >/dev/null || return 0
        sleep 0.02
    done
    say "process $(daemon_of "$stack/merged") is still there 5 s after the unmount of $stack/merged"
    return 1
}

daemon_of() { # TARGET
    local process argument
    for process in /proc/[0-9]*; do
        while IFS= read -r -d '' argument; do
            if [[ $argument == "$1" && ${process#/proc/} != "$$" ]]; then
                echo "${process#/proc/}"
                return 0
            fi
        done 2>/dev/null <"$process/cmdline"
    done
    return 1
}

# --- steps ----------------------------------------------------------------------------------------------------------------

running_step='' running_timer=''

# Ends a process group that we started, whatever it waits for.
end_group() { # PID
    kill -TERM -- "-$1" 2>/dev/null && sleep 1
    kill -KILL -- "-$1" 2>/dev/null && sleep 1
    if kill -0 -- "-$1" 2>/dev/null; then
        abort_below "$run_dir"
        sleep 1
        kill -KILL -- "-$1" 2>/dev/null
    fi
}

# Runs a command or function in a process group of its own, for so many seconds at most; 124 when they were not enough. What it
# says goes to $run_dir/said.
limited() { # SECONDS COMMAND...
    local seconds=$1 job timer first status
    shift
    set -m
    ("$@") </dev/null >"$run_dir/said" 2>&1 &
    job=$! running_step=$!
    sleep "$seconds" &
    timer=$! running_timer=$!
    set +m
    wait -n -p first "$job" "$timer"
    status=$?
    if [[ $first == "$timer" ]]; then
        end_group "$job"
        status=124
    else
        kill -KILL "$timer"
    fi 2>/dev/null
    wait "$job" "$timer" 2>/dev/null
    running_step='' running_timer=''
    return "$status"
}

# One test: passes when its command ends with 0 in time. What it said is shown when it failed; 77 means that it does not apply.
step() { # TITLE SECONDS COMMAND...
    local title=$1 seconds=$2 started=$SECONDS status
    shift 2
    limited "$seconds" "$@"
    status=$?
    case $status in
        0) echo "ok - $title ($((SECONDS - started)) s)" && ((++passed)) ;;
        77) echo "ok - $title # skip $(tail -n 1 "$run_dir/said")" ;;
        *)
            echo "not ok - $title (status $status$([[ $status != 124 ]] || echo ", after $seconds s"))"
            ((++failed))
            tail -n "${SAMEPAGE_TEST_LINES:-25}" "$run_dir/said" | sed 's/^/#   /'
            return 1
            ;;
    esac
}
