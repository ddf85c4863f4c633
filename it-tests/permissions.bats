#!/usr/bin/env bats
# What other users than root may do. The tests of one operation are with it; here
# is what concerns all.

load lib/harness

fixture() {
    chmod 755 "$L" "$L2"
    file "$L/public" p 644
    file "$L/secret" s 600
    file "$L/theirs" t 600
    chown 1000:1000 "$L/theirs"
    file "$L/group" g 640
    chgrp 1005 "$L/group"
    mkdir "$L/home" "$L/closed" "$L/noexec" "$L/blind"
    chown 1000:1000 "$L/home"
    file "$L/home/f" h
    chown 1000:1000 "$L/home/f"
    file "$L/closed/f" c 666
    chmod 700 "$L/closed"
    file "$L/noexec/f" n 666
    chmod 744 "$L/noexec"
    file "$L/blind/f" b 666
    chmod 711 "$L/blind"
    mkdir "$L2/opened" "$L/opened"
    file "$L2/opened/f" o
    # the topmost layer's directory decides
    chmod 700 "$L2/opened"
    chmod 755 "$L/opened"
}

setup_file() {
    share_overlay
}

@test "another user reads what is public, and nothing else" {
    sys as 1000 , open f public rdonly , is p read f , fails EACCES open f secret rdonly , open f theirs rdwr , is t read f , fails EACCES open f group rdonly
    sys as 1001 , fails EACCES open f theirs rdonly
}

@test "groups count, the first and the further ones" {
    sys as 1001 1005 , open f group rdonly , is g read f , fails EACCES open f group rdwr
    sys as 1001 1001 1004,1005,1006 , open f group rdonly
    sys as 1001 1001 1004,1006 , fails EACCES open f group rdonly
}

@test "a user works in their own directory" {
    sys as 1000 , open f home/new rdwr+creat , write f text , mkdir home/d , symlink new home/link , link home/new home/hard \
        , rename home/new home/moved , unlink home/link , rmdir home/d , open g home/f rdwr , write g H , setxattr home/f user.note x \
        , utimens home/f 5 7 , chmod home/f 600 , mknod home/fifo fifo 600
    attr home/moved uid,gid,nlink "1000 1000 2"
    attr home/f uid,mode "1000 600"
    names home f fifo hard moved
}

@test "a directory without search permission hides what is in it" {
    sys as 1000 , fails EACCES lstat closed/f ino , fails EACCES open f closed/f rdonly , fails EACCES ls closed , fails EACCES chdir closed \
        , fails EACCES lstat noexec/f ino , is f ls noexec
}

@test "a directory without read permission can be passed" {
    sys as 1000 , fails EACCES ls blind , open f blind/f rdonly , is b read f , chdir blind , is file lstat f type
}

@test "the topmost of merged directories decides" {
    sys as 1000 , is f ls opened , open f opened/f rdonly
}

@test "permissions change with a chmod, for the next open and look-up" {
    sys as 1000 , fails EACCES open f secret rdonly
    chmod 644 secret
    sys as 1000 , open f secret rdonly , is s read f
    chmod 755 closed
    sys as 1000 , open f closed/f rdonly , is c read f
    chmod 700 closed
    sys as 1000 , fails EACCES open f closed/f rdonly
}

@test "root without CAP_DAC_OVERRIDE is bound like anybody" {
    run setpriv --bounding-set -dac_override,-dac_read_search,-fowner --inh-caps -all cat theirs
    equal "$status" 1
    contains "$output" "Permission denied"
    # a copy-up must not need what the caller lacks
    setpriv --bounding-set -dac_override,-dac_read_search,-fowner --inh-caps -all bash -c 'echo more >>public'
    content public $'pmore\n'
}

@test "a user who lacks every right causes no copy-up by looking" {
    sys as 1000 , ls . , is p sh "cat public" , access public r >/dev/null
    absent "$U"
}

@test "chown is for root" {
    sys as 1000 , fails EPERM chown theirs 1001 1001 , fails EPERM chown secret 1000 1000 , chown theirs 1000 1000
    attr theirs uid "1000"
}

@test "copy-up of a file in a directory that its owner cannot write" {
    # root's directory, the user's file: the copy is made all the same
    sys as 1000 , open f theirs rdwr , write f T
    attr "$U/theirs" uid,gid,mode "1000 1000 600"
    content theirs T
}

@test "a user's own layer directories: everything belongs to them" {
    own_stack
    file "$L/f" lower
    chown -R 1000:1000 "$L" "$L2" "$UPPER" "$WORK"
    mount_overlay
    sys as 1000 , chdir "$M" , open f f rdwr , write f X , mkdir d , open n d/new wronly+creat , rename d e
    attr "$U/e/new" uid 1000
}
