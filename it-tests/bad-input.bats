#!/usr/bin/env bats
# Mounts that cannot be: one line that names the path and the remedy, a non-zero
# exit, nothing mounted, nothing left behind.

load lib/harness
load lib/command

setup() {
    start_test
    own_stack
    file "$L/f" lower
    mkdir "$STACK/low3"
    GOOD=upperdir=$UPPER,workdir=$WORK
}

@test "a lower directory that is missing" {
    refused "$STACK/no" -o "lowerdir=$STACK/no,$GOOD" "$MNT"
    refused "$STACK/no" -o "lowerdir=$L:$STACK/no:$L2,$GOOD" "$MNT"
    refused "$STACK/no" -o "lowerdir=$STACK/no" "$MNT"
}

@test "an upper directory that is missing" {
    refused "$STACK/no" -o "lowerdir=$L,upperdir=$STACK/no,workdir=$WORK" "$MNT"
}

@test "a work directory that is missing" {
    refused "$STACK/no" -o "lowerdir=$L,upperdir=$UPPER,workdir=$STACK/no" "$MNT"
}

@test "a target that is missing" {
    refused "$STACK/no" -o "lowerdir=$L,$GOOD" "$STACK/no"
}

@test "a file where a directory is due" {
    file "$STACK/file" text
    refused "$STACK/file" -o "lowerdir=$STACK/file,$GOOD" "$MNT"
    refused "$STACK/file" -o "lowerdir=$L,upperdir=$STACK/file,workdir=$WORK" "$MNT"
    refused "$STACK/file" -o "lowerdir=$L,upperdir=$UPPER,workdir=$STACK/file" "$MNT"
    refused "$STACK/file" -o "lowerdir=$L,$GOOD" "$STACK/file"
}

@test "a symlink that leads nowhere, or in a circle" {
    ln -s nowhere "$STACK/dangling"
    ln -s loop "$STACK/loop"
    refused "$STACK/dangling" -o "lowerdir=$STACK/dangling,$GOOD" "$MNT"
    refused "$STACK/loop" -o "lowerdir=$L,upperdir=$STACK/loop,workdir=$WORK" "$MNT"
}

@test "a path that is empty, and a list with a hole" {
    refused lowerdir -o "lowerdir=,$GOOD" "$MNT"
    refused lowerdir -o "lowerdir=$L:::$L2,$GOOD" "$MNT"
    refused upperdir -o "lowerdir=$L,upperdir=,workdir=$WORK" "$MNT"
    refused workdir -o "lowerdir=$L,upperdir=$UPPER,workdir=" "$MNT"
}

@test "a path that is too long" {
    refused "" -o "lowerdir=/$(printf %05000d 0),$GOOD" "$MNT"
}

@test "the same directory twice" {
    refused "$L" -o "lowerdir=$L:$L,$GOOD" "$MNT"
    refused "$L" -o "lowerdir=$L:$L2:$STACK/low3/../low1,$GOOD" "$MNT"
    refused "$UPPER" -o "lowerdir=$L,upperdir=$UPPER,workdir=$UPPER" "$MNT"
    refused "$L" -o "lowerdir=$L,upperdir=$L,workdir=$WORK" "$MNT"
    refused "$L" -o "lowerdir=$L,upperdir=$UPPER,workdir=$L" "$MNT"
}

@test "the same directory by a symlink and by a bind mount" {
    ln -s low1 "$STACK/link"
    refused "$STACK" -o "lowerdir=$L:$STACK/link,$GOOD" "$MNT"
    mount --bind "$L" "$STACK/low3"
    refused "$STACK" -o "lowerdir=$L:$STACK/low3,$GOOD" "$MNT"
    umount "$STACK/low3"
}

@test "directories inside each other" {
    mkdir -p "$UPPER/in" "$WORK/in" "$L/in"
    remember_lowers
    refused "$UPPER/in" -o "lowerdir=$L,upperdir=$UPPER,workdir=$UPPER/in" "$MNT"
    refused "$WORK/in" -o "lowerdir=$L,upperdir=$WORK/in,workdir=$WORK" "$MNT"
    refused "$L/in" -o "lowerdir=$L,upperdir=$L/in,workdir=$WORK" "$MNT"
    refused "$L/in" -o "lowerdir=$L,upperdir=$UPPER,workdir=$L/in" "$MNT"
    refused "$UPPER/in" -o "lowerdir=$UPPER/in,$GOOD" "$MNT"
    refused "$WORK/in" -o "lowerdir=$WORK/in,$GOOD" "$MNT"
    refused "$L/in" -o "lowerdir=$L:$L/in,$GOOD" "$MNT"
}

