#!/usr/bin/env bats
# The upper directory is the kernel overlayfs's: what one writes the other reads,
# and they may take turns.

load lib/harness

setup() {
    start_test
    own_stack
    file "$L/f" "lower text" 640
    file "$L/g" other
    file "$L2/h" bottom
    file "$L/d/x" x
    file "$L2/d/y" y
    file "$L2/d/sub/z" z
    file "$L/e/only" e
    file "$L/removed/r" r
    file "$L2/removed/r2" r2
    mkdir "$L/empty"
    ln -s f "$L/link"
    mkfifo "$L/fifo"
    mknod "$L/null" c 1 3
    head -c 100000 /dev/urandom >"$L/big"
    setfattr -n user.note -v text "$L/f"
    chown 1:2 "$L/f"
    setfacl -m u:1000:r "$L/g"
}

# All kinds of changes, each time other ones.
changes() { # N
    leave_mount "$M"
    case $1 in
    1)
        echo more >>f
        chmod 600 g
        rm h
        mv d moved
        touch moved/new
        rm moved/y
        rm -r removed
        mkdir removed
        touch removed/again
        mkdir -p new/sub
        ln f new/linked
        ln -s nowhere new/link
        mknod new/dev b 7 99
        mkfifo new/fifo
        chown -h 7 link
        chmod 600 fifo
        mv e moved/sub/
        truncate -s 1000 big
        setfattr -n user.more -v "more text" f
        setfattr -n trusted.overlay.opaque -v n new
        setfacl -d -m u:1001:rwx new
        exchange g link
        rmdir empty
        touch -d "2001-02-03 04:05:06.789" new/sub
        ;;
    2)
        mv moved d
        mv d/sub/e .
        rm -r new/sub
        echo again >h
        rm f
        mkdir f
        touch f/inside
        mv removed empty
        exchange d e
        rm null
        cp -a big big2
        ;;
    3)
        mv e/sub s
        mv d d2
        echo z >s/z
        rm -r f
        mv h f
        rm -r empty
        mv d2/only null
        ;;
    esac
    leave_mount
}

same_tree_under_the_kernel() {
    sys tree "$M" >"$STACK/one"
    umount_overlay
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    sys tree "$M" >"$STACK/two"
    diff "$STACK/one" "$STACK/two"
    umount "$M"
}

@test "what it writes the kernel's overlayfs reads" {
    mount_overlay
    changes 1
    same_tree_under_the_kernel
    mount_overlay
    changes 2
    same_tree_under_the_kernel
    mount_overlay
    changes 3
    same_tree_under_the_kernel
}

@test "what the kernel's overlayfs writes it reads" {
    for n in 1 2 3; do
        mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
        changes $n
        sys tree "$M" >"$STACK/one"
        umount "$M"
        mount_overlay
        sys tree "$M" >"$STACK/two"
        umount_overlay
        diff "$STACK/one" "$STACK/two"
    done
}

@test "they take turns" {
    mount_overlay
    changes 1
    umount_overlay
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    changes 2
    umount "$M"
    mount_overlay
    changes 3
    same_tree_under_the_kernel
}

@test "the kernel alone makes of the same changes the same tree" {
    # the same changes on two copies of the upper directory, one under each
    mount_overlay
    for n in 1 2 3; do
        changes $n
    done
    sys tree "$M" | sed 's/ [0-9]*\.[0-9]\{9\}/ TIME/' >"$STACK/one"
    umount_overlay
    UPPER=$STACK/up2 WORK=$STACK/work2 U=$STACK/up2
    mkdir "$UPPER" "$WORK"
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    for n in 1 2 3; do
        changes $n
    done
    sys tree "$M" | sed 's/ [0-9]*\.[0-9]\{9\}/ TIME/' >"$STACK/two"
    umount "$M"
    diff "$STACK/one" "$STACK/two"
}

@test "hard links in the upper directory" {
    mount_overlay
    echo text >"$M/one"
    ln "$M/one" "$M/two"
    mkdir "$M/dir"
    ln "$M/one" "$M/dir/three"
    mv "$M/dir" "$M/dir2"
    umount_overlay
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    attr "$M/one" nlink,ino "3 $(sys lstat "$M/dir2/three" ino)"
    echo more >>"$M/dir2/three"
    content "$M/two" $'text\nmore\n'
    umount "$M"
    mount_overlay
    content "$M/one" $'text\nmore\n'
    attr "$M/two" nlink 3
}

@test "inode numbers agree with the kernel's on one file system" {
    mount_overlay
    changes 1
    # without an index the kernel gives hard links of a lower file another number
    (cd "$M" && find . -mindepth 1 \( -links 1 -o -type d \) -printf '%P %i\n' | sort) >"$STACK/one"
    umount_overlay
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    (cd "$M" && find . -mindepth 1 \( -links 1 -o -type d \) -printf '%P %i\n' | sort) >"$STACK/two"
    umount "$M"
    diff "$STACK/one" "$STACK/two"
}

@test "an upper directory becomes a lower layer" {
    mount_overlay
    changes 1
    sys tree "$M" >"$STACK/one"
    umount_overlay
    LOWERDIR=up:low1:low2 UPPER=$STACK/up2 WORK=$STACK/work2 U=$STACK/up2
    mkdir "$UPPER" "$WORK"
    mount_overlay
    sys tree "$M" | sed 1d >"$STACK/two"
    diff <(sed 1d "$STACK/one") "$STACK/two"
    changes 2
    sys tree "$M" >"$STACK/one"
    umount_overlay
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK" "$M"
    sys tree "$M" >"$STACK/two"
    umount "$M"
    diff "$STACK/one" "$STACK/two"
}

@test "after an unmount the work directory holds nothing that the kernel minds" {
    mount_overlay
    changes 1
    umount_overlay
    equal "$(find "$WORK" -type f)" ""
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK,index=off" "$M"
    umount "$M"
}

@test "with metacopy=on in turns" {
    mount_overlay -o metacopy=on
    chmod 600 "$M/big" "$M/h"
    mv "$M/big" "$M/d/moved"
    mv "$M/d" "$M/dd"
    umount_overlay
    mount_kernel "lowerdir=$LOWERDIR,upperdir=$UPPER,workdir=$WORK,metacopy=on" "$M"
    cmp "$M/dd/moved" "$L/big"
    mv "$M/dd/moved" "$M/again"
    chmod 640 "$M/f"
    umount "$M"
    mount_overlay -o metacopy=on
    cmp "$M/again" "$L/big"
    content "$M/f" "lower text"
    attr "$M/again" mode 600
    attr "$M/f" mode 640
}
