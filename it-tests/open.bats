#!/usr/bin/env bats
# Flags of open, and what they mean for reading and writing.

load lib/harness

fixture() {
    file "$L/f" "lower text"
    file "$L2/g" "other text"
    file "$L/d/x" x
    ln -s f "$L/link"
    ln -s d "$L/dirlink"
    file "$L/secret" s 600
    file "$L/noread" w 222
    mkfifo "$L/fifo"
    head -c 16384 /dev/urandom >"$L/random"
}

setup_file() {
    share_overlay
}

@test "O_RDONLY reads and does not copy up" {
    sys open r f rdonly , is "lower text" read r , is "" read r , fails EBADF write r x
    absent "$U/f"
}

@test "O_WRONLY writes and does not read" {
    sys open w f wronly , fails EBADF read w , write w LOWER , is "LOWER text" sh "cat f"
}

@test "O_RDWR reads and writes at one position" {
    sys open f f rdwr , is lower read f 5 , write f - , is text read f , is lower-text sh "cat f"
}

@test "O_TRUNC empties a lower file" {
    sys open w f wronly+trunc , is 0 fstat w size , write w new
    content f new
    attr f mode 644
    remount_overlay
    content f new
}

@test "O_TRUNC empties an upper file" {
    echo long text >new
    sys open w new rdwr+trunc , is 0 fstat w size , write w x
    content new x
}

@test "O_RDONLY with O_TRUNC empties as Linux does" {
    sys open r f rdonly+trunc , is "" read r
    attr f size 0
}

@test "O_TRUNC of another's file that I may not write is refused and changes nothing" {
    sys as 1000 , fails EACCES open w f wronly+trunc
    content f "lower text"
    absent "$U/f"
}

@test "O_APPEND writes to the end, whatever the position" {
    sys open a f wronly+append , write a 1 , lseek a 0 SEEK_SET , write a 2 , sh "echo -n 3 >>f" , write a 4
    content f "lower text1234"
}

@test "two appenders do not overwrite each other" {
    sys open a f wronly+append , open b f wronly+append , write a 1 , write b 2 , write a 3
    content f "lower text123"
    for n in {1..4}; do
        (for _ in {1..50}; do echo "line $n" >>new; done) &
        pids+=($!)
    done
    wait "${pids[@]}"
    equal "$(sort new | uniq -c | tr -s ' ' | tr '\n' ,)" " 50 line 1, 50 line 2, 50 line 3, 50 line 4,"
}

@test "O_APPEND can be switched on and off" {
    sys open f f rdwr , setfl f append , write f 1 , setfl f rdonly , pwrite f 0 L
    content f "Lower text1"
}

@test "O_NOFOLLOW refuses a symlink and takes a file" {
    fails ELOOP open f link rdonly+nofollow
    fails ELOOP open f link wronly+nofollow
    sys open f f rdonly+nofollow
}

@test "O_DIRECTORY refuses what is no directory" {
    fails ENOTDIR open f f rdonly+directory
    fails ENOTDIR open f link rdonly+directory
    sys open d dirlink rdonly+directory
    fails ENOTDIR open d dirlink rdonly+directory+nofollow
}

@test "a directory cannot be opened for writing, nor read as a file" {
    fails EISDIR open d d wronly
    fails EISDIR open d d rdwr
    sys open d d rdonly , fails EISDIR read d
}

@test "O_PATH needs no permission and cannot read" {
    sys as 1000 , open p secret path , fails EBADF read p , is 600 fstat p mode
    sys open p link path+nofollow , is link fstat p type
    sys open p f path , open r "/proc/self/fd/{p}" rdonly , is "lower text" read r
    sys open p f path , open w "/proc/self/fd/{p}" rdwr , pwrite w 0 LOWER
    content f "LOWER text"
}

@test "O_DIRECT reads and writes whole blocks" {
    sys open f random rdonly+direct , is "$(sys open f random rdonly , pread f 4096 4096)" dread f 4096 4096
    sys open f random rdwr+direct , dwrite f 4096 "4096*d" , is "4096*d" dread f 4096 4096  \
        , open r random rdonly , is "4096*d" pread r 4096 4096
    attr random size 16384
}