@test "a work directory on another file system than the upper one" {
    tmp_fs "$STACK/fs"
    mkdir "$STACK/fs/work"
    refused "$STACK/fs/work" -o "lowerdir=$L,upperdir=$UPPER,workdir=$STACK/fs/work" "$MNT"
}

@test "a work directory on another mount of the same file system" {
    mount --bind "$WORK" "$STACK/low3"
    refused "$STACK/low3" -o "lowerdir=$L,upperdir=$UPPER,workdir=$STACK/low3" "$MNT"
    umount "$STACK/low3"
}

@test "an upper or work directory that is in use by another mount" {
    mount_overlay
    mkdir "$STACK"/{up2,work2,mnt2}
    refused "$UPPER" -o "lowerdir=$L,upperdir=$UPPER,workdir=$STACK/work2" "$STACK/mnt2"
    refused "$WORK" -o "lowerdir=$L,upperdir=$STACK/up2,workdir=$WORK" "$STACK/mnt2"
    content "$M/f" lower
    umount_overlay
    # and then they are free
    MNT=$STACK/mnt2 mount_overlay
    umount "$STACK/mnt2"
}

@test "an upper file system without extended attributes" {
    mkdir "$STACK/fs"
    mount -t ramfs samepage-it "$STACK/fs"
    mkdir "$STACK/fs/up" "$STACK/fs/work"
    refused "$STACK/fs/up" -o "lowerdir=$L,upperdir=$STACK/fs/up,workdir=$STACK/fs/work" "$MNT"
    refused "$STACK/fs/up" -o "lowerdir=$L,upperdir=$STACK/fs/up,workdir=$STACK/fs/work,userxattr" "$MNT"
}

@test "an upper file system that is read-only" {
    loop_fs "$STACK/fs" 8M ext4
    mkdir "$STACK/fs/up" "$STACK/fs/work"
    mount -o remount,ro "$STACK/fs"
    refused "$STACK/fs" -o "lowerdir=$L,upperdir=$STACK/fs/up,workdir=$STACK/fs/work" "$MNT"
}

@test "an upper file system that is nobody's: /proc" {
    refused /proc -o "lowerdir=$L,upperdir=/proc/self,workdir=/proc/self/fd" "$MNT"
}

@test "layers that may not be read" {
    mkdir "$STACK/private"
    chown 1000:1000 "$STACK/private"
    chmod 700 "$STACK/private"
    # root without the right to read everything
    samepage() {
        timeout -k 1 30 setpriv --bounding-set -dac_override,-dac_read_search --inh-caps -all \
            "$SAMEPAGE" "$@" 3>&- 4>&- </dev/null
    }
    refused "$STACK/private" -o "lowerdir=$STACK/private,$GOOD" "$MNT"
    refused "$STACK/private" -o "lowerdir=$L,upperdir=$STACK/private,workdir=$WORK" "$MNT"
}

@test "an option that does not exist" {
    refused nonsense -o "lowerdir=$L,$GOOD,nonsense" "$MNT"
    refused nonsense -o "lowerdir=$L,$GOOD,nonsense=1" "$MNT"
    refused upperdirs -o "lowerdir=$L,upperdirs=$UPPER,workdir=$WORK" "$MNT"
}

@test "a value that an option does not take" {
    for option in redirect_dir=maybe metacopy=2 xino=perhaps index=sometimes transport=smoke passthrough=never coherence=none; do
        refused "${option%=*}" -o "lowerdir=$L,$GOOD,$option" "$MNT"
    done
    refused volatile -o "lowerdir=$L,$GOOD,volatile=1" "$MNT"
    refused redirect_dir -o "lowerdir=$L,$GOOD,redirect_dir" "$MNT"
}

@test "options that lack their companion" {
    refused lowerdir -o "$GOOD" "$MNT"
    refused workdir -o "lowerdir=$L,upperdir=$UPPER" "$MNT"
    refused lowerdir -o rw "$MNT"
}

@test "options that contradict each other" {
    refused metacopy -o "lowerdir=$L,$GOOD,metacopy=on,redirect_dir=off" "$MNT"
}

