#!/usr/bin/env bats
# Which layer a name comes from.

load lib/harness

fixture() {
    file "$L2/bottom" "from the bottom"
    file "$L2/both" "bottom of both"
    file "$L/both" "top of both"
    file "$L/top" "from the top"
    file "$L2/d/x" x2
    file "$L2/d/same" same2
    file "$L/d/y" y1
    file "$L/d/same" same1
    file "$U/d/z" zu
    file "$U/d/same" sameu
    chmod 700 "$L2/d"
    chmod 750 "$L/d"
    chown 1:2 "$U/d"
    chmod 705 "$U/d"
    # a file above a directory, and the other way round
    file "$L2/file-over-dir/hidden" ""
    file "$L/file-over-dir" "a file"
    file "$L2/dir-over-file" "hidden"
    file "$L/dir-over-file/inside" "shown"
    # a symlink to a directory is not a directory
    file "$L2/link-over-dir/hidden" ""
    ln -s d "$L/link-over-dir"
    ln -s d "$L2/dir-over-link"
    file "$L/dir-over-link/inside" "shown"
    mkdir "$L/empty" "$L2/empty"
}

setup_file() {
    share_overlay
}

@test "a name in several layers comes from the topmost" {
    content both "top of both"
    content d/same sameu
}

@test "a name that is in one layer only is found there" {
    content bottom "from the bottom"
    content top "from the top"
}

@test "directories of all layers are merged and each name is listed once" {
    names d same x y z
    content d/x x2
    content d/y y1
    content d/z zu
    sys checkdents . , checkdents d
}

@test "a merged directory has the attributes of the topmost one" {
    attr d mode,uid,gid "705 1 2"
    chown 1:2 "$U/d"
}

@test "a name that is in no layer is not there" {
    fails ENOENT lstat nothing ino
    fails ENOENT lstat d/nothing ino
    fails ENOTDIR lstat both/x ino
}

@test "a file above a directory hides it" {
    attr file-over-dir type file
    content file-over-dir "a file"
    fails ENOTDIR lstat file-over-dir/hidden ino
}

@test "a directory above a file hides it" {
    names dir-over-file inside
}

@test "a symlink to a directory is not merged with the directory below it" {
    attr link-over-dir type link
    names link-over-dir same x y z
    names dir-over-link inside
}

@test "an empty merged directory lists nothing" {
    names empty
    sys checkdents empty
}

@test "a file between two directories cuts the lower one off" {
    own_stack
    mkdir "$STACK/low3"
    LOWERDIR=low1:low2:low3 LOWERS=$L:$L2:$STACK/low3
    file "$L/n/top" ""
    file "$L2/n" "a file"
    file "$STACK/low3/n/bottom" ""
    mount_overlay
    names "$M/n" top
}

@test "a stack of 500 lower layers has the leftmost on top" {
    own_stack
    LOWERDIR='' LOWERS=''
    # the list of directories must stay short enough for one page of mount options
    for n in {1..499}; do
        LOWERDIR+=${LOWERDIR:+:}$n
    done
    (cd "$STACK" && mkdir {1..499} && for n in {1..499}; do
        echo "$n" >"$n/file-$n"
        echo "$n" >"$n/in-all"
    done && mkdir 250/d 499/d && touch 250/d/a 499/d/b && mknod 100/file-400 c 0 0)
    LOWERDIR+=:low1 LOWERS=$L
    file "$L/last" last
    mount_overlay
    content "$M/in-all" $'1\n'
    content "$M/file-499" $'499\n'
    content "$M/last" last
    absent "$M/file-400"
    names "$M/d" a b
    equal "$(sys count "$M")" 501
    echo changed >"$M/file-499"
    content "$UPPER/file-499" $'changed\n'
}

@test "one lower layer is enough" {
    own_stack
    LOWERDIR=low1 LOWERS=$L
    file "$L/f" text
    mount_overlay
    content "$M/f" text
    rm "$M/f"
    is_whiteout "$U/f"
}

