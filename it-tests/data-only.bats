#!/usr/bin/env bats
# Data-only layers: what is after :: in lowerdir, or named by datadir+. Nothing in them is seen; their
# files hold the data of metacopies in lower layers that name them by a path.

load lib/harness

# A file without data: SIZE and attributes of its own, and where its data are.
metacopy() { # FILE SIZE [PATH]
    truncate -s "$2" "$1"
    sys setxattr "$1" trusted.overlay.metacopy ""
    [[ $# -lt 3 ]] || sys setxattr "$1" trusted.overlay.redirect "$3"
}

# The lower layers of a mount with data-only ones, which are part of the fixture.
layers() {
    own_stack
    OBJECTS=$STACK/objects MORE=$STACK/more
    mkdir -p "$OBJECTS/ab" "$MORE/ab" "$L2/bin"
    head -c 300000 /dev/urandom >"$OBJECTS/ab/1"
    file "$OBJECTS/plain" "not seen"
    mkdir "$OBJECTS/ab/3"
    file "$MORE/ab/1" "the same path further down"
    file "$MORE/ab/2" "only here"
    file "$MORE/ab/3" "beside a directory"
    ln -s 2 "$MORE/ab/link"
    metacopy "$L2/bin/one" 300000 /ab/1
    chmod 4755 "$L2/bin/one"
    metacopy "$L2/bin/two" 9 /ab/2
    metacopy "$L2/three" 18 /ab/3
    metacopy "$L2/absent" 5 /ab/none
    metacopy "$L2/link" 9 /ab/link
    metacopy "$L2/relative" 5 plain
    metacopy "$L2/nowhere" 5
    remember_data
}

remember_data() {
    find "$OBJECTS" "$MORE" -ls >"$STACK/data.before"
    find "$OBJECTS" "$MORE" -type f -exec sha256sum {} + >>"$STACK/data.before"
}

data_is_unchanged() {
    { find "$OBJECTS" "$MORE" -ls && find "$OBJECTS" "$MORE" -type f -exec sha256sum {} +; } | cmp - "$STACK/data.before"
}

mount_data() { # [mount_overlay's arguments]
    LOWERDIR+=::$OBJECTS::$MORE mount_overlay "$@" && cd "$M" || return
}

@test "a metacopy has the data that its path names, and attributes of its own" {
    layers
    mount_data
    cmp bin/one "$OBJECTS/ab/1"
    [[ $(stat -c '%a %s' bin/one) == "4755 300000" ]]
    [[ $(<bin/two) == "only here" ]]
    [[ $(<three) == "beside a directory" ]]
    [[ $(stat -c %b bin/one) == "$(stat -c %b "$OBJECTS/ab/1")" ]]
    data_is_unchanged
}

@test "nothing of a data-only layer is seen" {
    layers
    mount_data
    [[ $(ls -A) == $'absent\nbin\nlink\nnowhere\nrelative\nthree' ]]
    [[ ! -e ab && ! -e plain ]]
    [[ $(ls -A bin) == $'one\ntwo' ]]
}

@test "lowerdir+ and datadir+ name one layer after the other" {
    layers
    LOWERDIR=$L mount_overlay -o "lowerdir+=$L2,datadir+=$OBJECTS,datadir+=$MORE"
    cd "$M"
    cmp bin/one "$OBJECTS/ab/1"
    [[ $(<bin/two) == "only here" ]]
}

@test "without data a file shows its attributes and cannot be opened" {
    layers
    mount_data
    [[ $(stat -c %s absent) == 5 ]]
    fails ENOENT open f absent rdonly
    [[ $(stat -c %s link) == 9 ]]
    fails ENOENT open f link rdonly
}

@test "without a path there is no way to data-only layers" {
    layers
    mount_data
    fails EPERM lstat relative ino
    fails EPERM lstat nowhere ino
}

@test "a write copies data up, a change of attributes does, and the layers stay as they are" {
    layers
    mount_data
    printf X | dd of=bin/one bs=1 conv=notrunc status=none
    cmp --bytes=1 bin/one <(printf X)
    cmp --ignore-initial=1 bin/one "$OBJECTS/ab/1"
    chmod 600 bin/two
    [[ $(stat -c %a bin/two) == 600 && $(<bin/two) == "only here" ]]
    mv three moved
    [[ $(<moved) == "beside a directory" && ! -e three ]]
    rm absent
    [[ ! -e absent ]]
    umount_overlay
    data_is_unchanged
    mount_data
    cmp --ignore-initial=1 bin/one "$OBJECTS/ab/1"
    [[ $(stat -c %a bin/two) == 600 && $(<bin/two) == "only here" && $(<moved) == "beside a directory" && ! -e absent ]]
}

@test "metadata alone are copied up over data in a data-only layer" {
    layers
    mount_data -o metacopy=on
    chmod 600 bin/one
    cmp bin/one "$OBJECTS/ab/1"
    [[ $(stat -c %b "$U/bin/one") -lt 100 ]]
    mv bin/one here
    cmp here "$OBJECTS/ab/1"
    umount_overlay
    mount_data -o metacopy=on
    cmp here "$OBJECTS/ab/1"
    [[ $(stat -c %a here) == 600 ]]
}

@test "they are used without an upper directory, and where redirects are not followed" {
    layers
    mount_data --read-only -o redirect_dir=nofollow
    cmp bin/one "$OBJECTS/ab/1"
    [[ $(<three) == "beside a directory" ]]
}

@test "a lower layer may hide a metacopy of the one below" {
    layers
    whiteout "$L/bin/one"
    file "$L/three" "another"
    mount_data
    [[ ! -e bin/one && $(<three) == another ]]
}
