#!/usr/bin/env bats
# The forms in which container engines call a mount program.

load lib/harness
load lib/command

setup() {
    start_test
    own_stack
    file "$L/f" lower
    file "$L2/g" bottom
    remember_lowers
}

# As podman calls it: PROG -o OPTIONS TARGET, stdin and stdout /dev/null, stderr a
# pipe that must come to its end.
engine_mount() { # OPTIONS [TARGET]
    timeout -k 1 30 "$SAMEPAGE" -o "$1" "${2:-$MNT}" </dev/null 2>&1 >/dev/null 3>&- 4>&- | cat >"$STACK/mount.out"
    equal "${PIPESTATUS[0]}" 0 || {
        cat "$STACK/mount.out"
        return 1
    }
}

layers() {
    echo "lowerdir=$L:$L2,upperdir=$UPPER,workdir=$WORK"
}

@test "PROG -o OPTIONS TARGET mounts and returns when the mount stands" {
    engine_mount "$(layers)"
    content "$M/f" lower
    is_mounted "$MNT"
}

@test "empty options, a double and a trailing comma are no error" {
    engine_mount "$(layers),,volatile"
    content "$M/f" lower
    umount_overlay
    rm -r "$WORK/work/incompat"
    engine_mount "$(layers),"
    content "$M/f" lower
    umount_overlay
    engine_mount ",$(layers)"
    content "$M/f" lower
}

@test "options that it does not know are no error" {
    engine_mount "$(layers),private,fsync=0,noacl,xino=off,nodev,something=else"
    content "$M/f" lower
}

@test "context=\"a,b\" in quotes is one option" {
    engine_mount "$(layers),context=\"system_u:object_r:container_file_t:s0:c1,c2\""
    content "$M/f" lower
}

@test "what is written to a large lower file is in the upper directory when the mount has ended" {
    head -c 30000000 /dev/urandom >"$L/large"
    remember_lowers
    cp "$L/large" "$STACK/wanted"
    printf changed | dd of="$STACK/wanted" bs=1 seek=100000 conv=notrunc status=none
    engine_mount "$(layers)"
    printf changed | dd of="$M/large" bs=1 seek=100000 conv=notrunc status=none
    umount_overlay
    cmp "$UPPER/large" "$STACK/wanted"
}

@test "without upperdir it is a read-only mount" {
    engine_mount "lowerdir=$L:$L2"
    fails EROFS open f "$M/new" wronly+creat
}

@test "128 lower directories and an option string of 9 KiB" {
    list=''
    padding=$(printf %060d 0)
    for n in {1..128}; do
        mkdir "$STACK/$padding$n"
        echo "$n" >"$STACK/$padding$n/all"
        list+=$STACK/$padding$n:
    done
    ((${#list} > 9000))
    engine_mount "lowerdir=${list%:},upperdir=$UPPER,workdir=$WORK"
    content "$M/all" $'1\n'
}

@test "500 lower directories with absolute paths" {
    list=''
    for n in {1..500}; do
        mkdir "$STACK/n$n"
        echo "$n" >"$STACK/n$n/all"
        echo "$n" >"$STACK/n$n/f$n"
        list+=$STACK/n$n:
    done
    engine_mount "lowerdir=${list%:},upperdir=$UPPER,workdir=$WORK"
    content "$M/all" $'1\n'
    content "$M/f500" $'500\n'
    equal "$(sys count "$M")" 501
}

@test "lower directories by symlinks that are relative to the caller's directory" {
    mkdir "$STACK/l"
    ln -s ../low1 "$STACK/l/AAAA"
    ln -s ../low2 "$STACK/l/BBBB"
    cd "$STACK"
    engine_mount "lowerdir=l/AAAA:l/BBBB,upperdir=up,workdir=work"
    leave_mount
    content "$M/f" lower
    content "$M/g" bottom
}

@test "l/X/../diff1 is beside the target of l/X" {
    mkdir -p "$STACK/l" "$STACK/elsewhere/diff1"
    file "$STACK/elsewhere/diff1/right" ""
    mkdir "$STACK/elsewhere/diff"
    ln -s ../elsewhere/diff "$STACK/l/X"
    engine_mount "lowerdir=$STACK/l/X/../diff1,upperdir=$UPPER,workdir=$WORK"
    names "$M" right
}

@test "a lower directory that is itself such a mount" {
    engine_mount "lowerdir=$L:$L2"
    mkdir "$STACK/mnt2"
    engine_mount "lowerdir=$MNT,upperdir=$UPPER,workdir=$WORK" "$STACK/mnt2"
    content "$STACK/mnt2/f" lower
    echo new >"$STACK/mnt2/f"
    content "$M/f" lower
    content "$STACK/mnt2/f" $'new\n'
}

@test "PROG overlay TARGET -o OPTIONS, as containerd's mount helper calls it" {
    timeout -k 1 30 "$SAMEPAGE" overlay "$MNT" -o "$(layers)" </dev/null >"$STACK/mount.out" 2>&1 3>&- 4>&-
    content "$M/f" lower
}

@test "fusermount3 -u by another process, and again at once" {
    needs_program fusermount3
    for _ in 1 2 3; do
        engine_mount "$(layers)"
        content "$M/f" lower
        fusermount3 -u "$MNT"
    done
    engine_mount "$(layers)"
    content "$M/f" lower
}

@test "with uidmapping and gidmapping owners are shifted, or it says that it cannot" {
    status=0
    engine_mount "$(layers),uidmapping=0:100000:65536,gidmapping=0:100000:65536" || status=$?
    if ((status == 0)) && is_mounted "$MNT"; then
        content "$M/f" lower
    fi
}
