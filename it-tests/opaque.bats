#!/usr/bin/env bats
# Directories that hide those of the same name below them.

load lib/harness

fixture() {
    file "$L2/low-opaque/hidden" ""
    file "$L/low-opaque/shown" ""
    opaque "$L/low-opaque"
    file "$L2/up-opaque/hidden" ""
    file "$L/up-opaque/hidden-too" ""
    file "$U/up-opaque/shown" ""
    opaque "$U/up-opaque"
    file "$L2/value-x/shown" ""
    file "$L/value-x/also" ""
    setfattr -n trusted.overlay.opaque -v x "$L/value-x"
    file "$L2/value-n/shown" ""
    file "$L/value-n/also" ""
    setfattr -n trusted.overlay.opaque -v n "$L/value-n"
    file "$L2/d/a" a
    file "$L2/d/sub/b" b
    file "$L2/d/sub/deep/c" c
    file "$L/d/sub/b1" b1
}

setup_file() {
    share_overlay
}

@test "an opaque directory in a lower layer hides those below it" {
    names low-opaque shown
    fails ENOENT lstat low-opaque/hidden ino
}

@test "an opaque directory in the upper directory hides all lower ones" {
    names up-opaque shown
    fails ENOENT lstat up-opaque/hidden ino
    fails ENOENT lstat up-opaque/hidden-too ino
}

@test "only the value y means opaque" {
    names value-x also shown
    names value-n also shown
}

@test "hidden names stay hidden when an opaque lower directory is changed" {
    touch low-opaque/new
    names low-opaque new shown
    absent low-opaque/hidden
    mkdir low-opaque/hidden
    names low-opaque/hidden
    rm low-opaque/shown
    names low-opaque hidden new
    remount_overlay
    names low-opaque hidden new
}

@test "removing everything from an opaque directory makes it removable" {
    rm low-opaque/shown
    rmdir low-opaque
    absent low-opaque
}

@test "a lower directory removed and made again is empty" {
    rm -r d
    mkdir d
    names d
    is_opaque "$U/d"
    touch d/a
    content d/a ""
    absent d/sub
    remount_overlay
    names d a
}

@test "an opaque directory cuts off the middle of a tree" {
    rm -r d/sub
    mkdir -p d/sub/deep
    names d a sub
    names d/sub deep
    names d/sub/deep
    remount_overlay
    names d/sub deep
    names d/sub/deep
}

@test "a directory below an opaque one is not merged with what that hides" {
    own_stack
    file "$L2/d/sub/hidden" ""
    file "$L/d/sub/shown" ""
    opaque "$L/d"
    mount_overlay
    names "$M/d/sub" shown
}

@test "an opaque middle layer does not hide what is above it" {
    own_stack
    mkdir "$STACK/low3"
    LOWERDIR=low1:low2:low3 LOWERS=$L:$L2:$STACK/low3
    file "$L/d/top" ""
    file "$L2/d/middle" ""
    opaque "$L2/d"
    file "$STACK/low3/d/bottom" ""
    mount_overlay
    names "$M/d" middle top
}

@test "a new directory in a new directory is not made opaque in vain" {
    mkdir new
    mkdir new/sub
    touch new/sub/f
    remount_overlay
    names new sub
    names new/sub f
}

@test "an opaque root of a lower layer hides the layers below" {
    own_stack
    file "$L/top" ""
    file "$L2/bottom" ""
    mount_overlay
    names "$M" bottom top
    umount_overlay
    # the kernel does not look for this xattr on a layer's root
    setfattr -n trusted.overlay.opaque -v y "$L"
    remember_lowers
    mount_overlay
    names "$M" bottom top
}
