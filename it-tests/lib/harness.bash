# shellcheck shell=bash
#
# What every test file loads. It gives each test its own part of a stack of
# layers and mounts it with whatever is under test; afterwards it unmounts in
# any case and checks what must hold after every test: lower layers unchanged,
# no mount and no process left.
#
# It runs before and after every test, under bats' trap for each command: it has no
# loops where one process can do the work.
#
# Two ways to get layers:
#
# share_overlay (in setup_file): one mount for all tests of a file. The file
#   defines `fixture`, which fills $L (upper one of two lower layers), $L2 (the
#   one below) and, if it likes, $U (the upper directory), all relative to one
#   test. It is called once for each test, before the mount: a mount costs half
#   a second where a Java program serves it. The test starts in its own
#   directory $M of the mount.
#
# own_stack (in a test): fresh $L, $L2, $U, $W and $M, filled by the test, which
#   then calls mount_overlay, and as often as it likes remount_overlay.

export LC_ALL=C.UTF-8
umask 022

SAMEPAGE_UNDER=${SAMEPAGE_UNDER:-kernel}
SUITE=${BASH_SOURCE[0]%/*}/..
SAMEPAGE=${SAMEPAGE:-$SUITE/../scripts/samepage}
RUN_DIR=${IT_RUN_DIR:-${BATS_RUN_TMPDIR:?"run the suite with it-tests/run"}}
FILE_NAME=${BATS_TEST_FILENAME##*/}
FILE_DIR=$RUN_DIR/${FILE_NAME%.bats}

source "$SUITE/lib/layers.bash"
source "$SUITE/lib/assertions.bash"

sys() {
    if [[ -e $RUN_DIR/sys.pyc ]]; then
        /usr/bin/python3 -IS "$RUN_DIR/sys.pyc" "$@"
    else
        "$SUITE/lib/sys.py" "$@"
    fi
}

under_kernel() {
    [[ $SAMEPAGE_UNDER == kernel ]]
}

# Whether data may pass the daemon by, so that lower files share page frames.
under_passthrough() {
    [[ $SAMEPAGE_UNDER == samepage ]]
}

# Options of mount_overlay with which any lower file is copied up as a whole and at once, as it always is by the kernel's overlayfs.
whole_copy_ups=()
under_kernel || whole_copy_ups=(-o partial=off)

# Exchanges two names: in one step, or in three where the transport has no word for that.
exchange() { # A B
    if [[ $SAMEPAGE_UNDER == samepage-libfuse ]]; then
        mv -T "$1" "$1.exchanged" && mv -T "$2" "$1" && mv -T "$1.exchanged" "$2"
    else
        sys rename "$1" "$2" exchange
    fi
}

# --- mounting ------------------------------------------------------------------

# mount_overlay [-o OPTIONS] [--read-only]
#
# Mounts the current stack on $MNT. Options of a test come after the standing
# ones. --read-only leaves the upper directory out.
mount_overlay() {
    local extra='' upper=1
    while (($#)); do
        case $1 in
        -o) extra+=,$2 && shift 2 ;;
        --read-only) upper='' && shift ;;
        *) echo "mount_overlay: $1?" && return 2 ;;
        esac
    done
    [[ -e $STACK/lower.before ]] || remember_lowers
    local options="lowerdir=$LOWERDIR"
    [[ -z $upper ]] || options+=",upperdir=$UPPER,workdir=$WORK"
    mkdir -p "$MNT"
    if under_kernel; then
        mount_kernel "$options$extra" "$MNT"
    else
        mount_samepage "$options$extra" "$MNT"
    fi
}

# The kernel's overlayfs with samepage's defaults, so that both can do the same.
mount_kernel() { # OPTIONS TARGET
    local options=$1
    case $options in
    *redirect_dir=* | *userxattr*) ;;
    *) options+=,redirect_dir=on ;;
    esac
    (cd "$STACK" && mount -t overlay samepage-it -o "$options" "$2")
}

