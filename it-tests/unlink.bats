#!/usr/bin/env bats
# Removing names.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L/g" other
    file "$L2/both" below
    file "$L/both" above
    file "$L/d/x" x
    file "$L2/d/y" y
    mkdir "$L/empty"
    ln -s f "$L/link"
    mkdir "$L/sticky" "$L/open"
    chmod 1777 "$L/sticky"
    chmod 777 "$L/open"
    file "$L/sticky/roots" r 666
    file "$L/sticky/theirs" t 666
    chown 1001 "$L/sticky/theirs"
    file "$L/open/roots" r 600
}

setup_file() {
    share_overlay
}

@test "a removed name is gone from look-up and from the list" {
    rm f
    absent f
    fails ENOENT unlink f
    names . both d empty g link open sticky
}

@test "a name in both lower layers is removed at once" {
    rm both
    absent both
    remount_overlay
    absent both
}

@test "a name in the upper and a lower layer is removed at once" {
    echo more >>f
    rm f
    absent f
}

@test "removing from a merged directory" {
    rm d/x
    names d y
    rm d/y
    names d
}

@test "removing what cannot be removed says why" {
    fails EISDIR unlink d
    fails EISDIR unlink empty
    fails ENOENT unlink no
    fails ENOTDIR unlink f/x
    fails ENOTDIR unlink f/
    fails ENOENT unlink ""
    fails ENAMETOOLONG unlink "$(printf %0256d 0)"
    present d empty f
}

@test "removing a symlink leaves what it names" {
    rm link
    content f lower
}

@test "who may not write the directory cannot remove from it" {
    sys as 1000 , fails EACCES unlink f , fails EACCES unlink d/x
    present f d/x
    absent "$U/f"
}

@test "who may write the directory can remove others' files" {
    sys as 1000 , unlink open/roots
    absent open/roots
}

@test "in a sticky directory only one's own files can be removed" {
    sys as 1000 , fails EPERM unlink sticky/roots , fails EPERM unlink sticky/theirs
    present sticky/roots sticky/theirs
    sys as 1001 , unlink sticky/theirs
    absent sticky/theirs
}

@test "the link count of an open file follows its removal" {
    sys open n new rdwr+creat , link new new2 , is 2 fstat n nlink , unlink new , is 1 fstat n nlink , unlink new2 , is 0 fstat n nlink
}

@test "removing changes the directory's modification time" {
    before=$(sys lstat d mtime)
    sleep 0.02
    rm d/x
    differ "$(sys lstat d mtime)" "$before"
}

@test "removing by a name that differs in case does nothing" {
    fails ENOENT unlink F
    present f
}

blocks_are_free() { # PATH COUNT
    (($(stat -f -c %f "$1") >= $2))
}

@test "a removed file's space comes back" {
    # on a file system of its own, where nobody else writes meanwhile
    own_stack
    loop_fs "$STACK/fs" 64M ext4
    mkdir "$STACK/fs/up" "$STACK/fs/work"
    UPPER=$STACK/fs/up WORK=$STACK/fs/work U=$STACK/fs/up
    file "$L/f" ""
    mount_overlay
    before=$(stat -f -c %f "$M")
    head -c 20M /dev/zero >"$M/big"
    sync -f "$M/big"
    rm "$M/big"
    # The daemon has the file until the kernel's FORGET, which nobody waits for.
    eventually 30 blocks_are_free "$M" $((before - 64))
}

@test "everything in a directory is removed by a glob" {
    touch d/{a..z}
    rm d/*
    names d
    rmdir d
}
