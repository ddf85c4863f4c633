#!/usr/bin/env bats
# POSIX access control lists.

load lib/harness

fixture() {
    file "$L/f" lower 640
    mkdir "$L/d" "$L/closed"
    file "$L/closed/x" x
    setfacl -m u:1000:rw "$L/f"
    setfacl -d -m u:1000:rwx,g:1001:rx,o::- "$L/d"
    chmod 777 "$L/d"
    chmod 700 "$L/closed"
}

setup_file() {
    share_overlay
}

acl() { # PATH
    getfacl -cEn "$1" | grep -v '^$' | tr '\n' ' '
}

@test "a lower ACL shows and is obeyed" {
    equal "$(acl f)" "user::rw- user:1000:rw- group::r-- mask::rw- other::--- "
    sys as 1000 , open f f rdwr , is lower read f
    sys as 1002 , fails EACCES open f f rdonly
}

@test "an ACL is set, obeyed, changed and removed" {
    echo text >new
    chmod 600 new
    sys as 1000 , fails EACCES open f new rdonly
    setfacl -m u:1000:r new
    equal "$(acl new)" "user::rw- user:1000:r-- group::--- mask::r-- other::--- "
    sys as 1000 , open f new rdonly , fails EACCES open f new rdwr
    setfacl -m u:1000:- new
    sys as 1000 , fails EACCES open f new rdonly
    setfacl -b new
    equal "$(acl new)" "user::rw- group::--- other::--- "
    remount_overlay
    equal "$(acl new)" "user::rw- group::--- other::--- "
}

@test "an ACL set on a lower file copies it up" {
    setfacl -m g:1005:r f
    equal "$(acl f)" "user::rw- user:1000:rw- group::r-- group:1005:r-- mask::rw- other::--- "
    equal "$(acl "$U/f")" "$(acl f)"
    content f lower
}

@test "a lower ACL survives a copy-up for another reason" {
    echo more >>f
    equal "$(acl "$U/f")" "user::rw- user:1000:rw- group::r-- mask::rw- other::--- "
    sys as 1000 , open f f rdwr
}

@test "chmod changes the mask, and the mask shows as group permission" {
    chmod 600 f
    equal "$(acl f)" "user::rw- user:1000:rw- group::r-- mask::--- other::--- "
    attr f mode 600
    sys as 1000 , fails EACCES open f f rdonly
    setfacl -m m::rw f
    attr f mode 660
    sys as 1000 , open f f rdwr
}

@test "setting an ACL that a mode can express changes the mode" {
    touch new
    setfacl -m u::rwx,g::r,o::x new
    attr new mode 741
    sys is "" listxattr new
}

@test "a default ACL is inherited, and the umask is then ignored" {
    sys umask 077 , open f d/new wronly+creat 666 , mkdir d/sub 777
    equal "$(acl d/new)" "user::rw- user:1000:rwx group::r-x group:1001:r-x mask::rw- other::--- "
    attr d/new mode 660
    equal "$(getfacl -cEnd d/sub | grep -v '^$' | tr '\n' ' ')" \
        "user::rwx user:1000:rwx group::r-x group:1001:r-x mask::rwx other::--- "
    attr d/sub mode 770
    touch d/sub/deep
    contains "$(acl d/sub/deep)" "user:1000:rwx"
}

@test "setgid goes with an ACL set by an owner outside the group, but not with a default one" {
    mkdir theirs && chown 1000:1007 theirs && chmod 2777 theirs
    setpriv --reuid 1000 --regid 1000 --clear-groups setfacl -d -m u:1002:rx theirs
    attr theirs mode 2777
    setpriv --reuid 1000 --regid 1000 --clear-groups setfacl -m u:1002:rx theirs
    attr theirs mode 777
}

@test "without a default ACL the umask counts" {
    sys umask 077 , open f new wronly+creat 666 , is 600 lstat new mode
}

@test "a default ACL set through the mount is inherited" {
    mkdir new
    setfacl -d -m u:1000:rw new
    touch new/f
    contains "$(acl new/f)" "user:1000:rw-"
    mkfifo new/fifo
    contains "$(acl new/fifo)" "user:1000:rw-"
    ln -s f new/link
    setfacl -k new
    touch new/g
    lacks "$(acl new/g)" "user:1000"
}

@test "special files inherit too, and files that take the place of a removed one" {
    touch d/x
    rm d/x
    touch d/x
    contains "$(acl d/x)" "user:1000:rwx"
    mknod d/dev c 1 3
    contains "$(acl d/dev)" "user:1000:rwx"
    sys open t d tmpfile+rdwr 666 , linkfd t d/t
    contains "$(acl d/t)" "user:1000:rwx"
}

@test "an ACL of a group" {
    echo text >new
    chmod 600 new
    setfacl -m g:1007:r new
    sys as 1000 1000 1007 , open f new rdonly
    sys as 1000 1007 , open f new rdonly
    sys as 1000 1000 , fails EACCES open f new rdonly
}

@test "an ACL on a directory decides about look-up and creation" {
    sys as 1000 , fails EACCES lstat closed/x ino
    setfacl -m u:1000:x closed
    sys as 1000 , is file lstat closed/x type , fails EACCES ls closed
    setfacl -m u:1000:rwx closed
    sys as 1000 , is x ls closed , touch closed/new
    names closed new x
}

@test "only the owner sets an ACL" {
    refuses setpriv --reuid 1000 --clear-groups setfacl -m u:1001:r f
    lacks "$(acl f)" 1001
}

@test "an ACL has its xattr, and a broken one is refused" {
    contains "$(sys listxattr f)" system.posix_acl_access
    contains "$(sys listxattr d)" system.posix_acl_default
    fails EINVAL setxattr f system.posix_acl_access "\\x02\\x00\\x00\\x00\\x01"
    refuses setfacl -d -m u:1000:r f
    sys as 1000 , fails EPERM setxattr f system.posix_acl_access "\\x02\\x00\\x00\\x00"
}

@test "cp -a carries ACLs over" {
    cp -a f new
    equal "$(acl new)" "$(acl f)"
    cp -a d new-d
    equal "$(acl new-d)" "$(acl d)"
}

@test "setgid is dropped by an ACL set by who is not in the group" {
    touch new
    chown 1000:1005 new
    chmod 2770 new
    setpriv --reuid 1000 --regid 1000 --clear-groups setfacl -m u:1001:r new
    attr new mode 770
}
