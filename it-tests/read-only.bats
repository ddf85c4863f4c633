#!/usr/bin/env bats
# Mounts that cannot be written: with ro, without an upper directory, or remounted.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L2/d/x" x
    ln -s f "$L/link"
    cp /bin/true "$L/program"
    mkdir "$L/empty"
    whiteout "$L/gone"
    file "$L2/gone" hidden
}

setup_file() {
    # there is no upper directory that the kernel could look at
    export KERNEL_CHECK=none
    share_overlay --read-only
}

nothing_can_be_changed() {
    fails EROFS open f new wronly+creat
    fails EROFS open f f rdwr
    fails EROFS open f f wronly+trunc
    fails EROFS open f f rdonly+trunc
    fails EROFS open f . tmpfile+rdwr
    fails EROFS mkdir new
    fails EROFS mknod new fifo 600
    fails EROFS symlink x new
    fails EROFS link f new
    fails EROFS unlink f
    fails EROFS rmdir empty
    fails EROFS rename f new
    fails EROFS rename f d/x exchange
    fails EROFS chmod f 600
    fails EROFS chown f 1 1
    fails EROFS lchown link 1 1
    fails EROFS utimens f 5 5
    fails EROFS truncate f 0
    fails EROFS setxattr f user.x y
    fails EROFS removexattr f user.x
    fails EROFS access f w
    fails EEXIST mkdir d
    fails EEXIST open f f rdonly+creat+excl
    content f lower
}

@test "without an upper directory nothing can be changed: EROFS" {
    nothing_can_be_changed
}

@test "without an upper directory everything can be read" {
    content f lower
    content d/x x
    content link lower
    ./program
    names . d empty f link program
    absent gone
    sys checkdents . , open r f rdonly , map m r r shared 5 , is lower mget m 0 5 , fsync r , flock r ex , access f r
    sys open r f rdonly , fails EROFS fchmod r 600 , fsync r , syncfs r
}

@test "without an upper directory the mount is told to be read-only" {
    contains "$(findmnt -n -o OPTIONS "$MNT")" ro
    # ST_RDONLY
    (($(sys statfs . flag) & 1))
}

@test "with ro nothing can be changed, although there is an upper directory" {
    own_stack
    L=$STACK/low1 L2=$STACK/low2
    fixture
    file "$U/upper" u
    mount_overlay -o ro
    cd "$M"
    nothing_can_be_changed
    content upper u
    fails EROFS open f upper rdwr
    fails EROFS unlink upper
    leave_mount
    umount_overlay
    names "$U" upper
    # and with rw again it can
    mount_overlay -o rw
    echo more >>"$M/f"
    rm "$M/upper"
}

@test "a mount is remounted read-only and back" {
    own_stack
    file "$L/f" lower
    mount_overlay
    echo one >"$M/new"
    # without a helper for the type, which need not be installed
    mount -i -o remount,ro "$M"
    fails EROFS open f "$M/f" rdwr
    fails EROFS unlink "$M/new"
    content "$M/new" $'one\n'
    mount -i -o remount,rw "$M"
    echo two >"$M/new"
    content "$M/new" $'two\n'
}

@test "an upper directory on a read-only file system makes a read-only mount, or none" {
    own_stack
    file "$L/f" lower
    loop_fs "$STACK/fs" 16M ext4
    mkdir "$STACK/fs/up" "$STACK/fs/work"
    file "$STACK/fs/up/u" upper
    mount -o remount,ro "$STACK/fs"
    UPPER=$STACK/fs/up WORK=$STACK/fs/work
    # the kernel mounts it if it must not make the work directory; with samepage an error is as good
    if mount_overlay -o ro; then
        content "$M/f" lower
        content "$M/u" upper
        fails EROFS open f "$M/new" wronly+creat
        umount_overlay
    else
        refuses is_mounted "$M"
    fi
}

@test "two read-only mounts of the same layers" {
    own_stack
    file "$L/f" lower
    mount_overlay --read-only
    first=$MNT MNT=$STACK/second M=$STACK/second
    mount_overlay --read-only
    content "$first/f" lower
    content "$M/f" lower
    umount_overlay
    MNT=$first
    content "$first/f" lower
}
