#!/usr/bin/env bats
# mkdir, rmdir, and directories that go away under somebody.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L/d/x" x
    file "$L2/d/y" y
    mkdir "$L/empty" "$L2/empty" "$L/empty1"
    mkdir -p "$L2/nested/empty"
    ln -s d "$L/link"
    ln -s nowhere "$L/dangling"
    mkdir "$L/setgid" "$L/open"
    chmod 777 "$L/open"
    chmod 2777 "$L/setgid" && chgrp 1234 "$L/setgid"
}

setup_file() {
    share_overlay
}

@test "a new directory is empty, mine, and in the upper directory" {
    mkdir new
    names new
    attr new type,mode,uid,gid "dir 755 0 0"
    attr "$U/new" type,mode,uid,gid "dir 755 0 0"
    sys checkdents new
}

@test "the mode of a new directory is masked by the umask" {
    sys umask 027 , mkdir a 777 , is 750 lstat a mode , mkdir b 1777 , is 1750 lstat b mode \
        , umask 0 , mkdir c 0 , is 0 lstat c mode , mkdir e 777 , is 777 lstat e mode
}

@test "a new directory belongs to its maker" {
    sys as 1000 1001 , mkdir open/new 755
    attr open/new uid,gid "1000 1001"
    attr "$U/open/new" uid,gid "1000 1001"
}

@test "a directory in a setgid directory gets its group and is setgid itself" {
    sys as 1000 1001 , mkdir setgid/new 755 , mkdir setgid/new/sub 755
    attr setgid/new uid,gid,mode "1000 1234 2755"
    attr setgid/new/sub uid,gid,mode "1000 1234 2755"
}

@test "mkdir over anything that exists is refused" {
    fails EEXIST mkdir f
    fails EEXIST mkdir d
    fails EEXIST mkdir link
    fails EEXIST mkdir dangling
    fails EEXIST mkdir .
    fails EEXIST mkdir d/..
    sys mkdir new , fails EEXIST mkdir new
}

@test "mkdir where it cannot be says why" {
    fails ENOENT mkdir no/new
    fails ENOTDIR mkdir f/new
    fails ENOENT mkdir ""
    sys as 1000 , fails EACCES mkdir d/new
    absent "$U/d"
}

@test "a trailing slash is allowed for a directory to be made and removed" {
    sys mkdir new/ , rmdir new/
    absent new
}

@test "an empty lower directory can be removed, merged or not" {
    rmdir empty empty1
    absent empty empty1
    is_whiteout "$U/empty"
    is_whiteout "$U/empty1"
    rmdir nested/empty
    names nested
}

@test "an empty upper directory can be removed and leaves nothing" {
    mkdir new
    rmdir new
    absent new "$U/new"
}

@test "a directory with anything in it cannot be removed" {
    fails ENOTEMPTY rmdir d
    rm d/x
    fails ENOTEMPTY rmdir d
    touch d/new
    rm d/y
    fails ENOTEMPTY rmdir d
    rm d/new
    rmdir d
    absent d
}

@test "rmdir of what is no removable directory says why" {
    fails ENOTDIR rmdir f
    fails ENOTDIR rmdir link
    fails ENOENT rmdir no
    fails EINVAL rmdir d/.
    fails ENOTEMPTY rmdir d/..
    fails EBUSY rmdir "$MNT"
    present f d link
}

@test "rmdir by who may not is refused and changes nothing" {
    sys as 1000 , fails EACCES rmdir empty
    present empty
    absent "$U/empty"
}

@test "a removed directory can be made again, and removed again" {
    for _ in 1 2 3; do
        rm -r d
        absent d
        mkdir d
        names d
        touch d/x
        names d x
    done
}

@test "rm -r of a merged tree" {
    mkdir -p d/new/sub
    touch d/new/sub/f d/x
    rm -r d
    absent d
    is_whiteout "$U/d"
}

@test "a directory that is somebody's working directory can be removed" {
    sys chdir empty , sh "rmdir ../empty" , fails ENOENT getcwd , fails ENOENT mkdir sub \
        , fails ENOENT open f new wronly+creat , is dir stat . type , fails ENOENT getdents .
    absent empty
}

@test "a removed directory that is still open has nothing in it" {
    sys open d empty1 rdonly , rmdir empty1 , fails ENOENT ls @d , fails ENOENT openat f d x rdonly
}

@test "an upper directory that is still open when it is removed can be asked" {
    sys mkdir new , open d new rdonly , rmdir new , is "dir 0" fstat d type,nlink , fchmod d 700 , is 700 fstat d mode
}

@test "a removed working directory made again is another directory" {
    sys chdir d , sh "rm -r ../d; mkdir ../d; touch ../d/new" , fails ENOENT getdents . , fails ENOENT open f new rdonly
    names d new
}

@test "the parent of a removed lower directory changes its modification time" {
    before=$(sys lstat nested mtime)
    sleep 0.02
    rmdir nested/empty
    differ "$(sys lstat nested mtime)" "$before"
}

@test "the link count of an upper directory counts its subdirectories, or is 1" {
    mkdir new new/a new/b
    touch new/f
    case $(sys lstat new nlink) in
    1 | 4) ;;
    *) sys lstat new nlink && false ;;
    esac
    # find relies on it
    equal "$(find new -type d | wc -l)" 3
}

@test "find and du see a merged tree whole" {
    mkdir d/sub
    touch d/sub/f
    equal "$(find d -type f | sort | tr '\n' ' ')" "d/sub/f d/x d/y "
    equal "$(find d -type d | sort | tr '\n' ' ')" "d d/sub "
}

@test "directories are there, or not, after a remount" {
    rm -r d
    mkdir -p new/sub
    rmdir empty
    remount_overlay
    absent d empty
    names new sub
}
