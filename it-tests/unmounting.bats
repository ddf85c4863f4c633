#!/usr/bin/env bats
# How a mount ends, and what must not stay behind.

load lib/harness
load lib/command

setup() {
    start_test
    own_stack
    file "$L/f" lower
}

mounted_with_daemon() {
    mount_overlay
    DAEMON=$(daemon_of "$MNT")
    kill -0 "$DAEMON"
    echo new >"$M/new"
}

everything_is_gone() {
    refuses is_mounted "$MNT"
    await_exit "$DAEMON"
    content "$U/new" $'new\n'
    names "$MNT"
}

@test "umount leaves no process" {
    mounted_with_daemon
    umount "$MNT"
    everything_is_gone
}

id_of() { # TARGET
    awk -v target="$1" '$5 == target { print $1 }' /proc/self/mountinfo
}

# Has something else mounted under the ID of a mount that has gone, while its
# daemon does not know yet. The kernel gives the lowest ID that is free; other
# tests mount beside this one, and may get it.
take_its_id() {
    local n
    mounted_with_daemon
    id=$(id_of "$MNT")
    kill -STOP "$DAEMON"
    timeout 10 umount -l "$MNT"
    for n in {1..100}; do
        other=$STACK/other$n
        mkdir -p "$other"
        mount -t tmpfs none "$other"
        [[ $(id_of "$other") != "$id" ]] || return 0
    done
    kill -CONT "$DAEMON"
    await_exit "$DAEMON"
    for n in {1..100}; do
        umount "$STACK/other$n"
    done
    rm "$U/new"
    return 1
}

@test "a daemon whose mount has gone does not unmount what got its ID" {
    local id other
    take_its_id || take_its_id || take_its_id || take_its_id || take_its_id
    kill -CONT "$DAEMON"
    await_exit "$DAEMON"
    equal "$(id_of "$other")" "$id"
}

@test "fusermount3 -u leaves no process" {
    needs_program fusermount3
    mounted_with_daemon
    fusermount3 -u "$MNT"
    everything_is_gone
}

@test "samepage umount leaves no process" {
    mounted_with_daemon
    samepage umount "$MNT"
    everything_is_gone
}

@test "SIGTERM unmounts and leaves no process" {
    mounted_with_daemon
    kill -TERM "$DAEMON"
    await_exit "$DAEMON"
    everything_is_gone
}

@test "a mount that is in use is not unmounted, and goes on" {
    mounted_with_daemon
    exec {held}<"$M/f"
    refuses umount "$MNT" 2>/dev/null
    refuses samepage umount "$MNT" 2>"$TEST_DIR/stderr"
    equal "$(wc -l <"$TEST_DIR/stderr")" 1
    contains "$(cat "$TEST_DIR/stderr")" "$MNT"
    content "$M/f" lower
    echo more >>"$M/f"
    equal "$(cat <&"$held")" $'lowermore'
    exec {held}<&-
    umount "$MNT"
    everything_is_gone
}

@test "SIGTERM while the mount is in use lets the user finish or takes it away, but leaves nothing" {
    mounted_with_daemon
    exec {held}<"$M/f"
    kill -TERM "$DAEMON"
    eventually 30 refuses is_mounted "$MNT"
    cat <&"$held" >/dev/null || true
    exec {held}<&-
    everything_is_gone
}

@test "umount -f of a mount that is in use leaves no dead mount" {
    mounted_with_daemon
    exec {held}<"$M/f"
    timeout 10 umount -f "$MNT" 2>/dev/null || true
    await_exit "$DAEMON"
    refuses is_mounted "$MNT"
    exec {held}<&-
    everything_is_gone
}

@test "a lazy unmount: what is open goes on, and the end of it ends the daemon" {
    mounted_with_daemon
    exec {held}<>"$M/new"
    umount -l "$MNT"
    refuses is_mounted "$MNT"
    echo NEW >&"$held"
    exec {held}<&-
    await_exit "$DAEMON"
    content "$U/new" $'NEW\n'
}

@test "kill -9: the mount point says so, is unmounted and mounted again" {
    mounted_with_daemon
    kill -9 "$DAEMON"
    await_exit "$DAEMON"
    refuses cat "$M/f" 2>/dev/null
    umount "$MNT"
    mount_overlay
    content "$M/f" lower
    content "$M/new" $'new\n'
}

@test "kill -9, and the mount point is mounted again without an umount" {
    mounted_with_daemon
    kill -9 "$DAEMON"
    await_exit "$DAEMON"
    # it may refuse (the target is mounted), but with a line that says what to do
    if samepage mount -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" 2>"$TEST_DIR/stderr"; then
        content "$M/new" $'new\n'
    else
        equal "$(wc -l <"$TEST_DIR/stderr")" 1
        contains "$(cat "$TEST_DIR/stderr")" "$MNT"
    fi
}