mount_samepage() { # OPTIONS TARGET
    local options=$1
    case $SAMEPAGE_UNDER in
    samepage-nopassthrough) [[ $options == *passthrough=* ]] || options+=,passthrough=off ;;
    samepage-libfuse) [[ $options == *transport=* ]] || options+=,transport=libfuse ;;
    esac
    # bats waits for whoever holds its descriptors: a daemon must not get them,
    # and its own stdout and stderr go to a file so that none can block it.
    # A daemon of the file's shared mount outlives the test that remounts it.
    local mark=${SAMEPAGE_TEST_MARK:-}
    [[ $STACK != "${SHARED_STACK:-}" ]] || mark=$(test_mark "$FILE_NAME")
    (cd "$STACK" && SAMEPAGE_TEST_MARK=$mark timeout -k 1 30 "$SAMEPAGE" mount -o "$options" "$2" \
        </dev/null >"$STACK/mount.out" 2>&1 3>&- 4>&-) || {
        local status=$?
        echo "mount -o $options $2: status $status"
        cat "$STACK/mount.out"
        return "$status"
    }
}

# Unmounts $MNT and waits until its daemon is gone.
umount_overlay() {
    local pid=''
    under_kernel || pid=$(daemon_of "$MNT" 2>/dev/null) || true
    leave_mount
    timeout -k 1 20 umount "$MNT" || return
    [[ -z $pid ]] || await_exit "$pid"
}

remount_overlay() {
    local here=$PWD
    umount_overlay && mount_overlay "$@" && leave_mount "$here"
}

# Replaces the mount by the kernel's overlayfs on the same layers: what it shows
# is what the upper directory means.
mount_kernel_on_same_layers() { # [-o OPTIONS]
    local here=$PWD options=''
    [[ ${1:-} != -o ]] || options=,$2
    umount_overlay
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK$options" "$MNT"
    leave_mount "$here"
}

# A test may stand in the mount, which then cannot be unmounted.
leave_mount() {
    cd "${1:-/}" || return
}

is_mounted() { # PATH
    local target
    while read -r _ _ _ _ target _; do
        [[ $target != "$1" ]] || return 0
    done </proc/self/mountinfo
    return 1
}

# The process that serves a mount. Tests send signals to it, hence only one that
# this run has started. (`status` knows it too, but takes a virtual machine each time.)
daemon_of() { # TARGET
    sys daemon "$RUN_DIR" "$1"
}

await_exit() { # PID
    local n stat
    for ((n = 0; n < 3000; n++)); do
        # init may be slow to bury one that has ended
        stat=$(cat "/proc/$1/stat" 2>/dev/null) && [[ $stat != *") Z "* ]] || return 0
        sleep 0.01
    done
    echo "process $1 is still there 30 s after its mount has gone"
    return 1
}

# --- what must hold after every test ----------------------------------------------

