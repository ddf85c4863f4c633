#!/usr/bin/env bats
# metacopy=on: a change of attributes alone does not copy the data.

load lib/harness

fixture() {
    head -c 300000 /dev/urandom >"$L2/f"
    file "$L2/small" "lower text"
    setfattr -n user.note -v text "$L2/f"
    file "$L2/d/g" "in a directory"
    ln "$L2/small" "$L2/linked"
}

setup_file() {
    export KERNEL_CHECK=metacopy=on
    share_overlay -o metacopy=on
}

is_metacopy() { # PATH IN THE UPPER DIRECTORY
    contains "$(sys listxattr "$1")" trusted.overlay.metacopy
}

is_no_metacopy() { # PATH IN THE UPPER DIRECTORY
    lacks "$(sys listxattr "$1")" trusted.overlay.metacopy
}

remount() {
    remount_overlay -o metacopy=on
}

@test "chmod, chown, times and xattrs copy no data" {
    # (touch would open the file for writing)
    for change in "chmod f 600" "chown f 1 2" "utimens f 5 7" "setxattr f user.more x"; do
        # shellcheck disable=SC2086
        sys $change
        is_metacopy "$U/f"
        # an upper file of the same size without blocks
        attr "$U/f" size 300000
        (($(stat -c %b "$U/f") < 100))
        cmp f "$L2/f"
    done
    attr f mode,uid,gid "600 1 2"
    remount
    attr f mode,uid,gid,size "600 1 2 300000"
    cmp f "$L2/f"
}

@test "the kernel reads a metacopy right" {
    chmod 600 f
    mount_kernel_on_same_layers -o metacopy=on
    attr "$M/f" mode,size "600 300000"
    cmp "$M/f" "$L2/f"
    umount_overlay
    mount_overlay -o metacopy=on
    cmp "$M/f" "$L2/f"
}

@test "a later write copies the data" {
    chmod 600 f
    sys open w f rdwr , pwrite w 0 X
    is_no_metacopy "$U/f"
    cmp -i 1 f "$L2/f"
    attr f mode 600
    cmp "$U/f" f
}

@test "opening for reading copies no data" {
    chmod 600 f
    cat f >/dev/null
    is_metacopy "$U/f"
}

@test "truncate copies what is left" {
    chmod 600 f
    truncate -s 1000 f
    cmp f <(head -c 1000 "$L2/f")
    is_no_metacopy "$U/f"
}

@test "opening for writing at once copies the data" {
    echo more >>f
    is_no_metacopy "$U/f"
    cmp -n 300000 f "$L2/f"
}

@test "a metacopy is renamed and still finds its data" {
    chmod 600 f
    mv f moved
    cmp moved "$L2/f"
    is_metacopy "$U/moved"
    contains "$(xattr_of "$U/moved" trusted.overlay.redirect)" f
    remount
    cmp moved "$L2/f"
    mv moved d/again
    cmp d/again "$L2/f"
    remount
    cmp d/again "$L2/f"
    attr d/again mode 600
}

@test "a lower file is renamed without its data" {
    mv f moved
    is_metacopy "$U/moved"
    cmp moved "$L2/f"
    remount
    cmp moved "$L2/f"
    echo more >>moved
    cmp -n 300000 moved "$L2/f"
}

@test "a metacopy in a renamed directory" {
    chmod 600 d/g
    mv d moved
    content moved/g "in a directory"
    remount
    content moved/g "in a directory"
    mv moved/g g
    content g "in a directory"
    remount
    content g "in a directory"
    attr g mode 600
}

@test "the kernel reads a renamed metacopy right" {
    chmod 600 f
    mv f d/moved
    mv d e
    mount_kernel_on_same_layers -o metacopy=on
    cmp "$M/e/moved" "$L2/f"
    content "$M/e/g" "in a directory"
    umount_overlay
    mount_overlay -o metacopy=on
    cmp "$M/e/moved" "$L2/f"
}

@test "a metacopy is removed" {
    chmod 600 f
    rm f
    absent f
    remount
    absent f
}

@test "a metacopy is linked" {
    chmod 600 f
    ln f f2
    cmp f2 "$L2/f"
    attr f2 nlink 2
    echo more >>f2
    cmp f f2
    remount
    cmp f f2
}

@test "readers and writers of a metacopy that is being completed" {
    chmod 600 f
    sys open r f rdonly , open w f rdwr , pwrite w 100000 changed , is changed pread r 100000 7 , fchmod w 640
    content <(tail -c +100001 f | head -c 7) changed
    cmp -n 100000 f "$L2/f"
    attr f mode 640
}

@test "the overlay's xattrs of a metacopy are not shown" {
    chmod 600 f
    mv f moved
    equal "$(sys listxattr moved)" user.note
}

@test "a metacopy over a metacopy, in layers that were written so" {
    own_stack
    # three generations: the upper directory becomes a lower layer
    mkdir "$STACK/top" "$STACK/work2"
    file "$L2/f" "the data"
    LOWERDIR=low2 LOWERS=$L2
    mount_overlay -o metacopy=on
    chmod 600 "$M/f"
    mv "$M/f" "$M/g"
    umount_overlay
    LOWERDIR=up:low2 UPPER=$STACK/top WORK=$STACK/work2
    mount_overlay -o metacopy=on
    content "$M/g" "the data"
    chmod 640 "$M/g"
    is_metacopy "$STACK/top/g"
    mv "$M/g" "$M/h"
    content "$M/h" "the data"
    umount_overlay
    mount_overlay -o metacopy=on
    content "$M/h" "the data"
    attr "$M/h" mode 640
    absent "$M/f" "$M/g"
    umount_overlay
}

@test "with metacopy=off data are copied" {
    own_stack
    file "$L/f" "lower text"
    mount_overlay -o metacopy=off
    chmod 600 "$M/f"
    is_no_metacopy "$U/f"
    content "$U/f" "lower text"
}

@test "a metacopy left from before is read even with metacopy=off, or refused" {
    own_stack
    file "$L/f" "lower text"
    mount_overlay -o metacopy=on
    chmod 600 "$M/f"
    is_metacopy "$U/f"
    remount_overlay -o metacopy=off
    # the kernel gives EIO; what must not be seen is ten zeros
    if cat "$M/f" >"$TEST_DIR/out" 2>/dev/null; then
        content "$TEST_DIR/out" "lower text"
    fi
}

@test "a metacopy whose data are gone is an error, not zeros" {
    own_stack
    file "$L/f" "lower text"
    mount_overlay -o metacopy=on
    chmod 600 "$M/f"
    umount_overlay
    LOWERS_MAY_CHANGE=1
    rm "$L/f"
    mount_overlay -o metacopy=on
    fails EIO lstat "$M/f" size
}
