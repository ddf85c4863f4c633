#!/usr/bin/env bats
# Renaming: plain, and with renameat2's flags.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L2/g" other
    file "$L/d/x" x
    file "$L2/d/y" y
    file "$L2/d/sub/z" z
    file "$L/e/only" e
    mkdir "$L/empty" "$L2/empty" "$L/empty1" "$L/plain"
    file "$L2/whited/x" x
    whiteout "$L/whited/x"
    ln -s f "$L/link"
    mkdir "$L/sticky" "$L/open" "$L/closed"
    chmod 1777 "$L/sticky"
    chmod 777 "$L/open"
    file "$L/sticky/roots" r 666
    file "$L/sticky/mine" m 666
    chown 1000 "$L/sticky/mine"
    file "$L/open/roots" r 666
    mkdir "$L/open/dir"
    file "$L/open/dir/f" f
}

setup_file() {
    share_overlay
}

@test "a lower file is renamed" {
    ino=$(sys lstat f ino)
    mv f moved
    content moved lower
    absent f
    attr moved ino "$ino"
    is_whiteout "$U/f"
    remount_overlay
    content moved lower
    absent f
}

@test "a new file is renamed and leaves nothing" {
    echo text >new
    mv new moved
    content moved $'text\n'
    absent new "$U/new"
}

@test "a file is renamed into another directory and back" {
    mv f d/f
    names d f sub x y
    mv d/f f
    content f lower
    names d sub x y
}

@test "renaming over a lower file replaces it" {
    mv f g
    content g lower
    absent f
    rm g
    absent g
    remount_overlay
    absent f g
}

@test "renaming a new file over a lower one replaces it, and removing it brings nothing back" {
    echo new >f.new
    mv f.new f
    content f $'new\n'
    rm f
    absent f
}

@test "renaming a file to itself does nothing" {
    sys rename f f
    content f lower
    sys rename d d
    names d sub x y
}

@test "renaming over a directory, or a directory over a file, is refused" {
    fails EISDIR rename f empty
    fails ENOTDIR rename d f
    fails ENOTDIR rename empty link
    present f empty d
}

@test "renaming from or to what is not there says why" {
    fails ENOENT rename no new
    fails ENOENT rename f no/new
    fails ENOTDIR rename f g/new
    fails ENOTDIR rename f new/
    fails EXDEV rename f "$TEST_DIR/f"
    fails ENOENT rename "" f
    fails EBUSY rename d/. e
    fails ENAMETOOLONG rename f "$(printf %0256d 0)"
    content f lower
}

@test "a directory cannot be renamed into itself" {
    fails EINVAL rename d d/sub/d
    fails EINVAL rename d d/d
    fails EINVAL rename e e/new
    fails ENOTEMPTY rename d/sub d
    names d sub x y
}

@test "a merged directory is renamed with all its contents" {
    mv d moved
    absent d
    names moved sub x y
    content moved/sub/z z
    equal "$(xattr_of "$U/moved" trusted.overlay.redirect)" d
    touch moved/new
    remount_overlay
    absent d
    names moved new sub x y
    content moved/y y
}

@test "a lower directory is renamed into another directory" {
    mv d e/
    names e d only
    names e/d sub x y
    contains "$(xattr_of "$U/e/d" trusted.overlay.redirect)" /d
    remount_overlay
    names e/d sub x y
    content e/d/sub/z z
    absent d
}

@test "a directory is renamed twice and back" {
    mv d d2
    mv d2 e/d3
    mv e/d3 d
    names d sub x y
    remount_overlay
    names d sub x y
    content d/sub/z z
    names e only
}

@test "a directory in a renamed directory is renamed" {
    mv d moved
    mv moved/sub moved/sub2
    content moved/sub2/z z
    mv moved/sub2 sub3
    content sub3/z z
    names moved x y
    remount_overlay
    content sub3/z z
    names moved x y
}

@test "a name that a renamed directory has left is free for a new one" {
    mv d moved
    mkdir d
    names d
    touch d/new
    remount_overlay
    names d new
    names moved sub x y
}