@test "status says that a daemon is dead" {
    mounted_with_daemon
    kill -9 "$DAEMON"
    await_exit "$DAEMON"
    refuses samepage status "$MNT" 2>"$TEST_DIR/stderr"
    contains "$(cat "$TEST_DIR/stderr")" "$MNT"
    umount "$MNT"
    lacks "$(samepage status 2>&1)" "$MNT"
}

@test "a remount straight after each way of unmounting" {
    for way in "umount" "fusermount3 -u" "$SAMEPAGE umount" "umount -l"; do
        mount_overlay
        echo "$way" >"$M/f"
        # shellcheck disable=SC2086
        $way "$MNT" 3>&- 4>&-
        mount_overlay
        content "$M/f" "$way"$'\n'
        umount "$MNT"
    done
    mount_overlay
}

@test "nothing that stays behind holds the caller's stdout or stderr" {
    # cat sees the end only when nobody has the other end of the pipe any more
    timeout -k 1 20 bash -c '"$@" 2>&1 3>&- 4>&- </dev/null | cat' - "$SAMEPAGE" mount -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" >"$TEST_DIR/out"
    content "$TEST_DIR/out" ""
    is_mounted "$MNT"
    content "$M/f" lower
}

@test "nothing that stays behind holds any other descriptor of the caller" {
    exec {one}> >(cat >"$TEST_DIR/one"; touch "$TEST_DIR/ended")
    timeout -k 1 20 "$SAMEPAGE" mount -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" </dev/null >/dev/null 2>&1 3>&- 4>&-
    exec {one}>&-
    eventually 30 test -e "$TEST_DIR/ended"
    content "$M/f" lower
}

@test "a mount writes nothing to the caller's stderr later, whatever happens" {
    mkfifo "$TEST_DIR/pipe"
    cat "$TEST_DIR/pipe" >"$TEST_DIR/out" &
    reader=$!
    timeout -k 1 20 "$SAMEPAGE" mount -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" </dev/null >"$TEST_DIR/pipe" 2>&1 3>&- 4>&-
    wait "$reader"
    content "$TEST_DIR/out" ""
    DAEMON=$(daemon_of "$MNT")
    equal "$(find "/proc/$DAEMON/fd" -lname "*$TEST_DIR*pipe*")" ""
    LOWERS_MAY_CHANGE=1
    rm "$L/f"
    cat "$M/f" 2>/dev/null || true
}

@test "the daemon stands in no directory that somebody may want to unmount" {
    tmp_fs "$STACK/here"
    (cd "$STACK/here" && timeout -k 1 20 "$SAMEPAGE" mount -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" </dev/null >/dev/null 2>&1 3>&- 4>&-)
    umount "$STACK/here"
    content "$M/f" lower
}

@test "the file systems of the layers are free after the unmount" {
    tmp_fs "$STACK/fs1"
    tmp_fs "$STACK/fs2"
    mkdir "$STACK"/fs1/low "$STACK"/fs2/{up,work}
    LOWERDIR=fs1/low:low2 LOWERS=$L2 UPPER=$STACK/fs2/up WORK=$STACK/fs2/work
    mount_overlay
    echo x >"$M/new"
    umount "$MNT"
    eventually 30 umount "$STACK/fs1"
    eventually 30 umount "$STACK/fs2"
}

@test "the terminal's hang-up and interrupt do not reach a mount in the background" {
    needs_program setsid
    setsid -w bash -c '"$@" </dev/null >/dev/null 2>&1 3>&- 4>&-; kill -HUP 0; kill -INT 0; sleep 0.2' - \
        "$SAMEPAGE" mount -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" || true
    is_mounted "$MNT"
    content "$M/f" lower
}

@test "mounting and unmounting ten times leaves nothing behind" {
    for n in {1..10}; do
        mount_overlay
        echo "$n" >>"$M/f"
        umount_overlay
    done
    content "$U/f" "lower$(printf '%s\n' {1..10})"$'\n'
    equal "$(find "$WORK" -type f)" ""
}

@test "two mounts started at the same moment on different targets both stand" {
    mkdir "$STACK"/{up2,work2,mnt2}
    MNT=$STACK/mnt2 UPPER=$STACK/up2 WORK=$STACK/work2 mount_overlay &
    other=$!
    mount_overlay
    wait "$other"
    content "$M/f" lower
    content "$STACK/mnt2/f" lower
    MNT=$STACK/mnt2 umount_overlay
}

@test "two mounts started at the same moment on one target: one of them stands" {
    mkdir "$STACK"/{up2,work2}
    UPPER=$STACK/up2 WORK=$STACK/work2 mount_overlay >/dev/null 2>&1 &
    other=$!
    status=0
    mount_overlay >/dev/null 2>&1 || status=$?
    wait "$other" && both=$((status == 0)) || both=0
    equal "$both" 0
    content "$M/f" lower
    equal "$(grep -c " $MNT " /proc/self/mountinfo)" 1
}