@test "who writes with O_DIRECT takes it off for the last part of a block" {
    sys open d stream wronly+creat+direct , dwrite d 0 "8192*d" , fails EINVAL dwrite d 8192 "511*e" \
        , setfl d wronly , dwrite d 8192 "511*e" , pwrite d 8703 f , setfl d wronly+direct , fails EINVAL dwrite d 8704 "511*e"
    attr stream size 8704
    cmp stream <(printf 'd%.0s' {1..8192} && printf 'e%.0s' {1..511} && printf f)
    dd if=random of=copy bs=3K oflag=direct conv=notrunc status=none
    cmp random copy
    head -c 10001 random >odd
    dd if=odd of=copy bs=4K iflag=direct oflag=direct status=none
    cmp odd copy
    # of a lower file, which is copied up by it
    dd if=odd of=random bs=4K oflag=direct conv=notrunc status=none
    cmp --bytes=10001 odd random
}

@test "O_DIRECT and cached descriptors of one file agree" {
    sys open c random rdwr , open d random rdwr+direct , pwrite c 0 "4096*c" , is "4096*c" dread d 0 4096 \
        , dwrite d 0 "4096*d" , is "4096*d" pread c 0 4096
}

@test "O_SYNC and O_DSYNC write" {
    sys open f f wronly+sync , write f 1 , open g g wronly+dsync , write g 2
    content f "1ower text"
    content g "2ther text"
}

@test "O_NOATIME is for the owner" {
    sys open f f rdonly+noatime , is lower read f 5
    sys as 1000 , fails EPERM open f f rdonly+noatime
}

@test "O_NONBLOCK on a fifo does not wait" {
    fails ENXIO open w fifo wronly+nonblock
    sys open r fifo rdonly+nonblock , open w fifo wronly+nonblock , write w text , is text read r
}

@test "permission is checked at open, not after" {
    sys open f f rdwr , chmod f 0 , is lower read f 5 , write f x , is 0 fstat f mode
    sys as 1000 , fails EACCES open f f rdonly
}

@test "a file I may write but not read" {
    sys as 1000 , fails EACCES open r noread rdonly , fails EACCES open r noread rdwr , open w noread wronly , write w x
    content noread x
}

@test "access tells what open would" {
    sys access f rw , fails EACCES access f x , access d rwx , fails ENOENT access no f
    sys as 1000 , access f r , fails EACCES access f w , fails EACCES access secret r , access d rx , fails EACCES access d w
    absent "$U/f"
}

@test "reading a file to its end and beyond" {
    sys open f f rdonly , is text pread f 6 100 , is "" pread f 10 1 , is "" pread f 99999 5 , is 10 lseek f 0 SEEK_END \
        , is "" read f , is 4 lseek f 4 SEEK_SET , is "r text" read f , fails EINVAL lseek f -1 SEEK_SET
}

@test "writing beyond the end leaves zeros" {
    sys open f f rdwr , pwrite f 12 end , is "lower text\\x00\\x00end" pread f 0 99
    attr f size 15
}

@test "large and odd reads and writes arrive whole" {
    head -c 3000001 /dev/urandom >"$TEST_DIR/data"
    for size in 1 511 4095 65537 1000003; do
        dd if="$TEST_DIR/data" of=new bs=$size count=$((3000001 / size < 400 ? 99999 : 400)) status=none
        cmp -n "$(stat -c %s new)" "$TEST_DIR/data" new
        rm new
    done
    cp "$TEST_DIR/data" new
    for size in 1021 131071 2000000; do
        cmp "$TEST_DIR/data" <(dd if=new bs=$size status=none)
    done
}

@test "a thousand descriptors are open at once" {
    for n in {1..1000}; do echo ", open r$n f rdonly"; done >"$TEST_DIR/ops"
    # shellcheck disable=SC2046
    sys open r0 f rdonly $(cat "$TEST_DIR/ops") , is "lower text" pread r999 0 99 , sh "echo new >f" , is new pread r1 0 3
}

@test "a duplicated descriptor shares the position" {
    sys open f f rdwr , dup g f , is lower read f 5 , is " text" read g , close f , pwrite g 0 L
    content f "Lower text"
}

@test "a file of the mount is opened by another user who may" {
    sys as 1000 , open f f rdonly , is "lower text" read f , fails EACCES open f secret rdonly
}

@test "what is written and closed is there for the next open, each time" {
    for n in {1..30}; do
        echo "$n" >f
        content f "$n"$'\n'
    done
}

@test "sendfile and splice from and to the mount" {
    sys open r f rdonly , open w new rdwr+creat , is 10 sendfile w r 99 , is "lower text" pread w 0 99
    sys open r g rdonly , open w new2 rdwr+creat , is 10 splice w r 99 , is "other text" pread w 0 99
}

@test "an ioctl that a file does not know is refused" {
    sys open f f rdonly , fails ENOTTY ioctl f 0x5401 , fails ENOTTY ioctl f 0x12345678
}
