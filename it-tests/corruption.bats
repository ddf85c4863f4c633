#!/usr/bin/env bats
# Layers that nobody should have written: read as safely as the kernel reads them.

load lib/harness

fixture() {
    file "$L/f" "lower text"
    file "$L/d/x" x
    file "$L2/target/y" y
    mkdir -p "$L/outside-looking"
}

# A mount of a stack that a test has prepared may be refused, but not more.
tolerant_mount() {
    mount_overlay || skip "the mount is refused"
}

# The command fails or gives what is expected, but neither hangs nor kills the mount.
never_more_than() { # EXPECTED COMMAND...
    local got
    got=$("${@:2}" 2>/dev/null) || true
    [[ -z $got || $got == "$1" ]] || {
        printf 'expected nothing or: %s\ngot: %s\n' "$1" "$got"
        return 1
    }
    timeout 10 ls "$M" >/dev/null
}

@test "a redirect out of the layer leads nowhere" {
    own_stack
    fixture
    file "$STACK/secret/s" secret
    for value in ../secret /../secret ../../secret "$STACK/secret" /../../../../etc .. . / // "" a/b "a/../../secret"; do
        rm -rf "$U/r"
        mkdir "$U/r"
        setfattr -n trusted.overlay.redirect -v "$value" "$U/r"
        tolerant_mount
        never_more_than "" sys ls "$M/r/s"
        absent "$M/r/s" "$M/r/passwd"
        umount_overlay
    done
}

@test "a redirect that is longer than any path is refused" {
    own_stack
    fixture
    loop_fs "$STACK/fs" 320M xfs
    mkdir "$STACK/fs/up" "$STACK/fs/work" "$STACK/fs/up/r"
    UPPER=$STACK/fs/up WORK=$STACK/fs/work
    setfattr -n trusted.overlay.redirect -v "/$(printf %05000d 0)" "$UPPER/r"
    tolerant_mount
    never_more_than "" sys ls "$M/r"
    content "$M/f" "lower text"
}

@test "a redirect to what is not there gives an empty directory or an error" {
    own_stack
    fixture
    mkdir "$U/r"
    setfattr -n trusted.overlay.redirect -v nothing "$U/r"
    tolerant_mount
    never_more_than "" sys ls "$M/r"
    touch "$M/r/new" || true
    content "$M/f" "lower text"
}

@test "a redirect to a file gives an empty directory or an error" {
    own_stack
    fixture
    mkdir "$U/r"
    setfattr -n trusted.overlay.redirect -v f "$U/r"
    tolerant_mount
    never_more_than "" sys ls "$M/r"
}

@test "two directories that redirect to one both show it" {
    own_stack
    fixture
    mkdir "$U/r1" "$U/r2"
    setfattr -n trusted.overlay.redirect -v target "$U/r1"
    setfattr -n trusted.overlay.redirect -v /target "$U/r2"
    tolerant_mount
    never_more_than y sys ls "$M/r1"
    never_more_than y sys ls "$M/r2"
    timeout 20 find "$M" >/dev/null || true
}

@test "a directory that redirects to its own parent does not hang a walk" {
    own_stack
    fixture
    mkdir -p "$U/d/r"
    setfattr -n trusted.overlay.redirect -v /d "$U/d/r"
    tolerant_mount
    timeout 20 find "$M" >/dev/null || true
    timeout 10 rm -rf "$M/d/r" || true
    content "$M/f" "lower text"
}

@test "an origin that is nonsense is ignored" {
    own_stack
    fixture
    file "$U/f" upper
    mkdir "$U/d"
    for value in 0x00 0xfb 0x00fb 0x00fb1d000100000000000000000000000000000000000000000000000000 0x$(printf 'ff%.0s' {1..100}) 0x; do
        setfattr -n trusted.overlay.origin -v "$value" "$U/f"
        setfattr -n trusted.overlay.origin -v "$value" "$U/d"
        mount_overlay
        content "$M/f" upper
        names "$M/d" x
        umount_overlay
    done
}

@test "an opaque mark that is nonsense is none" {
    own_stack
    fixture
    mkdir "$U/d"
    for value in "" n yes Y 0x79 0x7900 yy; do
        setfattr -n trusted.overlay.opaque -v "$value" "$U/d"
        mount_overlay
        if [[ $value == 0x79 ]]; then
            names "$M/d"
        else
            names "$M/d" x
        fi
        umount_overlay
    done
}

@test "an opaque mark or a redirect on a file means nothing" {
    own_stack
    fixture
    file "$U/f" upper
    setfattr -n trusted.overlay.opaque -v y "$U/f"
    setfattr -n trusted.overlay.redirect -v d/x "$U/f"
    mount_overlay
    content "$M/f" upper
}

@test "a metacopy mark without data below is an error" {
    own_stack
    fixture
    file "$U/alone" "0000000000"
    setfattr -n trusted.overlay.metacopy -v "" "$U/alone"
    mkdir "$U/dir"
    setfattr -n trusted.overlay.metacopy -v "" "$U/dir"
    mount_overlay -o metacopy=on
    refuses cat "$M/alone"
    content "$M/f" "lower text"
    ls "$M/dir" >/dev/null || true
    umount_overlay
}

@test "a metacopy mark that is nonsense is an error or ignored" {
    own_stack
    fixture
    file "$U/f" "0000000000"
    setfattr -n trusted.overlay.metacopy -v 0xffffffff "$U/f"
    mount_overlay -o metacopy=on
    never_more_than "lower text" cat "$M/f"
    umount_overlay
}

@test "a whiteout with a mode, an owner and xattrs is a whiteout" {
    own_stack
    fixture
    whiteout "$U/f"
    chmod 644 "$U/f"
    chown 5:6 "$U/f"
    setfattr -n trusted.note -v x "$U/f"
    mount_overlay
    absent "$M/f"
    names "$M" d outside-looking target
}

@test "a block device 0:0, and a character device 0:1, are no whiteouts" {
    own_stack
    fixture
    mknod "$U/block" b 0 0
    mknod "$U/char" c 0 1
    mount_overlay
    attr "$M/block" type,rdev "block 0:0"
    attr "$M/char" type,rdev "char 0:1"
}

@test "a work directory that holds somebody's files is cleaned only where it is the overlay's own" {
    own_stack
    fixture
    file "$WORK/mine" "keep me"
    mkdir -p "$WORK/work"
    file "$WORK/work/#1" "left from a crash"
    file "$WORK/work/dir/#2" "left from a crash"
    mount_overlay
    content "$M/f" "lower text"
    echo more >>"$M/f"
    umount_overlay
    content "$WORK/mine" "keep me"
    absent "$WORK/work/#1"
}

@test "layers that change behind the mount's back do not hang or kill it" {
    own_stack
    fixture
    mkdir "$L/many"
    sys many "$L/many" 200
    mount_overlay
    ls -l "$M" "$M/many" >/dev/null
    LOWERS_MAY_CHANGE=1
    rm -r "$L/many" "$L/f"
    file "$L/new" new
    mv "$L/d" "$L/d2"
    timeout 20 find "$M" -ls >/dev/null 2>&1 || true
    timeout 20 cat "$M/f" "$M/new" "$M/d2/x" "$M/d/x" >/dev/null 2>&1 || true
    timeout 20 touch "$M/many/new" "$M/after" 2>/dev/null || true
    timeout 20 rm -rf "$M/many" 2>/dev/null || true
    present "$M/after"
    remount_overlay
    names "$M/d2" x
    present "$M/after"
}