# Unmounts everything at or below a directory, last mounted first; with a second
# argument only the overlays. A FUSE mount that does not answer is aborted, so
# that nothing waits for it for ever.
unmount_below() { # DIRECTORY [overlays]
    local target targets=() type rest n
    is_ours "$1" || return
    grep -qF " $1" /proc/self/mountinfo || return 0
    while read -r _ _ _ _ target rest; do
        type=${rest##*- } type=${type%% *}
        [[ -z ${2:-} || $type == overlay || $type == fuse* ]] || continue
        printf -v target %b "$target"
        [[ $target == "$1" || $target == "$1"/* ]] && targets+=("$target")
    done </proc/self/mountinfo
    for ((n = ${#targets[@]} - 1; n >= 0; n--)); do
        timeout -k 1 10 umount "${targets[n]}" 2>/dev/null && continue
        echo "cannot unmount ${targets[n]}:"
        umount_by_force "${targets[n]}"
    done
}

umount_by_force() { # TARGET
    local id device target type rest
    is_ours "$1" || return
    while read -r id _ device _ target rest; do
        [[ $target == "$1" ]] || continue
        type=${rest##*- } type=${type%% *}
        echo "forced: $target ($type, mount $id)"
        if [[ $type == fuse* ]]; then
            mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections || true
            echo 1 >"/sys/fs/fuse/connections/${device#*:}/abort" || true
        fi
    done </proc/self/mountinfo
    umount -l "$1" || true
}

# Processes that a test started carry its mark, which no other run of the suite
# has, in their environment.
test_mark() { # NAME
    echo "$RUN_DIR/$1"
}

processes_are_gone() { # MARK
    local n pid pids
    for ((n = 0; n < 300; n++)); do
        pids=$(sys marked "$1") || return
        [[ -n $pids ]] || return 0
        sleep 0.05
    done
    echo "processes are left:"
    for pid in $pids; do
        echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
        what_it_waits_for "$pid"
        kill -9 "$pid"
    done
    return 1
}

# Of each thread, where it is in the kernel, and in Java if that can be told.
what_it_waits_for() { # PID
    local task
    for task in "/proc/$1/task"/*; do
        echo "$(<"$task/comm"): $(<"$task/wchan")"
    done 2>/dev/null
    ! command -v jstack >/dev/null || timeout 10 jstack "$1" 2>&1 || true
}

# Whatever unmounts, detaches or removes asks this first: only below the run's
# own directory.
is_ours() { # PATH
    [[ -n $RUN_DIR && ($1 == "$RUN_DIR" || $1 == "$RUN_DIR"/?*) ]] || {
        echo "not below this run's directory: $1"
        return 2
    }
}

remember_lowers() {
    local lowers
    mkdir -p "$STACK/lower.before"
    IFS=: read -ra lowers <<<"$LOWERS"
    sys listings "$STACK/lower.before" "${lowers[@]}"
}

# Each test's own part of a shared stack, in one call.
remember_parts() { # NUMBER
    local part command=()
    for ((part = 1; part <= $1; part++)); do
        mkdir -p "$STACK/lower.before/t$part"
        command+=(, listings "$STACK/lower.before/t$part" "$STACK/low1/t$part" "$STACK/low2/t$part")
    done
    sys "${command[@]}"
}

# No process with the mark is left, and no lower layer of the current stack has
# changed: one call, since it is made after every test.
nothing_is_left() { # MARK [PART]
    local pids lowers=() before=${STACK:-}/lower.before${2:+/$2} command=(marked "$1")
    if [[ -z ${LOWERS_MAY_CHANGE:-} && -e $before/0 ]]; then
        if [[ -n ${2:-} ]]; then
            lowers=("$STACK/low1/$2" "$STACK/low2/$2")
        else
            IFS=: read -ra lowers <<<"$LOWERS"
        fi
        command+=(, unchanged "$before" "${lowers[@]}")
    fi
    pids=$(sys "${command[@]}") || {
        # told once; the next test is not to blame
        [[ ${#lowers[@]} == 0 ]] || sys listings "$before" "${lowers[@]}"
        return 1
    }
    [[ -z $pids ]] || processes_are_gone "$1"
}

# --- the stacks --------------------------------------------------------------------

# Directories for two lower layers, an upper and a work directory, and a target.
# LOWERDIR is the mount option, relative to $STACK; LOWERS the same as paths.
make_stack() { # DIRECTORY
    export STACK=$1
    export LOWERDIR=low1:low2 LOWERS=$STACK/low1:$STACK/low2
    export UPPER=$STACK/up WORK=$STACK/work MNT=$STACK/mnt
    mkdir -p "$STACK"/{low1,low2,up,work,mnt}
}

own_stack() {
    leave_mount
    make_stack "$TEST_DIR/stack${1:-}"
    L=$STACK/low1 L2=$STACK/low2 U=$UPPER W=$WORK M=$MNT
}

# share_overlay [ARGUMENTS OF mount_overlay]
share_overlay() {
    mkdir -p "$FILE_DIR"
    # nothing of the file is to be run
    [[ -z $(known_difference '*') ]] || return 0
    make_stack "$FILE_DIR/shared"
    export SHARED_STACK=$STACK
    # Quoted and stored: a mount that a test has killed is mounted anew.
    SHARED_ARGUMENTS=''
    (($# == 0)) || SHARED_ARGUMENTS=$(printf '%q ' "$@")
    export SHARED_ARGUMENTS
    local part tests
    tests=$(grep -c '^@test ' "$BATS_TEST_FILENAME")
    for ((part = 1; part <= tests; part++)); do
        L=$STACK/low1/t$part L2=$STACK/low2/t$part U=$STACK/up/t$part
        mkdir "$L" "$L2"
        fixture
    done
    remember_parts "$tests"
    mount_overlay "$@"
}

use_shared() {
    local n=$BATS_TEST_NUMBER
    make_stack "$SHARED_STACK"
    L=$STACK/low1/t$n L2=$STACK/low2/t$n U=$STACK/up/t$n M=$STACK/mnt/t$n W=$WORK
    # it is there only in a mount that answers
    if [[ ! -d $M ]]; then
        echo "the shared mount is broken; mounting it anew"
        unmount_below "$STACK"
        # shellcheck disable=SC2086 # it was quoted by printf
        eval mount_overlay $SHARED_ARGUMENTS
    fi
    cd "$M" || return
}

# --- bats' own hooks -----------------------------------------------------------------

setup_file() {
    mkdir -p "$FILE_DIR"
}

setup() {
    start_test
}

# What a file that has a setup of its own calls first.
start_test() {
    skip_known_difference
    TEST_DIR=$FILE_DIR/t$BATS_TEST_NUMBER
    mkdir -p "$TEST_DIR" "$RUN_DIR/running"
    : >"$RUN_DIR/running/${FILE_NAME%.bats}"
    if [[ -n ${SHARED_STACK:-} ]]; then
        use_shared
    fi
    SAMEPAGE_TEST_MARK=$(test_mark "$FILE_NAME:$BATS_TEST_NUMBER")
    export SAMEPAGE_TEST_MARK
}

teardown() {
    end_test
}

end_test() {
    [[ -n ${TEST_DIR:-} ]] || return 0
    local status=0 part=''
    leave_mount
    [[ $STACK != "${SHARED_STACK:-}" ]] || part=t$BATS_TEST_NUMBER
    # a layer may be a file system of its own, which must stand while it is compared
    [[ -n $part ]] || unmount_below "$TEST_DIR" overlays
    nothing_is_left "$(test_mark "$FILE_NAME:$BATS_TEST_NUMBER")" ${part:+"$part"} || status=1
    unmount_below "$TEST_DIR"
    release_loops "$TEST_DIR"
    rm -f "$RUN_DIR/running/${FILE_NAME%.bats}"
    return "$status"
}

teardown_file() {
    local status=0
    if [[ -n ${SHARED_STACK:-} ]]; then
        make_stack "$SHARED_STACK"
        upper_means_the_same_to_the_kernel || status=1
        unmount_below "$FILE_DIR"
        nothing_is_left "$(test_mark "$FILE_NAME")" || status=1
    fi
    unmount_below "$FILE_DIR"
    release_loops "$FILE_DIR"
    return "$status"
}

# After all tests of a file: the kernel's overlayfs on the same layers must show
# the tree that the mount showed. A file sets KERNEL_CHECK to the mount options
# for that, or to none.
upper_means_the_same_to_the_kernel() {
    [[ ${KERNEL_CHECK:-} != none ]] && is_mounted "$MNT" || return 0
    sys tree "$MNT" >"$STACK/tree.mounted"
    mount_kernel_on_same_layers ${KERNEL_CHECK:+-o "$KERNEL_CHECK"}
    sys tree "$MNT" >"$STACK/tree.kernel"
    diff "$STACK/tree.mounted" "$STACK/tree.kernel" || {
        echo "the kernel's overlayfs sees another tree in the same layers (< mounted, > kernel)"
        return 1
    }
}

# What the kernel's overlayfs has no equivalent for is listed in one file, with
# the reason; IT_RUN_DIFFERENCES=1 runs it all the same.
skip_known_difference() {
    local reason
    reason=$(known_difference "$BATS_TEST_DESCRIPTION")
    [[ -z $reason ]] || skip "$reason"
}

known_difference() { # TEST
    [[ -z ${IT_RUN_DIFFERENCES:-} ]] || return 0
    local lists=("$SUITE/fuse-differences" "$SUITE/open-failures")
    [[ $SAMEPAGE_UNDER != samepage-libfuse ]] || lists+=("$SUITE/libfuse-differences")
    ! under_kernel || lists=("$SUITE/kernel-differences")
    file=$FILE_NAME name=$1 awk -F'|' '
        $1 == ENVIRON["file"] && ($2 == "*" || $2 == ENVIRON["name"]) {
            list = FILENAME
            sub(/.*\//, "", list)
            sub(/-.*/, "", list)
            print list ": " $3
            exit
        }' "${lists[@]}"
}