@test "no options, no target, one target too many" {
    for arguments in "mount" "mount $MNT" "mount -o" "mount -o lowerdir=$L" "mount -o lowerdir=$L $MNT $STACK/low3"; do
        status=0
        # shellcheck disable=SC2086
        samepage $arguments >"$TEST_DIR/stdout" 2>"$TEST_DIR/stderr" || status=$?
        echo "$arguments: $(cat "$TEST_DIR/stderr")"
        differ "$status" 0
        content "$TEST_DIR/stdout" ""
        contains "$(head -1 "$TEST_DIR/stderr")" samepage
    done
    refuses is_mounted "$MNT"
}

@test "a target that is not empty" {
    touch "$MNT/something"
    refused "$MNT" -o "lowerdir=$L,$GOOD" "$MNT"
}

@test "a target that is mounted already" {
    mount_overlay
    mkdir "$STACK/up2" "$STACK/work2"
    refuses samepage mount -o "lowerdir=$L,upperdir=$STACK/up2,workdir=$STACK/work2" "$MNT" 2>"$TEST_DIR/stderr"
    equal "$(wc -l <"$TEST_DIR/stderr")" 1
    contains "$(cat "$TEST_DIR/stderr")" "$MNT"
    content "$M/f" lower
    equal "$(grep -c " $MNT " /proc/self/mountinfo)" 1
}

@test "a target inside the upper or the work directory" {
    mkdir "$UPPER/mnt" "$WORK/mnt"
    refused "$UPPER/mnt" -o "lowerdir=$L,$GOOD" "$UPPER/mnt"
    refused "$WORK/mnt" -o "lowerdir=$L,$GOOD" "$WORK/mnt"
}

@test "no /dev/fuse" {
    # shellcheck disable=SC2016
    run unshare -m --propagation private bash -c '
        mkdir -p "$1" && mount -t tmpfs samepage-it "$1" && cd "$1" &&
        mknod -m 666 null c 1 3 && mknod -m 666 zero c 1 5 && mknod -m 666 random c 1 8 && mknod -m 666 urandom c 1 9 &&
        ln -s /proc/self/fd fd && mount --move "$1" /dev && cd / || exit 99
        shift
        timeout -k 1 30 "$@" 2>&1 </dev/null' - "$STACK/dev" "$SAMEPAGE" mount -o "lowerdir=$L,$GOOD" "$MNT"
    echo "$output"
    differ "$status" 0
    differ "$status" 99
    equal "${#lines[@]}" 1
    contains "$output" /dev/fuse
    contains "$output" "samepage: "
}

@test "a /dev/fuse that is none" {
    : >"$STACK/fuse"
    # shellcheck disable=SC2016
    run unshare -m --propagation private bash -c '
        mount --bind "$1" /dev/fuse || exit 99
        shift
        timeout -k 1 30 "$@" 2>&1 </dev/null' - "$STACK/fuse" "$SAMEPAGE" mount -o "lowerdir=$L,$GOOD" "$MNT"
    echo "$output"
    differ "$status" 0
    differ "$status" 99
    equal "${#lines[@]}" 1
    contains "$output" /dev/fuse
}

@test "no permission to mount" {
    samepage() {
        timeout -k 1 30 setpriv --bounding-set -sys_admin --inh-caps -all "$SAMEPAGE" "$@" 3>&- 4>&- </dev/null
    }
    # without it not even the upper directory's xattrs can be written
    refused root -o "lowerdir=$L,$GOOD" "$MNT"
    refused "$MNT" -o "lowerdir=$L" "$MNT"
}

@test "many lower directories, one of which is wrong: it is named" {
    list=''
    for n in {1..100}; do
        mkdir "$STACK/l$n"
        list+=$STACK/l$n:
    done
    rmdir "$STACK/l73"
    refused "$STACK/l73" -o "lowerdir=${list%:},$GOOD" "$MNT"
}

@test "bytes that are not UTF-8, and line feeds, in a path still make one line" {
    refused "samepage" -o "lowerdir=$STACK/no"$'\n'"such,$GOOD" "$MNT"
    refused "samepage" -o "lowerdir=$STACK/"$'\xff\xfe'",$GOOD" "$MNT"
}

@test "each failure has a code of its own kind" {
    codes=()
    for options in "nonsense" "lowerdir=$STACK/no,$GOOD" "lowerdir=$L,upperdir=$UPPER,workdir=$WORK"; do
        status=0
        target=$MNT
        [[ $options != lowerdir=$L* ]] || target=$STACK/no
        samepage mount -o "$options" "$target" 2>/dev/null || status=$?
        codes+=("$status")
    done
    equal "$(printf '%s\n' "${codes[@]}" | sort -u | wc -l)" 3
}
