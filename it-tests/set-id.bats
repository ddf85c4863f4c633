#!/usr/bin/env bats
# Set-user-ID, set-group-ID and sticky bits, and the inode flags of chattr.

load lib/harness

fixture() {
    for name in a b c d e; do
        file "$L/$name" "#!/bin/sh" 6777
        chown 1000:1000 "$L/$name"
        chmod 6777 "$L/$name"
    done
    file "$L/roots" "x" 777
    chmod 6777 "$L/roots"
    file "$L/nox" "x"
    chmod 2666 "$L/nox"
    mkdir "$L/setgid" && chown 1000:1234 "$L/setgid" && chmod 2777 "$L/setgid"
    mkdir "$L/sticky" && chmod 1777 "$L/sticky"
    cp /usr/bin/id "$L/id"
    chown 1000:1000 "$L/id"
    chmod 6755 "$L/id"
    file "$L/flagged" lower
}

setup_file() {
    share_overlay
}

@test "a write by another user clears both bits" {
    sys as 1001 , open w a wronly , is 6777 lstat a mode , write w x , is 777 lstat a mode , is 777 fstat w mode
    sys as 1001 , open w roots wronly+append , write w x , is 777 lstat roots mode
}

@test "a write by the owner clears both bits" {
    sys as 1000 , open w a wronly , write w x , is 777 lstat a mode
}

@test "a write by root keeps them" {
    sys open w a wronly , write w x , is 6777 lstat a mode
}

@test "bits that were set after the open are kept by a write of root and cleared by one of another user" {
    file late "x" 777
    sys open w late wronly , write w x , fchmod w 6777 , write w y , is 6777 lstat late mode \
        , as 1001 , write w z , is 777 lstat late mode , is 777 fstat w mode
    content late xyz
}

@test "an owner who is not in the file's group loses its bit by giving the file to his own" {
    chown 1000:1234 nox
    chmod 2666 nox
    sys as 1000 , is 2666 lstat nox mode , chown nox -1 1000 , is 666 lstat nox mode
}

@test "a chown that changes neither owner nor group clears both bits" {
    sys chown a -1 -1 , is 777 lstat a mode , open w b rdwr , chown setgid -1 -1 , is 2777 lstat setgid mode
}

@test "a chown that changes neither owner nor group is refused to others, and takes nothing away" {
    sys as 1001 , fails EPERM chown a -1 -1 , is 6777 lstat a mode
    sys as 1001 , fails EPERM chown roots -1 -1 , is 6777 lstat roots mode
    sys as 1000 , chown b -1 -1 , is 777 lstat b mode
    sys as 1001 , open w c wronly , write w x , is 777 lstat c mode , chown c -1 -1
    sys open w roots wronly , as 1001 , write w x , is 777 lstat roots mode
}

@test "setgid without group execute is cleared by a write of who is not in the group" {
    sys as 1001 1001 0 , open w nox wronly , write w y , is 2666 lstat nox mode
    sys as 1001 , open w nox wronly , write w z , is 666 lstat nox mode
}

@test "truncate by another user clears both bits" {
    sys as 1001 , truncate a 1 , is 777 lstat a mode , open w b wronly+trunc , is 777 lstat b mode \
        , open w c rdwr , ftruncate w 1 , is 777 lstat c mode
}

@test "fallocate and copy_file_range by another user clear both bits" {
    sys as 1001 , open w a rdwr , fallocate w default 0 100 , is 777 lstat a mode \
        , open w b rdwr , open r c rdonly , copy_file_range w 0 r 0 5 , is 777 lstat b mode >/dev/null
}

@test "a write through a map by another user" {
    # needs a page of its own; the kernel clears the bits at the fault
    sys as 1001 , open f a rdwr , map m f rw shared 9 , mput m 0 X , msync m
    content a "X!/bin/sh"
}

@test "chown clears both bits, of a lower file too" {
    chown 5 a
    attr a mode,uid "777 5"
    attr "$U/a" mode,uid "777 5"
    chgrp 5 b
    attr b mode,gid "777 5"
    chown 7:7 nox
    attr nox mode "2666"
}