@test "two lower directories change places" {
    mv d tmp
    mv e d
    mv tmp e
    names d only
    names e sub x y
    remount_overlay
    names d only
    names e sub x y
    content e/sub/z z
}

@test "a new directory with lower files moved into it is renamed" {
    mkdir new
    mv f g d new/
    mv new newer
    names newer d f g
    content newer/f lower
    names newer/d sub x y
    remount_overlay
    names newer d f g
    names newer/d sub x y
}

@test "renaming over an empty lower directory replaces it, merged or whited out" {
    mv -T d empty
    names empty sub x y
    absent d
    mv -T e empty1
    names empty1 only
    mkdir new
    mv -T new whited
    names whited
    remount_overlay
    names empty sub x y
    names empty1 only
    names whited
}

@test "renaming over a directory that is not empty is refused" {
    fails ENOTEMPTY rename e d
    fails ENOTEMPTY rename empty d
    mkdir new
    fails ENOTEMPTY rename new d
    touch new/f
    fails ENOTEMPTY rename empty new
    names d sub x y
    names e only
}

@test "renaming over a directory that was emptied through the mount" {
    rm -r d/*
    mv -T e d
    names d only
    remount_overlay
    names d only
}

@test "a symlink, a fifo and a device are renamed" {
    mv link moved
    equal "$(readlink moved)" f
    mkfifo fifo
    mknod null c 1 3
    mv fifo null d/
    attr d/fifo type fifo
    attr d/null type,rdev "char 1:3"
}

@test "a renamed file keeps mode, owner, times and xattrs" {
    chmod 640 f
    chown 1:2 f
    setfattr -n user.note -v text f
    touch -d "2001-02-03 04:05:06.789" f
    mv f d/moved
    attr d/moved mode,uid,gid,mtime "640 1 2 981173106.789000000"
    equal "$(xattr_of d/moved user.note)" text
}

@test "a renamed file's open descriptors go on working" {
    sys open r f rdonly , open w f rdwr , rename f moved , pwrite w 0 LOW , is LOWer pread r 0 9 , is LOWer sh "cat moved" \
        , rename moved d/again , pwrite w 0 low , is lower pread r 0 9
    content d/again lower
}

@test "an open directory that is renamed can still be used" {
    sys open d d "rdonly+directory" , rename d moved , openat f d x rdonly , is x read f , is "sub x y" ls @d \
        , openat n d new wronly+creat , fchdir d , is "new sub x y" ls .
    names moved new sub x y
}

@test "a working directory that is renamed can still be used" {
    sys chdir d/sub , sh "mv ../../d ../../moved" , is z sh "cat z" , touch new , is "x y" sh "ls -m .. | tr -d , | sed 's/sub //'"
    names moved/sub new z
}

@test "renaming changes the modification time of both directories" {
    one=$(sys lstat d mtime)
    two=$(sys lstat e mtime)
    sleep 0.02
    mv d/x e/
    differ "$(sys lstat d mtime)" "$one"
    differ "$(sys lstat e mtime)" "$two"
}

# --- permissions -----------------------------------------------------------------------

@test "who may not write a directory cannot rename from or to it" {
    sys as 1000 , fails EACCES rename f open/f , fails EACCES rename open/roots closed/f , rename open/roots open/other
    present f open/other
    absent closed/f
}

@test "in a sticky directory only one's own files are renamed" {
    sys as 1000 , fails EPERM rename sticky/roots sticky/new , rename sticky/mine sticky/new
    fails ENOENT lstat sticky/mine ino
    present sticky/roots sticky/new
}

@test "in a sticky directory others' files are not renamed over" {
    sys as 1000 , fails EPERM rename sticky/mine sticky/roots , fails EPERM rename open/roots sticky/roots
    content sticky/roots r
}

@test "another's directory can be renamed within its parent but not to another parent" {
    # its .. would change, which is writing to it
    sys as 1000 , fails EACCES rename open/dir sticky/dir , rename open/dir open/dir2
    names open/dir2 f
}

# --- NOREPLACE -------------------------------------------------------------------------

@test "NOREPLACE refuses names of any layer and takes free ones" {
    fails EEXIST rename f g noreplace
    fails EEXIST rename f d noreplace
    fails EEXIST rename f link noreplace
    touch new
    fails EEXIST rename f new noreplace
    sys rename f moved noreplace
    content moved lower
    rm g
    sys rename moved g noreplace
    content g lower
}

@test "NOREPLACE of a lower directory" {
    fails EEXIST rename d e noreplace
    fails EEXIST rename d empty noreplace
    sys rename d moved noreplace
    names moved sub x y
}

# --- EXCHANGE --------------------------------------------------------------------------

@test "EXCHANGE of two lower files" {
    sys rename f g exchange
    content f other
    content g lower
    remount_overlay
    content f other
    content g lower
    rm f g
    absent f g
}

@test "EXCHANGE of a lower and a new file" {
    echo new >new
    sys rename f new exchange
    content f $'new\n'
    content new lower
    rm new
    absent new
    rm f
    absent f
}

@test "EXCHANGE of two lower directories" {
    sys rename d e exchange
    names d only
    names e sub x y
    remount_overlay
    names d only
    names e sub x y
    content e/sub/z z
}

@test "EXCHANGE of a lower and a new directory" {
    mkdir new
    touch new/n
    sys rename d new exchange
    names d n
    names new sub x y
    remount_overlay
    names d n
    names new sub x y
}

@test "EXCHANGE of a file and a directory" {
    sys rename f d exchange
    content d lower
    names f sub x y
    remount_overlay
    content d lower
    names f sub x y
}

@test "EXCHANGE with a name that is not there, or with one's own parent, is refused" {
    fails ENOENT rename f no exchange
    fails ENOENT rename no f exchange
    fails EINVAL rename d d/sub exchange
    fails EINVAL rename d/sub d exchange
    content f lower
    names d sub x y
}

@test "EXCHANGE across directories" {
    sys rename f d/x exchange
    content f x
    content d/x lower
    sys rename d/sub e exchange
    names d/sub only
    names e z
    remount_overlay
    names d/sub only
    names e z
}

# --- WHITEOUT and others ---------------------------------------------------------------

@test "WHITEOUT is refused, or moves the file and leaves no trace of it" {
    # the kernel's overlayfs takes only NOREPLACE and EXCHANGE
    if under_kernel || refuses sys rename f moved whiteout; then
        fails EINVAL rename f moved whiteout
        content f lower
        absent moved
    else
        content moved lower
        remount_overlay
        fails ENOENT open f f rdonly
    fi
}

@test "flags that exclude each other or do not exist are refused" {
    fails EINVAL rename f g "noreplace|exchange"
    fails EINVAL rename f g 0x80
    fails EINVAL rename f g 6
    content f lower
}

# --- other ways to configure it ------------------------------------------------------------

@test "with redirect_dir=off a lower directory is not renamed, EXDEV, and mv copies it" {
    own_stack
    file "$L/d/x" x
    file "$L/f" f
    mount_overlay -o redirect_dir=off
    cd "$M"
    fails EXDEV rename d moved
    mkdir new
    sys rename new new2
    sys rename f g
    mv d moved
    names moved x
    absent d
}

@test "with redirect_dir=off an empty lower directory is renamed neither" {
    own_stack
    mkdir "$L/d"
    mount_overlay -o redirect_dir=off
    fails EXDEV rename "$M/d" "$M/moved"
}

@test "with redirect_dir=nofollow a redirect is not followed" {
    own_stack
    file "$L/d/x" x
    mkdir "$U/moved"
    whiteout "$U/d"
    setfattr -n trusted.overlay.redirect -v d "$U/moved"
    mount_overlay -o redirect_dir=nofollow
    refuses ls "$M/moved/x"
}

@test "with redirect_dir=follow a redirect is followed but none is made" {
    own_stack
    file "$L/d/x" x
    file "$L/e/y" y
    mkdir "$U/moved"
    whiteout "$U/d"
    setfattr -n trusted.overlay.redirect -v d "$U/moved"
    mount_overlay -o redirect_dir=follow
    names "$M/moved" x
    fails EXDEV rename "$M/e" "$M/e2"
}
