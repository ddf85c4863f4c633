#!/usr/bin/env bats
# O_TMPFILE: files that begin without a name.

load lib/harness

fixture() {
    file "$L/f" lower
    mkdir "$L/d" "$L/open" "$L/setgid"
    chmod 777 "$L/open"
    chmod 2777 "$L/setgid" && chgrp 1234 "$L/setgid"
}

setup_file() {
    share_overlay
}

@test "a file without a name is written, read and asked" {
    sys open t d tmpfile+rdwr 640 , write t text , is text pread t 0 9 , is "file 640 0 4" fstat t type,mode,nlink,size
    names d
    names . d f open setgid
}

@test "a file without a name gets one" {
    sys open t d tmpfile+rdwr 640 , write t text , linkfd t d/named , is 1 fstat t nlink , write t more , is textmore sh "cat d/named"
    content d/named textmore
    attr d/named mode "640"
    remount_overlay
    content d/named textmore
}

@test "a file without a name gets one by its descriptor alone" {
    sys open t . tmpfile+rdwr 640 , write t text , linkempty t d/named
    content d/named text
}

@test "a file without a name gets two" {
    sys open t d tmpfile+rdwr , write t text , linkfd t one , linkfd t d/two , is 2 fstat t nlink
    attr one nlink,ino "2 $(sys lstat d/two ino)"
}

@test "a name that exists is not taken" {
    sys open t d tmpfile+rdwr , fails EEXIST linkfd t f , fails EEXIST linkfd t d
    content f lower
}

@test "a name that was removed is taken" {
    rm f
    sys open t . tmpfile+rdwr , write t new , linkfd t f
    content f new
    rm f
    absent f
}

@test "with O_EXCL it can never get a name" {
    sys open t d tmpfile+rdwr+excl , write t text , is text pread t 0 9 , fails ENOENT linkfd t d/named
    absent d/named
}

@test "it must be opened for writing, in a directory" {
    fails EINVAL open t d tmpfile+rdonly
    fails ENOTDIR open t f tmpfile+rdwr
    fails ENOENT open t no tmpfile+rdwr
}

@test "its mode is masked, its owner is its maker" {
    sys as 1000 1001 , umask 027 , open t open tmpfile+rdwr 666 , is "640 1000 1001" fstat t mode,uid,gid , linkfd t open/named
    attr open/named mode,uid,gid "640 1000 1001"
    sys as 1000 1001 , open t setgid tmpfile+rdwr 644 , is "1000 1234" fstat t uid,gid
}

@test "who may not write the directory cannot make one" {
    sys as 1000 , fails EACCES open t d tmpfile+rdwr
}

@test "its attributes and size are changed" {
    sys open t d tmpfile+rdwr , fchmod t 600 , fchown t 1 2 , ftruncate t 100 , setxattr fd:t user.note text , futimens t 5.5 7.7 \
        , is "600 1 2 100 7.700000000" fstat t mode,uid,gid,size,mtime , linkfd t d/named
    attr d/named mode,uid,gid,size,mtime "600 1 2 100 7.700000000"
    equal "$(xattr_of d/named user.note)" text
}

@test "it is reopened through /proc and mapped" {
    sys open t d tmpfile+rdwr , ftruncate t 4096 , map m t rw shared 4096 , mput m 0 mapped , msync m \
        , open r "/proc/self/fd/{t}" rdonly , is mapped pread r 0 6 , fails EBADF write r x
}

@test "nothing is left when it is closed" {
    sys open t d tmpfile+rdwr , fill t 1M
    names d
    equal "$(find "$WORK" -type f)" ""
}
