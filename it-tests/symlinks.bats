#!/usr/bin/env bats
# Symbolic links.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L/d/x" x
    ln -s f "$L/link"
    ln -s d "$L/dirlink"
    ln -s nowhere "$L/dangling"
    ln -s loop2 "$L/loop1" && ln -s loop1 "$L/loop2"
    ln -s "$(printf %04095d 0)" "$L/long"
    chown -h 3:4 "$L/link"
    touch -h -d "2001-02-03 04:05:06.789" "$L/link"
    setfattr -h -n trusted.note -v text "$L/link"
}

setup_file() {
    share_overlay
}

@test "a lower symlink is read and followed" {
    equal "$(readlink link)" f
    content link lower
    attr link type,mode,size,uid,gid "link 777 1 3 4"
    content dirlink/x x
}

@test "a symlink is made" {
    ln -s target new
    equal "$(readlink new)" target
    attr new type,mode,size,uid "link 777 6 0"
    equal "$(readlink "$U/new")" target
    remount_overlay
    equal "$(readlink new)" target
}

@test "a symlink's target may be anything up to 4095 bytes" {
    sys symlink "4095*y" new , is "4095*y" readlink new , is 4095 lstat new size , fails ENAMETOOLONG symlink "4096*y" new2
    equal "$(readlink long | wc -c)" 4096
    fails ENOENT symlink "" empty
    odd=$'\xff\xfe /../ \n'
    ln -s "$odd" odd
    equal "$(readlink odd; echo .)" "$odd"$'\n.'
}

@test "a symlink over an existing name is refused" {
    fails EEXIST symlink target f
    fails EEXIST symlink target link
    fails EEXIST symlink target d
    fails ENOENT symlink target no/new
}

@test "readlink of what is no symlink is refused" {
    fails EINVAL readlink f
    fails EINVAL readlink d
    fails ENOENT readlink no
}

@test "a circle of symlinks is noticed" {
    fails ELOOP open f loop1 rdonly
    fails ELOOP stat loop2 ino
    attr loop1 type link
}

@test "chown of a symlink itself copies it up and leaves its target alone" {
    chown -h 1:2 link
    attr link type,uid,gid "link 1 2"
    attr f uid,gid "0 0"
    attr "$U/link" type,uid,gid,mtime "link 1 2 981173106.789000000"
    equal "$(readlink link)" f
    absent "$U/f"
}

@test "chown and chmod through a symlink change its target" {
    chown 1:2 link
    chmod 600 link
    attr f uid,gid,mode "1 2 600"
    attr link uid,gid "3 4"
}

@test "the times of a symlink itself are set" {
    sys utimens link 5.000000006 7.000000008 nofollow
    attr link mtime,atime "7.000000008 5.000000006"
    attr "$U/link" type,mtime "link 7.000000008"
    absent "$U/f"
}

@test "xattrs of a symlink itself" {
    sys is text getxattr link trusted.note nofollow , setxattr link trusted.more 1 any nofollow \
        , is 1 getxattr link trusted.more nofollow , fails EPERM setxattr link user.x 1 any nofollow
    # the copied-up link has both
    contains "$(getfattr -h -d -m - "$U/link")" 'trusted.note="text"'
    fails ENODATA getxattr f trusted.more
}

@test "a symlink is renamed, linked and removed itself" {
    mv link moved
    equal "$(readlink moved)" f
    attr moved uid,mtime "3 981173106.789000000"
    ln moved linked
    attr linked type,nlink "link 2"
    rm moved linked dirlink
    absent link moved dirlink
    present f d
}

@test "a file is written through a lower symlink without the link being touched" {
    echo new >./link
    content f $'new\n'
    attr link type,uid "link 3"
    absent "$U/link"
}

@test "a dangling symlink is there but cannot be opened" {
    attr dangling type link
    fails ENOENT open f dangling rdonly
    rm dangling
    absent dangling
}

@test "a symlink made again with another target is read anew" {
    equal "$(readlink link)" f
    rm link
    ln -s d link
    equal "$(readlink link)" d
    content link/x x
    ln -sfn f link
    equal "$(readlink link)" f
}

@test "a path with a slash behind a symlink to a directory" {
    attr dirlink/ type dir
    fails ENOTDIR lstat link/ type
    names dirlink/ x
}
