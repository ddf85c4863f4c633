#!/usr/bin/env bats
# Fifos, sockets and devices.

load lib/harness

fixture() {
    mkfifo -m 640 "$L/fifo"
    mknod -m 640 "$L/null" c 1 3
    mknod -m 640 "$L/block" b 120 5
    sys mknod "$L/socket" socket 640
    touch -h -d "2001-02-03 04:05:06.789" "$L"/{fifo,null,block,socket}
    chown -h 3:4 "$L"/{fifo,null,block,socket}
    mkdir "$L/d" "$L/open"
    chmod 777 "$L/open"
}

setup_file() {
    share_overlay
}

@test "lower special files show as what they are" {
    attr fifo type,mode,uid,gid "fifo 640 3 4"
    attr null type,rdev,mode "char 1:3 640"
    attr block type,rdev,mode "block 120:5 640"
    attr socket type,mode "socket 640"
    sys checkdents .
}

@test "special files are made" {
    sys umask 022 , mknod d/fifo fifo 666 , mknod d/socket socket 666 \
        , mknod d/char char 666 1:5 , mknod d/block block 666 259:70000 , mknod d/file file 666
    attr d/fifo type,mode,size "fifo 644 0"
    attr d/socket type,mode "socket 644"
    attr d/char type,rdev,mode "char 1:5 644"
    attr d/block type,rdev,mode "block 259:70000 644"
    attr d/file type,mode,size "file 644 0"
    remount_overlay
    attr d/block type,rdev,mode "block 259:70000 644"
    sys checkdents d
}

@test "mknod of a name that exists is refused" {
    fails EEXIST mknod fifo fifo 644
    fails EEXIST mknod d fifo 644
    fails ENOENT mknod no/fifo fifo 644
}

@test "only root makes devices, everybody fifos and sockets" {
    sys as 1000 , fails EPERM mknod open/null char 600 1:3 , mknod open/fifo fifo 600 , mknod open/socket socket 600
    attr open/fifo uid,mode "1000 600"
}

@test "chmod, chown and times of lower special files copy them up as they are" {
    for name in fifo null block socket; do
        type=$(sys lstat $name type,rdev)
        chmod 600 $name
        chown 1:2 $name
        attr $name type,rdev,mode,uid,gid "$type 600 1 2"
        attr "$U/$name" type,rdev,mode,uid,gid "$type 600 1 2"
        attr "$U/$name" mtime 981173106.789000000
    done
}

@test "special files are renamed, linked and removed" {
    mv fifo d/moved
    attr d/moved type,mode "fifo 640"
    absent fifo
    ln null d/linked
    attr d/linked type,rdev,nlink "char 1:3 2"
    rm socket block
    absent socket block
    mount_kernel_on_same_layers
    attr "$M/d/moved" type "fifo"
    attr "$M/d/linked" type,rdev "char 1:3"
    absent "$M/fifo" "$M/socket"
    umount_overlay
    mount_overlay
}

@test "two processes talk through a lower fifo" {
    timeout 10 cat fifo >"$TEST_DIR/out" &
    reader=$!
    echo hello | timeout 10 tee fifo >/dev/null
    wait "$reader"
    content "$TEST_DIR/out" $'hello\n'
    absent "$U/fifo"
}

@test "two processes talk through a new fifo" {
    mkfifo d/new
    timeout 10 cat d/new >"$TEST_DIR/out" &
    reader=$!
    echo hello | timeout 10 tee d/new >/dev/null
    wait "$reader"
    content "$TEST_DIR/out" $'hello\n'
}

@test "a unix socket is bound and connected to" {
    sys bind d/listening , connect d/listening , is socket lstat d/listening type
    fails ECONNREFUSED connect d/listening
    fails ECONNREFUSED connect socket
    fails EADDRINUSE bind d/listening
}

@test "devices work through the mount" {
    mknod d/zero c 1 5
    equal "$(head -c 4 d/zero | od -An -tx1)" " 00 00 00 00"
    echo text >null
    equal "$(cat null)" ""
    fails ENXIO open f block rdonly
}

@test "a lower device can be opened for writing without becoming a file" {
    echo text >null
    attr null type,rdev "char 1:3"
}

@test "cp -a and tar round-trip special files" {
    cp -a fifo null block d/
    attr d/block type,rdev,mode,uid "block 120:5 640 3"
    attr d/fifo type,mode,mtime "fifo 640 981173106.789000000"
    tar --numeric-owner -cf - fifo null block | tar -C open -xpf -
    attr open/block type,rdev,mode,uid "block 120:5 640 3"
}
