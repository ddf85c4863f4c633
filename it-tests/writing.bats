#!/usr/bin/env bats
# Size and space: truncate, fallocate, holes, copies within the kernel, sync.

load lib/harness

fixture() {
    file "$L/f" "lower text"
    head -c 100000 /dev/urandom >"$L/random"
    mkdir "$L/d"
    # data, hole, data, hole at the end
    sys open s "$L/sparse" rdwr+creat , pwrite s 0 head , pwrite s 1M middle , ftruncate s 3M
    sys open s "$L/scattered" rdwr+creat , pwrite s 0 head , pwrite s 40M middle , ftruncate s 64M
    truncate -s 5M "$L/holes"
    file "$L/readonly" r 444
}

setup_file() {
    share_overlay
}

@test "truncate shortens, extends with zeros and copies up" {
    sys truncate f 5 , is 5 lstat f size , open r f rdonly , is lower read r , truncate f 8 , is "lower\\x00\\x00\\x00" pread r 0 99
    attr "$U/f" size 8
}

@test "truncate to zero" {
    sys truncate random 0 , is 0 lstat random size , open r random rdonly , is "" read r
    remount_overlay
    attr random size 0
}

@test "truncate to the same size keeps the content" {
    sys truncate f 10
    content f "lower text"
}

@test "ftruncate of an open file is seen by other descriptors" {
    sys open w f rdwr , open r f rdonly , ftruncate w 5 , is lower pread r 0 99 , is 5 fstat r size , ftruncate w 7 \
        , is 7 fstat r size , is "lower\\x00\\x00" pread r 0 99
}

@test "ftruncate of a descriptor opened for reading is refused" {
    sys open r f rdonly , fails EINVAL ftruncate r 5
    content f "lower text"
}

@test "truncate where it cannot be says why" {
    fails EISDIR truncate d 0
    fails ENOENT truncate no 0
    fails EINVAL truncate f -1
    sys as 1000 , fails EACCES truncate f 0
    content f "lower text"
    absent "$U/f"
}

@test "a very large file is made by truncate and costs nothing" {
    sys open f new rdwr+creat , ftruncate f 1T , is 1099511627776 fstat f size , pwrite f 900G there , is there pread f 900G 5
    equal "$(($(stat -c %b new) < 1000))" 1
    rm new
}

@test "more than the file system can hold is EFBIG" {
    sys open f new rdwr+creat , fails EFBIG ftruncate f 0x7ffffffffffffff0
    sys open f new rdwr , fails EFBIG pwrite f 0x7fffffffffff0000 x
}

@test "the size limit of a process is kept" {
    # SIGXFSZ is ignored so that EFBIG is seen
    run bash -c "trap '' XFSZ; ulimit -f 1; head -c 4096 /dev/zero >new 2>/dev/null || echo refused"
    equal "$output" refused
    attr new size 1024
}

# --- fallocate -----------------------------------------------------------------------------

@test "fallocate extends a file with zeros, or keeps its size" {
    sys open f f rdwr , fallocate f default 0 20 , is 20 fstat f size , is "lower text\\x00" pread f 0 11 \
        , fallocate f keep 0 1M , is 20 fstat f size
    (($(stat -c %b f) >= 2048))
}

@test "fallocate punches a hole" {
    sys open f random rdwr , fallocate f punch 8192 16384 , is 100000 fstat f size , is "16384*\\x00" pread f 8192 16384
    cmp <(tail -c +24577 random) <(tail -c +24577 "$L/random")
    remount_overlay
    cmp <(tail -c +24577 random) <(tail -c +24577 "$L/random")
}

@test "what fallocate has punched is a hole" {
    sys open f random rdwr , fallocate f punch 8192 16384 , is "0-8192 24576-100000" extents f
}

@test "fallocate zeroes a range" {
    sys open f random rdwr , fallocate f zero 4096 4096 , is "4096*\\x00" pread f 4096 4096 , is 100000 fstat f size \
        , fallocate f zerokeep 98304 8192 , is 100000 fstat f size , fallocate f zero 98304 8192 , is 106496 fstat f size
}

@test "fallocate collapses a range" {
    sys open f random rdwr , fallocate f collapse 4096 8192 , is 91808 fstat f size
    cmp random <(head -c 4096 "$L/random"; tail -c +12289 "$L/random")
}

@test "fallocate inserts a range" {
    sys open f random rdwr , fallocate f insert 4096 8192 , is 108192 fstat f size , is "8192*\\x00" pread f 4096 8192
    cmp <(tail -c +12289 random) <(tail -c +4097 "$L/random")
}

@test "fallocate that is wrong is refused as below" {
    sys open f random rdwr , fails EOPNOTSUPP fallocate f punchnokeep 0 4096 , fails EINVAL fallocate f punch 0 0 \
        , fails EINVAL fallocate f default 0 0 , fails EINVAL fallocate f default -1 5
    sys open f random rdonly , fails EBADF fallocate f default 0 5
    sys open d d rdonly , fails EBADF fallocate d default 0 5
    cmp random "$L/random"
}

@test "what is read through a map and a descriptor after a hole was punched" {
    sys open f random rdwr , map m f r shared 65536 , mget m 8192 4 , fallocate f punch 8192 4096 , is "4096*\\x00" mget m 8192 4096 \
        , is "4096*\\x00" pread f 8192 4096 >"$TEST_DIR/out"
}

