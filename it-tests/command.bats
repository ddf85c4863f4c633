#!/usr/bin/env bats
# The command: help, version, status, doctor, umount.

load lib/harness
load lib/command

setup_file() {
    share_overlay
}

fixture() {
    file "$L/f" lower
    head -c 300000 /dev/urandom >"$L/big"
}

@test "--help tells the commands on stdout" {
    text=$(samepage --help)
    for word in mount umount status doctor index report pages verify; do
        contains "$text" $word
    done
    equal "$(samepage --help 2>&1 >/dev/null)" ""
    for command in mount umount status doctor index report pages verify; do
        contains "$(samepage $command --help)" $command
    done
}

@test "the help of mount has every option" {
    text=$(samepage mount --help)
    for option in lowerdir upperdir workdir volatile userxattr redirect_dir metacopy xino noatime nodev nosuid noexec allow_other \
        default_permissions fsname transport passthrough coherence sharing numa domain metrics; do
        contains "$text" $option
    done
}

@test "--version is one line with a number" {
    equal "$(samepage --version | wc -l)" 1
    [[ $(samepage --version) =~ samepage.*[0-9]+\.[0-9]+ ]]
}

@test "a wrong command line is refused with a line on stderr" {
    for arguments in "" nonsense "mount --nonsense" "umount" "status --nonsense" "doctor extra"; do
        status=0
        # shellcheck disable=SC2086
        samepage $arguments >"$TEST_DIR/stdout" 2>"$TEST_DIR/stderr" || status=$?
        echo "$arguments: $status $(cat "$TEST_DIR/stderr")"
        differ "$status" 0
        content "$TEST_DIR/stdout" ""
        contains "$(head -1 "$TEST_DIR/stderr")" "samepage: "
    done
}

@test "status of all mounts names this one" {
    contains "$(samepage status)" "$MNT"
    contains "$(samepage status --json)" "$MNT"
}

@test "status of one mount, for people" {
    text=$(samepage status "$MNT")
    for word in "$MNT" "$STACK/low1" "$STACK/low2" "$STACK/up" passthrough coherence; do
        contains "$text" "$word"
    done
}

@test "status of one mount, for programs" {
    equal "$(status_of target)" "$MNT"
    equal "$(status_of pid)" "$(daemon_of "$MNT")"
    if [[ $SAMEPAGE_UNDER == samepage-libfuse ]]; then transport=libfuse; else transport=kernel; fi
    equal "$(status_of transport)" "$transport"
    equal "$(status_of layers.lower)" "$STACK/low1 $STACK/low2"
    equal "$(status_of layers.upper)" "$STACK/up"
    equal "$(status_of layers.work)" "$STACK/work"
    equal "$(status_of coherence)" auto
    [[ $(status_of copy_ups) =~ ^[0-9]+$ ]]
    [[ $(status_of inodes) =~ ^[0-9]+$ ]]
    [[ $(status_of requests.LOOKUP) =~ ^[0-9]+$ ]]
}

@test "status tells whether passthrough is in use, and why not" {
    if ! under_passthrough; then
        equal "$(status_of passthrough)" false
        differ "$(status_of passthrough_reason)" none
        differ "$(status_of passthrough_reason)" ""
    else
        equal "$(status_of passthrough)" true
    fi
}

@test "status counts copy-ups, once each" {
    # the directory is copied up too
    touch new
    before=$(status_of copy_ups)
    echo more >>f
    echo more >>f
    chmod 600 f
    equal "$(status_of copy_ups)" $((before + 1))
}

@test "reading a file through passthrough causes no READ" {
    under_passthrough || skip "this mount has no passthrough"
    own_stack
    head -c 300000 /dev/urandom >"$L/big"
    mount_overlay -o coherence=relaxed
    before=$(status_of requests.READ)
    cat "$M/big" >/dev/null
    cat "$M/big" >/dev/null
    equal "$(status_of requests.READ)" "$before"
    sys open w "$M/new" rdwr+creat , fill w 1M
    before=$(status_of requests.WRITE)
    sys open w "$M/new" rdwr , fill w 1M
    equal "$(status_of requests.WRITE)" "$before"
}

