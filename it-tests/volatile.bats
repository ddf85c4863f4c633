#!/usr/bin/env bats
# volatile: nothing is synced, and a mark in the work directory keeps the result
# from being taken for good.

load lib/harness

setup() {
    start_test
    own_stack
    file "$L/f" lower
    MARK=$WORK/work/incompat/volatile
}

@test "a volatile mount leaves a mark in the work directory" {
    mount_overlay -o volatile
    echo new >"$M/f"
    sys open f "$M/f" rdwr , fsync f , syncfs f
    content "$M/f" $'new\n'
    attr "$MARK" type dir
    umount_overlay
    # the mark stays: whether all was written is not known
    attr "$MARK" type dir
    content "$U/f" $'new\n'
}

@test "a work directory with the mark is not mounted again, volatile or not" {
    mount_overlay -o volatile
    umount_overlay
    refuses mount_overlay
    refuses mount_overlay -o volatile
    refuses is_mounted "$M"
}

@test "once the mark is removed it is mounted again with what was written" {
    mount_overlay -o volatile
    echo new >"$M/f"
    umount_overlay
    rm -r "$MARK"
    mount_overlay
    content "$M/f" $'new\n'
    umount_overlay
    mount_overlay -o volatile
    umount_overlay
}

@test "a mount that is not volatile leaves no mark" {
    mount_overlay
    echo new >"$M/f"
    absent "$MARK"
    umount_overlay
    absent "$MARK"
    mount_overlay
}

@test "the mark of a volatile mount keeps the kernel from mounting it" {
    mount_overlay -o volatile
    echo new >"$M/f"
    umount_overlay
    refuses mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    rm -r "$MARK"
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    content "$M/f" $'new\n'
}

@test "the mark of the kernel's volatile mount keeps it from being mounted" {
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK,volatile" "$M"
    umount "$M"
    refuses mount_overlay
    refuses is_mounted "$M"
}
