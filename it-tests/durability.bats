#!/usr/bin/env bats
# What was acknowledged survives kill -9 of the daemon; what was half done does not
# show. (Power loss is not tried here.)

load lib/harness
load lib/command

setup() {
    start_test
    own_stack
    file "$L/f" "lower text"
    file "$L/d/x" x
    file "$L2/d/y" y
    head -c 20000000 /dev/urandom >"$L/big"
    mount_overlay
}

kill_daemon() {
    local pid
    pid=$(daemon_of "$MNT")
    leave_mount
    kill -9 "$pid"
    await_exit "$pid"
}

kill_and_remount() {
    kill_daemon
    eventually 30 umount "$MNT" # a writer may be on its way to the next ENOTCONN
    mount_overlay
}

@test "what was written is there" {
    echo new >"$M/new"
    echo changed >"$M/f"
    mkdir "$M/dir"
    mv "$M/d" "$M/dir/d"
    rm "$M/dir/d/x"
    sys open w "$M/big" rdwr , pwrite w 10000000 changed
    kill_and_remount
    content "$M/new" $'new\n'
    content "$M/f" $'changed\n'
    names "$M/dir/d" y
    absent "$M/d"
    content <(tail -c +10000001 "$M/big" | head -c 7) changed
    cmp -n 10000000 "$M/big" "$L/big"
    cmp -i 10000007 "$M/big" "$L/big"
}

@test "what was written through descriptors that are still open is there" {
    sys open w "$M/new" rdwr+creat , write w one , open a "$M/f" wronly+append , write a two \
        , sh "kill -9 $(daemon_of "$MNT")"
    eventually 30 refuses cat "$M/f"
    umount "$MNT"
    mount_overlay
    content "$M/new" one
    content "$M/f" "lower texttwo"
}

@test "what was written through a shared map and synced is there" {
    sys open w "$M/new" rdwr+creat , ftruncate w 8192 , map m w rw shared 8192 , mput m 4096 mapped , msync m , sh "kill -9 $(daemon_of "$MNT")"
    umount "$MNT"
    mount_overlay
    content <(tail -c +4097 "$M/new" | head -c 6) mapped
}

@test "a copy-up that was interrupted does not show" {
    for delay in 0 0.01 0.03 0.1; do
        (chmod 600 "$M/big" 2>/dev/null; printf x | dd of="$M/big" conv=notrunc status=none 2>/dev/null) &
        writer=$!
        sleep $delay
        kill_daemon
        wait "$writer" || true
        umount "$MNT"
        # what the kernel's overlayfs would show
        if [[ -e $U/big ]]; then
            attr "$U/big" size 20000000
            cmp -i 1 "$U/big" "$L/big"
        fi
        mount_overlay
        attr "$M/big" size 20000000
        cmp -i 1 "$M/big" "$L/big"
        equal "$(find "$WORK" -type f -size +0)" ""
        rm "$M/big"
        umount_overlay
        rm "$U/big"
        mount_overlay
    done
}

@test "removals and renames are whole" {
    for n in {1..5}; do
        mkdir "$M/a$n"
        (for i in {1..200}; do
            echo "$i" >"$M/a$n/$i.new" && mv "$M/a$n/$i.new" "$M/a$n/$i" && rm "$M/a$n/$i"
        done) 2>/dev/null &
        writer=$!
        sleep "0.1$n"
        kill_and_remount
        wait "$writer" || true
        find "$M/a$n" -type f >"$TEST_DIR/found"
        while read -r path; do
            [[ $path == *.new ]] || equal "$(cat "$path")" "${path##*/}"
        done <"$TEST_DIR/found"
        names "$M/d" x y
    done
}

@test "the kernel's overlayfs mounts what a killed daemon left" {
    mv "$M/d" "$M/moved"
    (find "$M" -type f -exec chmod 600 {} + 2>/dev/null) &
    writer=$!
    sleep 0.05
    kill_daemon
    wait "$writer" || true
    umount "$MNT"
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$MNT"
    names "$M/moved" x y
    cmp "$M/big" "$L/big"
    content "$M/f" "lower text"
    umount "$MNT"
}

@test "a descriptor of a passthrough file reads on while the daemon is dead" {
    under_passthrough || skip "this mount has no passthrough"
    umount_overlay
    mount_overlay -o coherence=relaxed
    sys open r "$M/f" rdonly , is lower pread r 0 5 , sh "kill -9 $(daemon_of "$MNT")" , sleep 0.2 , is "lower text" pread r 0 99
    umount "$MNT"
}

@test "nobody hangs when the daemon dies" {
    (timeout -k 1 20 find "$M" -ls; timeout -k 1 20 cat "$M/big"; timeout -k 1 20 touch "$M/x") >/dev/null 2>&1 &
    user=$!
    sleep 0.05
    kill_daemon
    eventually 30 refuses kill -0 "$user" 2>/dev/null
    wait "$user" || true
}
