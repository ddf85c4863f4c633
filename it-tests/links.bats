#!/usr/bin/env bats
# Hard links. Those of a lower file stay together when it is copied up; the
# kernel's overlayfs does that with index=on.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L/one" linked
    ln "$L/one" "$L/two"
    mkdir "$L/d"
    ln "$L/one" "$L/d/three"
    file "$L2/below" below
    ln "$L2/below" "$L2/below2"
    ln -s f "$L/link"
    mkfifo "$L/fifo"
    ln "$L/fifo" "$L/fifo2"
    mkdir "$L/open"
    chmod 777 "$L/open"
}

setup_file() {
    if under_kernel; then
        export KERNEL_CHECK=index=on
        share_overlay -o index=on
    else
        # Without an index the kernel sees lower links as files of their own.
        export KERNEL_CHECK=none
        share_overlay
    fi
}

# The kernel wants the same options for the same upper directory.
remount() {
    if under_kernel; then
        remount_overlay -o index=on
    else
        remount_overlay
    fi
}

@test "a link to a new file is the same file" {
    echo text >new
    ln new new2
    attr new2 nlink,ino "2 $(sys lstat new ino)"
    echo more >>new2
    content new $'text\nmore\n'
    rm new
    attr new2 nlink 1
    content new2 $'text\nmore\n'
}

@test "a link to a lower file copies it up and is the same file" {
    ino=$(sys lstat f ino)
    ln f f2
    attr f nlink,ino "2 $ino"
    attr f2 nlink,ino "2 $ino"
    echo more >>f
    content f2 lowermore$'\n'
    attr "$U/f" nlink "$(sys lstat "$U/f2" nlink)"
}

@test "a link in another directory" {
    ln f d/f
    content d/f lower
    chmod 600 d/f
    attr f mode 600
}

@test "links of lower files show their number" {
    attr one nlink 3
    attr d/three nlink,ino "3 $(sys lstat one ino)"
    attr below nlink 2
}

@test "lower links stay together when one of them is written" {
    echo changed >one
    content two $'changed\n'
    content d/three $'changed\n'
    attr two nlink,ino "3 $(sys lstat one ino)"
    echo again >d/three
    content one $'again\n'
}

@test "lower links stay together when the attributes of one change" {
    chmod 600 two
    chown 1:2 d/three
    setfattr -n user.note -v text one
    attr one mode,uid,gid,nlink "600 1 2 3"
    attr two mode,uid,gid "600 1 2"
    equal "$(xattr_of d/three user.note)" text
}

@test "a reader of one lower link sees what is written to another" {
    sys open r two rdonly , open w one wronly , pwrite w 0 LIN , is LINked pread r 0 9 , is LINked sh "cat d/three"
}

@test "who appends through one link does so after what was written through another" {
    sys open a one wronly+append , write a " text" , open b two wronly+append , write b ", more" , write a ", end" , write b .
    content d/three "linked text, more, end."
}

@test "a mapping of one link shows soon what becomes of the file through another" {
    head -c 8192 /dev/zero | tr '\0' x >one
    sys open r one rdonly , map m r r shared 8192 , is xxx mget m 0 3 , open w two rdwr , pwrite w 1 y , soon is xyx mget m 0 3 \
        , ftruncate w 4096 , soon fails EFAULT mcopy m 4096 1 , ftruncate w 0 , soon fails EFAULT mcopy m 0 1
    sys open w one rdwr , pwrite w 0 written , map m w r shared 7 , open t d/three wronly+trunc , soon fails EFAULT mcopy m 0 1
}

@test "lower links stay together after a remount" {
    echo changed >one
    remount
    content two $'changed\n'
    attr two nlink,ino "3 $(sys lstat one ino)"
    echo again >d/three
    content one $'again\n'
}

@test "removing one of several lower links leaves the others" {
    rm one
    absent one
    content two linked
    attr two nlink 2
    rm d/three
    attr two nlink 1
    content two linked
    remount
    attr two nlink 1
    content two linked
    absent one d/three
}

@test "removing a copied-up link leaves the others, copied up or not" {
    echo changed >one
    attr two nlink 3
    rm one
    attr two nlink 2
    content two $'changed\n'
    content d/three $'changed\n'
    rm two
    attr d/three nlink 1
    echo more >>d/three
    content d/three $'changed\nmore\n'
}

@test "a further link to a file that has lower links" {
    ln two four
    attr one nlink 4
    attr four ino "$(sys lstat d/three ino)"
    echo changed >four
    content one $'changed\n'
    rm one two d/three
    attr four nlink 1
    content four $'changed\n'
}

@test "renaming one link over another of the same file does nothing" {
    sys rename one two
    present one two
    attr one nlink 3
    echo text >new
    ln new new2
    sys rename new new2
    present new new2
}

@test "renaming another file over a link leaves the other links" {
    echo new >new
    mv new one
    content one $'new\n'
    content two linked
    attr two nlink 2
}

@test "links in the lower of two layers" {
    echo changed >below
    content below2 $'changed\n'
    attr below2 nlink 2
}

@test "links of a fifo" {
    attr fifo nlink 2
    chmod 600 fifo
    attr fifo2 type,mode,nlink "fifo 600 2"
}

@test "a link to a symlink is to the symlink itself" {
    sys link link link2 , is link lstat link2 type , is 2 lstat link2 nlink , link link f2 follow , is file lstat f2 type
}

@test "a link over an existing name is refused" {
    fails EEXIST link f one
    fails EEXIST link f d
    fails EEXIST link f f
    fails EEXIST link f link
}

@test "a link where it cannot be says why" {
    fails EPERM link d d2
    fails ENOENT link no new
    fails ENOENT link f no/new
    fails ENOTDIR link f f/new
    fails EXDEV link f "$TEST_DIR/new"
    fails EXDEV link "$L/f" new
    absent new
}

@test "links by who may not are refused" {
    sys as 1000 , open f open/own wronly+creat , fails EACCES link open/own d/new \
        , link open/own open/own2 , is 2 lstat open/own nlink
    absent d/new
    # fs.protected_hardlinks: not to a file one may not write
    if [[ $(cat /proc/sys/fs/protected_hardlinks) == 1 ]]; then
        sys as 1000 , fails EPERM link f open/new
    fi
}

@test "an open file without a name cannot be linked again" {
    sys open f f rdonly , unlink f , fails ENOENT linkfd f again
    sys open n new rdwr+creat , unlink new , fails ENOENT linkfd n again
}

@test "an open file is given another name" {
    sys open f f rdonly , linkfd f again , is 2 fstat f nlink
    content again lower
}

@test "two hundred links" {
    echo text >new
    for n in {1..200}; do echo "new l$n"; done | xargs -n 2 ln
    attr l200 nlink 201
    rm new l{1..199}
    attr l200 nlink 1
}

@test "cp -a keeps links together" {
    cp -a one two d new-d 2>/dev/null || { mkdir new-d && cp -a one two d new-d; }
    attr new-d/one nlink,ino "3 $(sys lstat new-d/d/three ino)"
}