@test "status by another path to the same mount, or by a path inside it" {
    ln -s "$MNT" "$TEST_DIR/link"
    equal "$(samepage status "$TEST_DIR/link" --json | sys json target)" "$MNT"
}

@test "status of what is no mount is refused" {
    refuses samepage status "$STACK/low1" 2>"$TEST_DIR/stderr"
    equal "$(wc -l <"$TEST_DIR/stderr")" 1
    contains "$(cat "$TEST_DIR/stderr")" "$STACK/low1"
    refuses samepage status "$STACK/no" 2>"$TEST_DIR/stderr"
    contains "$(cat "$TEST_DIR/stderr")" "$STACK/no"
}

@test "umount of what is no mount is refused" {
    refuses samepage umount "$STACK/low1" 2>"$TEST_DIR/stderr"
    equal "$(wc -l <"$TEST_DIR/stderr")" 1
    contains "$(cat "$TEST_DIR/stderr")" "$STACK/low1"
    tmp_fs "$TEST_DIR/other"
    refuses samepage umount "$TEST_DIR/other"
    mountpoint -q "$TEST_DIR/other"
}

@test "doctor tells what the host offers, and what to do about a lack" {
    text=$(samepage doctor)
    for word in kernel /dev/fuse passthrough scheduling; do
        contains "$text" $word
    done
    text=$(setpriv --bounding-set -sys_nice --inh-caps -all prlimit --nice=0 timeout 30 "$SAMEPAGE" doctor 3>&- 4>&-)
    contains "$(grep -A 1 scheduling <<<"$text")" CAP_SYS_NICE
    # without the right to mount something is lacking, and it says so
    status=0
    text=$(setpriv --bounding-set -sys_admin --inh-caps -all timeout 30 "$SAMEPAGE" doctor 3>&- 4>&-) || status=$?
    differ "$status" 0
    contains "$text" CAP_SYS_ADMIN
}

# The scheduling policy and the processors of every thread of a process, each of them once.
scheduling() { # PID
    local thread
    for thread in /proc/"$1"/task/*; do
        { cut -d ')' -f 2- "$thread/stat" | cut -d ' ' -f 40 && grep '^Cpus_allowed:' "$thread/status"; } 2>/dev/null
    done | sort -u
}

runs_like_others() { # PID
    [[ $(scheduling "$1") == "0"$'\n'"$(grep '^Cpus_allowed:' /proc/self/status)" ]]
}

@test "workers run like others again when there is nothing to do any more" {
    own_stack
    mkdir "$L/d"
    touch "$L/d/"{1..3000}
    mount_overlay
    daemon=$(daemon_of "$MNT")
    ls -lR "$M" >/dev/null
    rm -r "$M/d"
    eventually 30 runs_like_others "$daemon"
}

@test "a daemon that may not set priorities serves all the same" {
    own_stack
    mkdir "$L/d"
    touch "$L/d/"{1..1000}
    setpriv --bounding-set -sys_nice --inh-caps -all prlimit --nice=0 \
        "$SAMEPAGE" mount -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" 3>&- 4>&-
    daemon=$(daemon_of "$MNT")
    ls -lR "$M" >/dev/null
    runs_like_others "$daemon"
    rm -r "$M/d"
    runs_like_others "$daemon"
    refuses test -e "$M/d"
}

@test "a mount in the foreground stays there until it is told to end" {
    own_stack
    file "$L/f" lower
    "$SAMEPAGE" mount -f -o "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK" "$MNT" 3>&- 4>&- </dev/null >"$TEST_DIR/out" 2>&1 &
    daemon=$!
    eventually 30 is_mounted "$MNT"
    content "$M/f" lower
    kill -0 "$daemon"
    # (bash lets a job in the background ignore the interrupt)
    kill -TERM "$daemon"
    eventually 30 refuses is_mounted "$MNT"
    wait "$daemon" || true
}

@test "two mounts at once have a daemon and counters each" {
    own_stack
    file "$L/f" lower
    mount_overlay
    differ "$(daemon_of "$SHARED_STACK/mnt")" "$(daemon_of "$MNT")"
    contains "$(samepage status)" "$SHARED_STACK/mnt"
    contains "$(samepage status)" "$MNT"
    umount_overlay
    lacks "$(samepage status)" "$MNT"
    contains "$(samepage status)" "$SHARED_STACK/mnt"
}
