#!/usr/bin/env bats
# What the upper file system refuses reaches the caller as it is, and leaves the
# tree as it was.

load lib/harness

setup_file() {
    mkdir -p "$FILE_DIR"
}

# A stack whose upper directory is on a small file system of its own.
small_upper() { # SIZE TYPE [MKFS OPTIONS]
    own_stack
    file "$L/f" "lower text"
    file "$L/d/x" x
    file "$L2/d/y" y
    head -c 6000000 /dev/urandom >"$L/big"
    loop_fs "$STACK/fs" "$@"
    mkdir "$STACK/fs/up" "$STACK/fs/work"
    UPPER=$STACK/fs/up WORK=$STACK/fs/work U=$STACK/fs/up
}

# The copy-up of a file that does not fit is refused: at open, or, where that takes
# only what is written, at the latest when everything has been.
no_room_for_big() { # ERRNO
    local said
    if said=$(sys open w "$M/big" rdwr 2>&1); then
        fails_while_writing "$1"
    else
        contains "$said" "$1"
    fi
}

fails_while_writing() { # ERRNO
    sys open w "$M/big" rdwr , fails "$1" fill w 6000000
}

@test "ENOSPC: a write that finds no space says so and keeps what was written" {
    small_upper 8M ext4 -m 0
    mount_overlay
    sys open f "$M/new" rdwr+creat , write f start , fails ENOSPC fill f 100M , is start pread f 0 5
    rm "$M/new"
    # space that was freed can be used again, at the latest after a sync
    sync -f "$STACK/fs"
    echo text >"$M/new2"
    content "$M/new2" $'text\n'
}

@test "ENOSPC: a copy-up that finds no space leaves the lower file visible and nothing else" {
    small_upper 4M ext4 -m 0
    mount_overlay "${whole_copy_ups[@]}"
    no_room_for_big ENOSPC
    cmp "$M/big" "$L/big"
    umount_overlay
    # nothing half-copied is ever shown
    absent "$U/big"
    mount_overlay "${whole_copy_ups[@]}"
    attr "$M/big" size 6000000
    cmp "$M/big" "$L/big"
    equal "$(find "$WORK" -type f)" ""
    content "$M/f" "lower text"
    echo small >>"$M/f"
    content "$M/f" $'lower textsmall\n'
}

@test "ENOSPC: with no inode left nothing can be made, and lower files stay" {
    small_upper 4M ext4 -N 32
    mount_overlay
    n=0
    while ((++n < 64)) && : >"$M/new$n"; do :; done 2>/dev/null
    ((n < 64))
    fails ENOSPC mkdir "$M/dir"
    fails ENOSPC symlink x "$M/link"
    fails ENOSPC mknod "$M/fifo" fifo 600
    fails ENOSPC open f "$M/f" rdwr
    fails ENOSPC chmod "$M/f" 600
    content "$M/f" "lower text"
    attr "$M/f" mode 644
    names "$M/d" x y
    rm "$M"/new*
    echo more >>"$M/f"
    content "$M/f" $'lower textmore\n'
    mkdir "$M/dir"
}

@test "ENOSPC: a refused rename or removal leaves both names as they were" {
    small_upper 4M ext4 -N 32
    mount_overlay
    n=0
    while ((++n < 64)) && : >"$STACK/fs/filler$n"; do :; done 2>/dev/null
    fails ENOSPC rename "$M/f" "$M/moved"
    fails ENOSPC rename "$M/d" "$M/e"
    fails ENOSPC link "$M/f" "$M/linked"
    content "$M/f" "lower text"
    names "$M/d" x y
    absent "$M/moved" "$M/e" "$M/linked"
    rm "$STACK/fs"/filler*
    sys rename "$M/f" "$M/moved"
    content "$M/moved" "lower text"
}

@test "EDQUOT reaches the caller, and lower files stay" {
    needs_fs btrfs
    small_upper 150M btrfs
    rmdir "$UPPER" "$WORK"
    btrfs -q subvolume create "$STACK/fs/sub"
    mkdir "$STACK/fs/sub/up" "$STACK/fs/sub/work"
    UPPER=$STACK/fs/sub/up WORK=$STACK/fs/sub/work U=$UPPER
    btrfs quota enable "$STACK/fs"
    btrfs qgroup limit 2M "$STACK/fs/sub"
    mount_overlay
    sys open f "$M/new" rdwr+creat , fails EDQUOT fill f 20M
    attr "$M/big" size 6000000
    no_room_for_big EDQUOT
    cmp "$M/big" "$L/big"
    content "$M/f" "lower text"
}

@test "EFBIG: a file that is too large for the upper file system" {
    small_upper 8M ext4
    mount_overlay
    sys open f "$M/new" rdwr+creat , fails EFBIG ftruncate f 0x7fffffffffff0000
    attr "$M/new" size 0
}

@test "EMLINK reaches the caller" {
    small_upper 8M ext4 -N 64
    mount_overlay
    : >"$M/new"
    # ext4 allows 65,000 links
    (cd "$M" && /usr/bin/python3 -c '
import os, errno
for n in range(65010):
    try:
        os.link("new", "l%d" % n)
    except OSError as e:
        assert e.errno in (errno.EMLINK, errno.ENOSPC), e
        break
else:
    raise SystemExit("no error")')
    content "$M/new" ""
}

@test "the upper file system becomes read-only: EROFS, and reading goes on" {
    small_upper 8M ext4
    mount_overlay
    echo one >"$M/new"
    chmod 600 "$M/f"
    mount -o remount,ro "$STACK/fs"
    fails EROFS open f "$M/new2" wronly+creat
    fails EROFS open f "$M/big" rdwr
    fails EROFS unlink "$M/new"
    fails EROFS mkdir "$M/dir"
    fails EROFS rename "$M/d" "$M/e"
    content "$M/new" $'one\n'
    content "$M/f" "lower text"
    names "$M/d" x y
    mount -o remount,rw "$STACK/fs"
    echo two >"$M/new"
    content "$M/new" $'two\n'
}

@test "an immutable upper directory refuses, and the tree stays" {
    own_stack
    file "$L/d/x" x
    file "$U/d/u" u
    mount_overlay
    chattr +i "$U/d"
    fails EPERM open f "$M/d/new" wronly+creat
    fails EPERM unlink "$M/d/u"
    fails EPERM unlink "$M/d/x"
    fails EPERM rename "$M/d/x" "$M/moved"
    names "$M/d" u x
    chattr -i "$U/d"
    remount_overlay
    rm "$M/d/x"
    names "$M/d" u
}

@test "a caller's file size limit is the caller's, not the daemon's" {
    own_stack
    head -c 200000 /dev/urandom >"$L/f"
    mount_overlay
    # a copy-up of more than the caller may write
    run bash -c "trap '' XFSZ; ulimit -f 10; chmod 600 '$M/f' && printf x | dd of='$M/f' conv=notrunc status=none"
    equal "$status" 0
    cmp -i 1 "$M/f" "$L/f"
}