@test "chown of a directory keeps setgid" {
    chown 5 setgid
    attr setgid mode,uid "2777 5"
}

@test "chown to the same owner by who may not anything else" {
    sys as 1000 , fails EPERM chown a 1001 1000 , fails EPERM chown a 1000 1001 , chown a 1000 1000
    attr a uid,gid "1000 1000"
}

@test "the owner gives the file to a group of theirs" {
    sys as 1000 1000 1007 , chown a -1 1007 , is "1007 777" lstat a gid,mode
}

@test "setgid is dropped by chmod of who is not in the group" {
    touch setgid/new
    chown 1000:1234 setgid/new
    sys as 1000 1000 , chmod setgid/new 2755 , is 755 lstat setgid/new mode
    sys as 1000 1000 1234 , chmod setgid/new 2755 , is 2755 lstat setgid/new mode
    chmod 6755 setgid/new
    attr setgid/new mode 6755
}

@test "chmod by who is not the owner is refused and changes nothing" {
    sys as 1001 , fails EPERM chmod a 700 , open r a rdonly , fails EPERM fchmod r 700
    attr a mode 6777
    absent "$U/a"
}

@test "chmod sets and shows all twelve bits" {
    # chmod(1) would keep some bits of directories
    for mode in 7777 1000 4000 2000 0 7 70 700 644; do
        sys chmod d "$mode" , is "$mode" lstat d mode , chmod sticky "$mode" , is "$mode" lstat sticky mode
    done
    sys chmod sticky 1755
    attr "$U/sticky" mode 1755
}

@test "a set-id program runs as its owner" {
    contains "$(setpriv --reuid 1001 --regid 1001 --clear-groups ./id)" "euid=1000"
    contains "$(setpriv --reuid 1001 --regid 1001 --clear-groups ./id)" "egid=1000"
    chmod 6755 id
    contains "$(setpriv --reuid 1001 --regid 1001 --clear-groups ./id)" "euid=1000"
}

@test "with nosuid a set-id program runs as its caller" {
    own_stack
    cp /usr/bin/id "$L/id"
    chown 1000 "$L/id"
    chmod 4755 "$L/id"
    mount_overlay -o nosuid
    lacks "$(setpriv --reuid 1001 --regid 1001 --clear-groups "$M/id")" "euid=1000"
}

@test "sticky shows on files and directories" {
    touch new
    chmod 1644 new
    attr new mode 1644
    attr sticky mode 1777
}

# --- chattr --------------------------------------------------------------------------------

@test "an immutable file cannot be written, renamed, linked or removed, until it is mutable again" {
    sys setflags flagged i , is i getflags flagged , fails EPERM open w flagged wronly , fails EPERM unlink flagged \
        , fails EPERM rename flagged moved , fails EPERM link flagged linked , fails EPERM chmod flagged 600 , fails EPERM truncate flagged 0
    content flagged lower
    sys setflags flagged - , is - getflags flagged , open w flagged wronly , unlink flagged
}

@test "an append-only file can only grow" {
    sys setflags flagged a , is a getflags flagged , fails EPERM open w flagged wronly , fails EPERM unlink flagged \
        , open w flagged wronly+append , write w more
    content flagged lowermore
    sys setflags flagged -
    rm flagged
}

@test "flags of a directory" {
    mkdir new
    touch new/f
    sys setflags new i , fails EPERM open f new/g wronly+creat , fails EPERM unlink new/f , setflags new - , unlink new/f
}

@test "harmless flags are kept" {
    touch new
    sys setflags new A , is A getflags new , setflags new - , is - getflags new
    lsattr new >/dev/null
}

@test "flags of a file are for who may" {
    sys as 1000 , fails EPERM setflags a i
}

@test "flags stay over a remount" {
    touch new
    sys setflags new i
    remount_overlay
    sys is i getflags new , fails EPERM unlink new , setflags new - , unlink new
}