# --- holes -----------------------------------------------------------------------------------

@test "SEEK_HOLE and SEEK_DATA in a lower file" {
    sys open s sparse rdonly , is "0-4096 1048576-1052672" extents s , is 4096 lseek s 0 SEEK_HOLE , is 1048576 lseek s 4096 SEEK_DATA \
        , is 2097152 lseek s 2M SEEK_HOLE , fails ENXIO lseek s 2M SEEK_DATA , fails ENXIO lseek s 3M SEEK_HOLE \
        , fails ENXIO lseek s 4M SEEK_DATA
    sys open h holes rdonly , is "" extents h , is 0 lseek h 0 SEEK_HOLE
    sys open f f rdonly , is 0-10 extents f
}

@test "SEEK_HOLE and SEEK_DATA in a file that is being written" {
    sys open f new rdwr+creat , pwrite f 1M data , is 1048576 lseek f 0 SEEK_DATA , is 0 lseek f 0 SEEK_HOLE , pwrite f 0 x , is 4096 lseek f 0 SEEK_HOLE
}

@test "holes survive copy-up" {
    sys open s scattered rdwr , pwrite s 0 HEAD , is middle pread s 40M 6 , is 67108864 fstat s size
    chmod 600 scattered # completes what is copied up page by page
    # the kernel copies whole MiBs
    (($(stat -c %b "$U/scattered") <= 3 * 2048))
    chmod 600 holes
    attr "$U/holes" size 5242880
    (($(stat -c %b "$U/holes") <= 8))
}

@test "cp --sparse and cmp see the same file" {
    cp --sparse=always sparse new
    cmp sparse new
    (($(stat -c %b new) < 100))
    tar -cSf "$TEST_DIR/t.tar" sparse
    (($(stat -c %s "$TEST_DIR/t.tar") < 50000))
}

# --- copies within the kernel ----------------------------------------------------------------

@test "copy_file_range from a lower to a new file" {
    sys open a random rdonly , open b new wronly+creat , is 100000 copy_file_range b 0 a 0 1M , is 0 copy_file_range b 0 a 100000 5 \
        , is 5 copy_file_range b 100000 a 0 5
    cmp -n 100000 random new
    attr new size 100005
    absent "$U/random"
}

@test "copy_file_range onto a lower file copies it up" {
    sys open a random rdonly , open b f rdwr , is 5 copy_file_range b 5 a 0 5 , is lower pread b 0 5
    cmp -n 5 -i 5:0 f "$L/random"
    attr f size 10
}

@test "copy_file_range within one file" {
    sys open f random rdwr , is 4096 copy_file_range f 65536 f 0 4096 , fails EINVAL copy_file_range f 100 f 0 4096
    cmp -n 4096 -i 65536:0 random "$L/random"
}

@test "copy_file_range wants the right descriptors" {
    sys open a random rdonly , open b f rdonly , fails EBADF copy_file_range b 0 a 0 5 , open w f wronly , fails EBADF copy_file_range a 0 w 0 5
    sys open a f wronly+append , open b random rdonly , fails EBADF copy_file_range a 0 b 0 5
    sys open d d rdonly , open w f wronly , fails EISDIR copy_file_range w 0 d 0 5
    content f "lower text"
}

@test "copy_file_range from and to another file system" {
    sys open a random rdonly , open b "$TEST_DIR/out" wronly+creat , is 100000 copy_file_range b 0 a 0 100000 \
        || cp random "$TEST_DIR/out"
    cmp random "$TEST_DIR/out"
}

@test "cp, with and without reflink=auto, copies" {
    cp random new
    cp --reflink=auto random new2
    cmp random new
    cmp new new2
}

# --- sync ------------------------------------------------------------------------------------

@test "fsync and its relatives, of new, lower and read-only opened files" {
    sys open f f rdwr , write f x , fsync f , fdatasync f , sync_file_range f 0 0 , syncfs f
    sys open r random rdonly , fsync r , fdatasync r , syncfs r
    sys open n new rdwr+creat , write n x , fsync n , unlink new , fsync n
    sync f .
    sync -f f
}

@test "fsync of directories" {
    sys open d d rdonly , fsync d , mkdir d/new , fsync d , fdatasync d , syncfs d , open m . rdonly , fsync m
}

@test "fsync of what cannot be synced" {
    mkfifo fifo
    sys open p fifo rdwr , fails EINVAL fsync p , open q f path , fails EBADF fsync q
}

# --- statfs ------------------------------------------------------------------------------------

@test "statfs tells what the upper file system has" {
    equal "$(sys statfs . bsize,frsize,blocks,namemax,files)" "$(sys statfs "$STACK/up" bsize,frsize,blocks,namemax,files)"
    free=$(sys statfs . bavail)
    upper=$(sys statfs "$STACK/up" bavail)
    (((free > upper ? free - upper : upper - free) < 100000))
    equal "$(sys statfs f namemax)" 255
    df . >/dev/null
}

@test "statfs of a mount without an upper directory" {
    own_stack
    file "$L/f" ""
    mount_overlay --read-only
    equal "$(sys statfs "$M" bsize,namemax)" "$(sys statfs "$L" bsize,namemax)"
}
