#!/usr/bin/env bats
# Files that have lost their name while they are open.

load lib/harness

fixture() {
    file "$L/f" "lower text"
    file "$L/g" "other"
    setfattr -n user.note -v kept "$L/f"
    mkfifo "$L/fifo"
}

setup_file() {
    share_overlay
}

@test "a removed lower file is still read through its descriptor" {
    sys open r f rdonly , unlink f , is "lower text" pread r 0 99 , is "file 10" fstat r type,size
    absent f
}

@test "a removed lower file that is open has no links" {
    sys open r f rdonly , is 1 fstat r nlink , unlink f , is 0 fstat r nlink
    touch new
    sys open r g rdonly , rename new g , is 0 fstat r nlink
}

@test "a removed new file is still written and read" {
    sys open f new rdwr+creat , write f one , unlink new , write f two , is onetwo pread f 0 9 , is 6 fstat f size \
        , ftruncate f 3 , is one pread f 0 9
    absent new
}

@test "a removed copied-up file is still written and read" {
    sys open f f rdwr , pwrite f 0 UPPER , unlink f , pwrite f 6 TEXT , is "UPPER TEXT" pread f 0 99
    absent f
}

@test "mode, owner and times of a removed open file can be changed" {
    sys open f f rdwr , unlink f , fchmod f 600 , is 600 fstat f mode , fchown f 1 2 , is "1 2" fstat f uid,gid \
        , futimens f 5.5 7.7 , is 7.700000000 fstat f mtime
}

@test "mode and times of a removed lower file that is open for reading can be changed" {
    sys open f f rdonly , unlink f , fchmod f 600 , is 600 fstat f mode , futimens f 5.5 7.7 , is 7.700000000 fstat f mtime \
        , is "lower text" pread f 0 99
    absent f
}

@test "xattrs of a removed open file" {
    sys open f f rdwr , unlink f , is kept getxattr fd:f user.note , setxattr fd:f user.more 1 , is 1 getxattr fd:f user.more
}

@test "a removed fifo or directory that is open can be asked and changed" {
    mkfifo new
    mkdir dir
    chmod 640 fifo
    for path in fifo new dir; do
        mode=rdwr remove=unlink type=fifo
        [[ $path != dir ]] || mode=rdonly remove=rmdir type=dir
        sys open f "$path" "$mode" , "$remove" "$path" , is "$type 0" fstat f type,nlink , fchmod f 600 , is 600 fstat f mode \
            , fchown f 1 2 , is "1 2" fstat f uid,gid , futimens f 5.5 7.7 , is 7.700000000 fstat f mtime , is "" listxattr fd:f \
            , setxattr fd:f trusted.more 1 , is 1 getxattr fd:f trusted.more , is trusted.more listxattr fd:f \
            , removexattr fd:f trusted.more , fails ENODATA getxattr fd:f trusted.more
        absent "$path"
    done
}

@test "a fifo that has lost one of two names is the same file by its descriptor and by the other name" {
    mkfifo new
    ln new other
    sys open f new rdwr , unlink new , is "fifo 1" fstat f type,nlink , is 1 lstat other nlink , fchmod f 600 , is 600 fstat f mode \
        , is 600 lstat other mode , chmod other 640 , is 640 fstat f mode , unlink other , is 0 fstat f nlink
}

@test "a removed open file can be synced, allocated and mapped" {
    sys open f new rdwr+creat , unlink new , ftruncate f 8192 , map m f rw shared 8192 , mput m 4096 mapped \
        , msync m , is mapped pread f 4096 6 , fsync f , fallocate f punch 4096 4096 , is "\x00\x00" pread f 4096 2
}

@test "a removed open file is reopened through /proc" {
    sys open f new rdwr+creat , write f text , unlink new , open r "/proc/self/fd/{f}" rdonly , is text pread r 0 9
    sys open f f rdonly , unlink f , open r "/proc/self/fd/{f}" rdonly , is "lower text" pread r 0 99
}

@test "a name made anew is another file than the removed one that is open" {
    sys open old f rdonly , unlink f , open new f rdwr+creat , write new new , is "lower text" pread old 0 99 \
        , is new pread new 0 9 , is 3 sh "stat -c %s f"
    content f new
}

@test "an open file that is renamed over is still read" {
    sys open old f rdonly , rename g f , is "lower text" pread old 0 99 , is other sh "cat f"
    sys open old new rdwr+creat , write old text , open two new2 rdwr+creat , rename new2 new , write old more \
        , is textmore pread old 0 9 , is 0 fstat old nlink , is 0 stat new size
}

@test "two descriptors of a removed file see each other's writes" {
    sys open a f rdwr , open b f rdonly , unlink f , pwrite a 0 UPPER , is "UPPER text" pread b 0 99 , close a , is "UPPER text" pread b 0 99
}

@test "a lower file that is removed while read-only opened stays as it was when a new one is written" {
    sys open r f rdonly , sh "rm f; echo entirely new >f" , is "lower text" pread r 0 99 , is 10 fstat r size
}

@test "a removed file's mapping stays readable" {
    sys open f f rdonly , map m f r shared 10 , close f , unlink f , is "lower text" mget m 0 10
}

@test "removed open files leave nothing behind when they are closed" {
    sys open f new rdwr+creat , fill f 1M , unlink new , open g f rdwr , unlink f , fill g 1M
    # (the kernel keeps a whiteout there to link to)
    equal "$(find "$WORK" -type f)" ""
    remount_overlay
    absent new f
}

@test "a shell's here document and bash's process substitution work with TMPDIR on the mount" {
    TMPDIR=$M bash -c 'cat <<END
text
END' >"$TEST_DIR/out"
    content "$TEST_DIR/out" $'text\n'
    equal "$(TMPDIR=$M sort -S 32k <(seq 20000) | tail -1)" 9999
}
