#!/usr/bin/env bats
# Making regular files.

load lib/harness

fixture() {
    file "$L/f" lower 640
    file "$L/d/x" x
    chown 5:6 "$L/d"
    chmod 751 "$L/d"
    touch -d "2001-02-03 04:05:06" "$L/d"
    file "$L2/deep/1/2/3/f" f
    chmod 700 "$L2/deep/1" && chown 7:8 "$L2/deep/1/2"
    ln -s f "$L/link"
    ln -s nowhere "$L/dangling"
    mkdir "$L/open" "$L/setgid" "$L/sticky"
    chmod 777 "$L/open"
    chmod 2777 "$L/setgid" && chgrp 1234 "$L/setgid"
    chmod 1777 "$L/sticky"
}

setup_file() {
    share_overlay
}

@test "a new file is empty, mine, and in the upper directory" {
    sys open f new wronly+creat+excl 644
    attr new type,mode,uid,gid,size,nlink "file 644 0 0 0 1"
    attr "$U/new" type,mode,uid,gid,size,nlink "file 644 0 0 0 1"
    names . d dangling deep f link new open setgid sticky
}

@test "the mode of a new file is masked by the umask, special bits aside" {
    sys umask 027 , open f a wronly+creat 666 , is 640 lstat a mode \
        , open f b wronly+creat 4777 , is 4750 lstat b mode \
        , umask 0 , open f c wronly+creat 666 , is 666 lstat c mode \
        , open f e rdonly+creat 0 , is 0 lstat e mode
}

@test "a file created read-only may be written by its creator" {
    sys as 1000 , open f open/new rdwr+creat+excl 400 , write f text , is 4 fstat f size \
        , fails EACCES open g open/new rdwr
}

@test "a new file belongs to the user and group that create it" {
    sys as 1000 1001 , open f open/new wronly+creat 644
    attr open/new uid,gid,mode "1000 1001 644"
    attr "$U/open/new" uid,gid,mode "1000 1001 644"
}

@test "a file in a setgid directory gets the directory's group" {
    sys as 1000 1001 , open f setgid/new wronly+creat 644
    attr setgid/new uid,gid,mode "1000 1234 644"
}

@test "setgid with group execute is dropped for who is not in the group" {
    sys as 1000 1001 , umask 0 , open f setgid/new wronly+creat 2775 , is 775 lstat setgid/new mode \
        , open f setgid/nox wronly+creat 2765 , isnt 777 lstat setgid/nox mode
    sys umask 0 , open f setgid/root wronly+creat 2775 , is 2775 lstat setgid/root mode
}

@test "O_EXCL refuses a name that exists in a lower or the upper layer" {
    fails EEXIST open f f rdwr+creat+excl
    sys touch new , fails EEXIST open f new rdwr+creat+excl
    fails EEXIST open f link rdwr+creat+excl
    fails EEXIST open f dangling rdwr+creat+excl
    fails EEXIST open f d rdonly+creat+excl
}

@test "O_EXCL succeeds for a name that has been removed" {
    rm f
    sys open f f rdwr+creat+excl , write f new
    content f new
}

@test "O_CREAT of an existing lower file opens it as it is" {
    sys open r f rdwr+creat , is lower pread r 0 9
    attr f mode 640
}

@test "O_CREAT through a dangling symlink makes the file it names" {
    sys open f dangling wronly+creat , write f text
    content nowhere text
    attr dangling type link
}

@test "O_CREAT through a symlink to a file opens that file" {
    sys open f link wronly+creat , pwrite f 0 L
    content f Lower
    attr link type link
}

@test "a file created in a lower directory leaves that directory's attributes alone" {
    touch d/new
    attr d mode,uid,gid "751 5 6"
    attr "$U/d" mode,uid,gid "751 5 6"
    names d new x
}

@test "creating changes the directory's modification time" {
    attr d mtime "$(date -d '2001-02-03 04:05:06' +%s).000000000"
    touch d/new
    differ "$(sys lstat d mtime)" "$(date -d '2001-02-03 04:05:06' +%s).000000000"
}

@test "a file created deep in lower directories copies all of them up with their attributes" {
    touch deep/1/2/3/new
    attr "$U/deep/1" mode,uid,gid "700 0 0"
    attr "$U/deep/1/2" mode,uid,gid "755 7 8"
    names "$U/deep/1/2/3" new
    names deep/1/2/3 f new
}

@test "creating where it cannot be says why" {
    fails ENOENT open f no/new wronly+creat
    fails ENOTDIR open f f/new wronly+creat
    fails EISDIR open f d wronly+creat
    fails EISDIR open f new/ wronly+creat
    fails ENOENT open f "" wronly+creat
    fails EISDIR open f . wronly+creat
    fails EINVAL open f new rdwr+creat+directory
    absent new
}

@test "creating in a directory that I may not write is refused and changes nothing" {
    sys as 1000 , fails EACCES open f d/new wronly+creat , fails EACCES open f deep/1/new wronly+creat
    absent d/new "$U/d"
}

@test "creating in a directory that has been removed is refused" {
    sys open d d "rdonly+directory" , sh "rm -r d" , fails ENOENT openat f d new wronly+creat
    sys mkdir gone , open g gone "rdonly+directory" , rmdir gone , fails ENOENT openat f g new wronly+creat
}

@test "what one descriptor writes another reads at once" {
    sys open w new wronly+creat , open r new rdonly , write w one , is one pread r 0 9 \
        , write w two , is onetwo pread r 0 9 , is 6 fstat r size
}

@test "a thousand files in one directory" {
    mkdir many
    sys many many 1000 f text , is 1000 count many
    content many/f999 text
    equal "$(find many -type f -size 4c | wc -l)" 1000
    rm -r many
    absent many
}

@test "two processes creating the same file exclusively: one of them wins" {
    for n in {1..5}; do
        sys open f race wronly+creat+excl , touch "$TEST_DIR/a$n" 2>/dev/null &
        one=$!
        sys open f race wronly+creat+excl , touch "$TEST_DIR/b$n" 2>/dev/null &
        two=$!
        wait "$one" || true
        wait "$two" || true
        equal "$(find "$TEST_DIR" -name "?$n" | wc -l)" 1
        rm race
    done
}

@test "created files are there after a remount" {
    echo text >d/new
    remount_overlay
    content d/new $'text\n'
    names d new x
}
