#!/usr/bin/env bats
# Large lower files that are written: page by page (partial=SIZE), whatever is done to them, and whoever dies on the way.

load lib/harness
load lib/command

# A lower file of many pages, with holes and without a whole number of pages.
large() {
    under_kernel && skip "the kernel's overlayfs copies up whole files"
    own_stack
    head -c "${SIZE:-1500007}" /dev/urandom >"$L/big"
    fallocate -p -o 409600 -l 204800 "$L/big"
    cp "$L/big" "$STACK/old"
    if [[ -z ${1:-} ]]; then mount_overlay -o partial=64K; fi
}

fsx() {
    timeout -k 1 120 "$SUITE/lib/fsx.py" --model "$STACK/model" "$@" "$M/big"
}

storm() {
    timeout -k 1 60 "$SUITE/lib/storm.py" "$@"
}

partial() { # there are this many files in the work directory that are partly above
    local map count=0
    for map in "$W"/partial/*.map; do
        [[ ! -e $map ]] || count=$((count + 1))
    done
    equal "$count" "$1"
}

kill_daemon() {
    local pid
    pid=$(daemon_of "$MNT")
    kill -9 "$pid"
    umount -l "$MNT"
    await_exit "$pid"
}

lowers_changed() {
    rm -rf "$STACK/lower.before"
    remember_lowers
}

kernel_shows() { # FILE: what the kernel's overlayfs on the same layers has for big
    mount_kernel_on_same_layers
    cmp "$M/big" "$1"
}

@test "opening for reading and writing copies nothing and breaks nothing" {
    large
    sys open w "$M/big" rdwr , pread w 5000 10 >/dev/null
    absent "$U/big" "$W/partial"
    cmp "$M/big" "$STACK/old"
}

@test "the first write copies its page, and the upper directory has nothing of it" {
    large
    sys open w "$M/big" rdwr , pwrite w 100000 hello , is hello pread w 100000 5 , sh "ls '$U' '$W/partial' >'$STACK/seen'" \
        , is 1500007 fstat w size
    equal "$(tr '\n' ' ' <"$STACK/seen")" "$U:  $W/partial: 1.data 1.map layers "
    (($(stat -c %b "$W/partial/1.data") * 512 <= 8192))
    printf hello | dd of="$STACK/old" bs=1 seek=100000 conv=notrunc status=none
    cmp "$M/big" "$STACK/old"
}

@test "partial_copy_ups counts files whose copies were begun, by a write and not by an open" {
    large unmounted
    cp "$L/big" "$L/other"
    printf small >"$L/small"
    mount_overlay -o partial=64K
    sys open f "$M/big" rdwr , pread f 0 10
    equal "$(status_of partial_copy_ups)" 0
    sys open f "$M/big" rdwr , pwrite f 5 X , pwrite f 70000 Y , open g "$M/big" rdwr , pwrite g 900000 Z
    equal "$(status_of partial_copy_ups)" 1
    printf X >>"$M/small"
    : >"$M/other"
    equal "$(status_of partial_copy_ups)" 1
    chmod 600 "$M/big" # completes it
    equal "$(status_of partial_copy_ups)" 1
    printf X >>"$M/big"
    equal "$(status_of partial_copy_ups)" 1
}

@test "until it is complete the kernel's overlayfs shows the old file, and the next mount the new one" {
    SIZE=30000000 large
    sys open w "$M/big" rdwr , pwrite w 700000 hello
    kernel_shows "$STACK/old"
    umount_overlay
    mount_overlay
    sys open r "$M/big" rdonly , is hello pread r 700000 5
}

@test "what is not large, or nearly complete, is completed by an unmount" {
    large
    sys open w "$M/big" rdwr , pwrite w 700000 hello
    umount_overlay
    partial 0
    printf hello | dd of="$STACK/old" bs=1 seek=700000 conv=notrunc status=none
    cmp "$U/big" "$STACK/old"
}

@test "a later mount completes it, whether or not anybody looks" {
    large unmounted
    mkdir -p "$L2/d/e"
    mv "$L/big" "$L2/d/e/big"
    mount_overlay -o partial=64K
    sys open w "$M/d/e/big" rdwr , pwrite w 700000 hello
    kill_daemon
    absent "$U/d/e/big"
    partial 1
    mount_overlay -o partial=off
    eventually 30 present "$U/d/e/big"
    eventually 30 partial 0
    printf hello | dd of="$STACK/old" bs=1 seek=700000 conv=notrunc status=none
    cmp "$U/d/e/big" "$STACK/old"
}

@test "the rest is filled in the background, and then the upper directory has the whole file" {
    large
    touch -d "2001-02-03 04:05:06" "$L/big" && chmod 640 "$L/big" && chown 3:4 "$L/big" && setfattr -n user.note -v x "$L/big"
    lowers_changed
    remount_overlay -o partial=64K
    sys open w "$M/big" rdwr , pwrite w 700000 hello , fsync w
    local times
    times=$(sys lstat "$M/big" mtime,ino)
    eventually 30 present "$U/big"
    eventually 30 partial 0
    equal "$(sys lstat "$M/big" mtime,ino)" "$times"
    attr "$U/big" mode,uid,gid "640 3 4"
    equal "$(xattr_of "$U/big" user.note)" x
    printf hello | dd of="$STACK/old" bs=1 seek=700000 conv=notrunc status=none
    cmp "$M/big" "$STACK/old"
    kernel_shows "$STACK/old"
}

@test "whatever is read, written, mapped, cut off and copied, it is what a model says" {
    large
    local n
    for n in 1 2 3; do
        fsx --operations 600
    done
    chmod 600 "$M/big"
    partial 0
    kernel_shows "$STACK/model"
}

@test "so it is with operations that complete it in between" {
    large
    fsx --operations 600 --whole
    kernel_shows "$STACK/model"
}

@test "what was written survives kill -9 again and again" {
    large
    local n
    for n in 1 2 3; do
        fsx --operations 150
        kill_daemon
        mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$MNT"
        # What leaves nothing to be copied, as to cut the file off, completes it.
        [[ ! -e $U/big ]] || cp "$STACK/model" "$STACK/old"
        cmp "$M/big" "$STACK/old"
        timeout 20 umount "$MNT"
        mount_overlay -o partial=64K
        cmp "$M/big" "$STACK/model"
    done
    chmod 600 "$M/big"
    kernel_shows "$STACK/model"
}

@test "kill -9 in the middle of writes leaves each page old or new" {
    large
    local n
    for n in 1 2 3; do
        : >"$STACK/log"
        cp "$M/big" "$STACK/before"
        storm write "$M/big" "$STACK/log" &
        local writer=$!
        eventually 30 longer_than "$STACK/log" $((30000 * n))
        kill_daemon
        wait "$writer" || true
        mount_overlay -o partial=64K
        storm check "$M/big" "$STACK/log" "$STACK/before"
    done
    chmod 600 "$M/big"
    storm check "$M/big" "$STACK/log" "$STACK/before"
    cp "$M/big" "$STACK/new"
    kernel_shows "$STACK/new"
}

longer_than() {
    (($(stat -c %s "$1") > $2))
}

@test "descriptors that were opened before read what is written" {
    large
    sys open r "$M/big" rdonly , open w "$M/big" rdwr , pwrite w 700000 hello , is hello pread r 700000 5 \
        , open s "$M/big" rdonly , is hello pread s 700000 5
}

@test "descriptors that were opened before read what is stored through a mapping, before it is written back" {
    large
    sys open r "$M/big" rdonly , open w "$M/big" rdwr , map m w rw shared 8192 , mput m 4090 "over two pages" \
        , is "over two pages" pread r 4090 14 , mput m 4090 again , is again pread r 4090 5 , pwrite w 4094 X , is agaiX pread r 4090 5 \
        , is X mget m 4094 1
    # a copy that has been begun, and a range after the end
    sys open r "$M/big" rdonly , open w "$M/big" rdwr , map m w rw shared 8192 , mput m 100 third , is third pread r 100 5 \
        , is "" pread r 1600000 5
    chmod 600 "$M/big"
    equal "$(head -c 4095 "$U/big" | tail -c 5)" agaiX
    equal "$(head -c 105 "$U/big" | tail -c 5)" third
}

@test "chmod, chown, xattrs, rename, link and utimes keep what was written" {
    large
    cp "$STACK/old" "$STACK/new"
    printf hello | dd of="$STACK/new" bs=1 seek=700000 conv=notrunc status=none
    local change
    for change in "chmod 600 big" "chown 7:8 big" "setfattr -n user.a -v b big" "mv big other" "ln big other" "touch -d 2001-02-03 big"; do
        rm -rf "$U/big" "$U/other"
        remount_overlay -o partial=64K
        sys open w "$M/big" rdwr , pwrite w 700000 hello
        partial 1
        (cd "$M" && $change)
        partial 0
        if [[ -e $M/other ]]; then cmp "$M/other" "$STACK/new"; else cmp "$M/big" "$STACK/new"; fi
        umount_overlay
        rm -rf "${U:?}"/* "${W:?}"/index/*
        mount_overlay -o partial=64K
    done
}

@test "a file that is unlinked goes on for those who have it open, and leaves nothing" {
    large
    sys open w "$M/big" rdwr , pwrite w 700000 hello , unlink "$M/big" , is hello pread w 700000 5 , pwrite w 3 more , is more pread w 3 4 \
        , is 0 fstat w nlink , ftruncate w 800000 , is 800000 fstat w size , fchmod w 600 , is hello pread w 700000 5 , pwrite w 3 MORE , is MORE pread w 3 4
    absent "$M/big"
    names "$W/partial" layers
    remount_overlay
    absent "$M/big"
}

@test "another file renamed over it, or O_TRUNC, leaves nothing of it" {
    large
    sys open w "$M/big" rdwr , pwrite w 700000 hello
    echo new >"$M/new"
    mv "$M/new" "$M/big"
    content "$M/big" $'new\n'
    names "$W/partial" layers
    own_stack 2
    head -c 200000 /dev/urandom >"$L/big"
    mount_overlay -o partial=64K
    sys open w "$M/big" rdwr , pwrite w 70000 hello
    echo short >"$M/big"
    content "$M/big" $'short\n'
    names "$W/partial" layers
    kernel_content
}

kernel_content() {
    mount_kernel_on_same_layers
    content "$M/big" $'short\n'
}

@test "changes of a lower file that was changed itself are kept, and do not show" {
    large
    sys open w "$M/big" rdwr , pwrite w 700000 hello
    kill_daemon
    head -c 300000 /dev/urandom >"$L/big"
    lowers_changed
    mount_overlay -o partial=64K
    cmp "$M/big" "$L/big"
    partial 1
}

@test "small files, hard links, set-id files and partial=off are copied up at the open" {
    large unmounted
    head -c 60000 /dev/urandom >"$L/small"
    head -c 200000 /dev/urandom >"$L/linked" && ln "$L/linked" "$L/linked2"
    head -c 200000 /dev/urandom >"$L/setid" && chmod 4755 "$L/setid"
    mount_overlay -o partial=64K
    local name
    for name in small linked setid; do
        sys open w "$M/$name" rdwr
        present "$U/$name"
    done
    remount_overlay -o partial=off
    sys open w "$M/big" rdwr
    cmp "$U/big" "$STACK/old"
}

@test "a file whose attributes alone were copied up after the open is copied up before it is written" {
    large unmounted
    mount_overlay -o partial=64K,metacopy=on
    sys open w "$M/big" rdwr , chmod "$M/big" 600 , pwrite w 700000 hello , is hello pread w 700000 5
    printf hello | dd of="$STACK/old" bs=1 seek=700000 conv=notrunc status=none
    cmp "$M/big" "$STACK/old"
    kernel_shows "$STACK/old"
}

# --- without a mount ---------------------------------------------------------------------------

left_behind() { # a file that is copied up in part, at d/e/big, and no mount
    large unmounted
    mkdir -p "$L2/d/e"
    mv "$L/big" "$L2/d/e/big"
    mount_overlay -o partial=64K
    sys open w "$M/d/e/big" rdwr , pwrite w 700000 hello
    printf hello | dd of="$STACK/old" bs=1 seek=700000 conv=notrunc status=none
    [[ ${1:-} == mounted ]] || kill_daemon
}

kernel_compares() { # FILE EXPECTED
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$MNT"
    cmp "$M/$1" "$2"
    timeout 20 umount "$MNT"
}

@test "complete finishes what a mount has left, and the kernel's overlayfs shows the old file before and the new one after" {
    left_behind
    kernel_compares d/e/big "$L2/d/e/big"
    partial 1
    equal "$(samepage complete "$U" "$W")" "completed d/e/big"
    partial 0
    cmp "$U/d/e/big" "$STACK/old"
    kernel_compares d/e/big "$STACK/old"
    equal "$(samepage complete "$U" "$W")" "nothing is pending"
    mount_overlay
    cmp "$M/d/e/big" "$STACK/old"
}

@test "complete finishes what a mount has left that was killed" {
    left_behind mounted
    kill_daemon
    (cd "$STACK" && equal "$(samepage complete up work)" "completed d/e/big")
    kernel_compares d/e/big "$STACK/old"
}

@test "complete finds a file below a directory that was renamed" {
    left_behind mounted
    mv "$M/d" "$M/moved"
    kill_daemon
    partial 1
    equal "$(samepage complete "$U" "$W")" "completed moved/e/big"
    partial 0
    kernel_compares moved/e/big "$STACK/old"
}

@test "complete refuses directories that a mount uses, that are missing, and that are none of an overlay" {
    left_behind
    ends 4 samepage complete "$U" "$STACK/absent"
    contains "$output" "does not exist: create it, or correct the path"
    mkdir "$STACK/other"
    ends 4 samepage complete "$U" "$STACK/other"
    contains "$output" "is no work directory of an overlay"
    ends 4 samepage complete "$STACK/other" "$W"
    contains "$output" "is not the upper directory"
    ends 2 samepage complete "$U"
    names "$STACK/other"
    mv "$L2" "$L2.away"
    ends 4 samepage complete "$U" "$W"
    contains "$output" "does not exist"
    mv "$L2.away" "$L2"
    lowers_changed
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$MNT"
    ends 6 samepage complete "$U" "$W"
    contains "$output" "is in use by the kernel's overlayfs"
    timeout 20 umount "$MNT"
    partial 1
    mount_overlay
    ends 6 samepage complete "$U" "$W"
    contains "$output" "is in use by another mount: unmount that"
}

@test "complete leaves alone what it cannot complete, and says so" {
    left_behind
    echo more >>"$L2/d/e/big"
    lowers_changed
    ends 16 samepage complete "$U" "$W"
    contains "$output" "1 in "
    partial 1
    absent "$U/d/e/big"
}

ends() { # STATUS COMMAND... : with one line, which is then $output
    local status=0 wanted=$1
    shift
    output=$("$@" 2>&1) || status=$?
    echo "$output"
    equal "$status" "$wanted"
    equal "$(wc -l <<<"$output")" 1
}

# --- what the file system above refuses --------------------------------------------------------

# A disk of so many bytes for what is above.
small_disk() { # SIZE
    own_stack
    head -c 6000000 /dev/urandom >"$L/big"
    cp "$L/big" "$STACK/before"
    mkdir "$STACK/fs"
    mount -t tmpfs -o "size=$1" tmpfs "$STACK/fs"
    mkdir "$STACK/fs/up" "$STACK/fs/work"
    UPPER=$STACK/fs/up WORK=$STACK/fs/work U=$STACK/fs/up W=$STACK/fs/work
    mount_overlay -o partial=64K
}

@test "ENOSPC in the middle of writes and of the completion reaches the caller, and nothing is lost" {
    under_kernel && skip "the kernel's overlayfs copies up whole files"
    small_disk 3M
    storm write "$M/big" "$STACK/log"
    storm check "$M/big" "$STACK/log" "$STACK/before"
    sys fails ENOSPC chmod "$M/big" 600
    sys open w "$M/big" rdwr , fails ENOSPC fill w 6000000
    cp "$M/big" "$STACK/new"
    umount_overlay
    ends 10 samepage complete "$U" "$W"
    contains "$output" "make room for it"
    absent "$U/big"
    mount -o remount,size=20M "$STACK/fs"
    equal "$(samepage complete "$U" "$W")" "completed big"
    kernel_compares big "$STACK/new"
}

# --- loss of power -----------------------------------------------------------------------------

# The upper directory is on a disk of its own.
on_a_disk() {
    under_kernel && skip "the kernel's overlayfs copies up whole files"
    own_stack
    head -c 1500007 /dev/urandom >"$L/big"
    loop_fs "$STACK/fs" 64M ext4 -m 0
    mkdir "$STACK/fs/up" "$STACK/fs/work"
    UPPER=$STACK/fs/up WORK=$STACK/fs/work U=$STACK/fs/up W=$STACK/fs/work
    mount_overlay -o partial=64K
    sync -f "$STACK/fs"
}

# What is on the disk at this instant is the disk from now on; what the kernel has not written to it is lost.
lose_power() {
    cp --sparse=always "$STACK/fs.img" "$STACK/cut.img"
    umount_overlay
    mkdir "$STACK/cut"
    mount -o loop "$STACK/cut.img" "$STACK/cut"
    UPPER=$STACK/cut/up WORK=$STACK/cut/work U=$STACK/cut/up W=$STACK/cut/work
}

@test "what fsync acknowledged survives a loss of power" {
    on_a_disk
    sys open w "$M/big" rdwr , pwrite w 700000 hello , pwrite w 20480 "$(printf '%4096s' x)" , ftruncate w 1200000 , fsync w
    lose_power
    cp "$L/big" "$STACK/new"
    printf hello | dd of="$STACK/new" bs=1 seek=700000 conv=notrunc status=none
    printf '%4096s' x | dd of="$STACK/new" bs=4096 seek=5 conv=notrunc status=none
    truncate -s 1200000 "$STACK/new"
    mount_overlay -o partial=64K
    cmp "$M/big" "$STACK/new"
    kill_daemon
    equal "$(samepage complete "$U" "$W")" "completed big"
    kernel_compares big "$STACK/new"
}

@test "a loss of power before fsync leaves the old file or the new one" {
    on_a_disk
    sys open w "$M/big" rdwr , pwrite w 700000 hello
    lose_power
    cp "$L/big" "$STACK/new"
    printf hello | dd of="$STACK/new" bs=1 seek=700000 conv=notrunc status=none
    mount_overlay -o partial=64K
    cmp "$M/big" "$L/big" || cmp "$M/big" "$STACK/new"
}

@test "what was cut off does not come back after a loss of power" {
    on_a_disk
    sys open w "$M/big" rdwr , pwrite w 700000 hello , fsync w , ftruncate w 500000 , ftruncate w 1500007
    sync -f "$STACK/fs/up"
    lose_power
    head -c 500000 "$L/big" >"$STACK/new"
    truncate -s 1500007 "$STACK/new"
    mount_overlay -o partial=64K
    cmp "$M/big" "$STACK/new"
}