@test "a colon and a comma in a layer's path are escaped with a backslash" {
    own_stack
    mkdir "$STACK/a:b" "$STACK/c,d" "$STACK/e\\f"
    file "$STACK/a:b/colon" 1
    file "$STACK/c,d/comma" 2
    # the kernel's own mount call splits at every comma, escaped or not
    if under_kernel; then
        rename_comma=$STACK/cd
        mv "$STACK/c,d" "$rename_comma"
        LOWERDIR='a\:b:cd' LOWERS=$rename_comma
    else
        LOWERDIR='a\:b:c\,d' LOWERS=$STACK/c,d
    fi
    mount_overlay
    names "$M" colon comma
}

@test "spaces and bytes that are not UTF-8 in a layer's path" {
    own_stack
    odd=$'with space \xff\xfe'
    file "$STACK/$odd/f" text
    LOWERDIR=$odd:low2 LOWERS=$STACK/low2
    mount_overlay
    content "$M/f" text
}

@test "a layer's path is resolved as the kernel does, symlinks before .." {
    own_stack
    mkdir -p "$STACK/elsewhere/target" "$STACK/elsewhere/diff" "$STACK/diff"
    file "$STACK/elsewhere/diff/right" ""
    file "$STACK/diff/wrong" ""
    ln -s elsewhere/target "$STACK/link"
    LOWERDIR=link/../diff LOWERS=$L
    mount_overlay
    names "$M" right
}

@test "a lower layer on another file system" {
    own_stack
    tmp_fs "$L"
    file "$L/d/on-tmpfs" t
    file "$L2/d/on-disk" d
    mount_overlay
    names "$M/d" on-disk on-tmpfs
    echo more >>"$M/d/on-tmpfs"
    content "$U/d/on-tmpfs" $'tmore\n'
}

@test "what is mounted inside a lower layer is not part of it" {
    own_stack
    mkdir -p "$L/d"
    file "$L/d/own" ""
    tmp_fs "$L/d"
    touch "$L/d/foreign"
    LOWERS=$L2
    mount_overlay
    names "$M/d" own
}

@test "an absolute symlink in a layer leads through the mount, not through the layer" {
    own_stack
    file "$TEST_DIR/outside/secret" outside
    ln -s "$TEST_DIR/outside" "$L/link"
    ln -s ../../../.. "$L/up"
    mount_overlay
    attr "$M/link" type link
    content "$M/link/secret" outside
    fails ENOENT lstat "$M/nolink/secret" ino
    # as a parent of a look-up within the layer it would have to be a directory
    echo new >"$M/link/new"
    present "$TEST_DIR/outside/new"
    absent "$U/link"
}

@test "the kernel's overlayfs as a lower layer" {
    own_stack
    mkdir "$STACK"/{a,b,nested}
    file "$STACK/a/f" a
    file "$STACK/b/f" b
    file "$STACK/b/d/g" b
    mount -t overlay samepage-it -o "lowerdir=$STACK/a:$STACK/b" "$STACK/nested"
    LOWERDIR=nested:low2 LOWERS=$STACK/a:$STACK/b
    file "$L2/d/h" l2
    mount_overlay
    content "$M/f" a
    names "$M/d" g h
    echo new >"$M/d/g"
    content "$U/d/g" $'new\n'
}

@test "the mount as a lower layer of the kernel's overlayfs" {
    own_stack
    file "$L/f" lower
    file "$L/d/g" lower
    mount_overlay
    echo changed >"$M/f"
    mkdir "$STACK"/{up2,work2,mnt2}
    mount -t overlay samepage-it -o "lowerdir=$M,upperdir=$STACK/up2,workdir=$STACK/work2" "$STACK/mnt2"
    content "$STACK/mnt2/f" $'changed\n'
    echo above >"$STACK/mnt2/d/g"
    content "$STACK/mnt2/d/g" $'above\n'
    content "$M/d/g" lower
    umount "$STACK/mnt2"
}

@test "the mount as a lower layer of itself" {
    own_stack
    first=$STACK/first
    mkdir "$first" "$STACK"/{up1,work1,low3}
    file "$STACK/low3/d/f" bottom
    file "$L/d/g" top
    LOWERS=$L:$STACK/low3
    # two mounts, one on the other
    UPPER=$STACK/up1 WORK=$STACK/work1 MNT=$first LOWERDIR=low3 mount_overlay
    echo one >"$first/d/new"
    LOWERDIR=low1:first
    mount_overlay
    names "$M/d" f g new
    echo two >"$M/d/f"
    content "$first/d/f" bottom
    content "$U/d/f" $'two\n'
    umount_overlay
    MNT=$first
}
