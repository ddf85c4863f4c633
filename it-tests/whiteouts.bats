#!/usr/bin/env bats
# Names that a layer takes away from those below it.

load lib/harness

fixture() {
    file "$L2/f" lower
    file "$L2/d/a" a
    file "$L2/d/b" b
    file "$L2/d/sub/c" c
    file "$L2/gone" hidden
    whiteout "$L/gone"
    file "$L2/gone-dir/x" hidden
    whiteout "$L/gone-dir"
    file "$L2/partly/kept" k
    file "$L2/partly/gone" g
    whiteout "$L/partly/gone"
    file "$L2/all-gone/x" x
    file "$L2/all-gone/y" y
    whiteout "$L/all-gone/x" "$L/all-gone/y"
    whiteout "$L2/of-nothing"
    file "$L2/upper-gone" x
    whiteout "$U/upper-gone"
    file "$L2/x-form/kept" k
    file "$L2/x-form/gone" g
    xattr_whiteout "$L/x-form/gone"
}

setup_file() {
    share_overlay
}

@test "a whiteout in a lower layer hides a file and a directory below it" {
    absent gone gone-dir
    fails ENOENT lstat gone-dir/x ino
    fails ENOENT open r gone rdonly
}

@test "a whiteout in the upper directory hides a lower file" {
    absent upper-gone
}

@test "whiteouts are not listed" {
    names . all-gone d f partly x-form
    names partly kept
    sys checkdents .
}

@test "a whiteout of a name that no layer below has shows nothing" {
    absent of-nothing
}

@test "a directory whose names are all whited out is empty and can be removed" {
    names all-gone
    rmdir all-gone
    absent all-gone
    is_whiteout "$U/all-gone"
}

@test "a whiteout can be an empty file with an xattr, in a directory that is marked" {
    absent x-form/gone
    names x-form kept
    rm x-form/kept
    names x-form
    remount_overlay
    names x-form
}

@test "a directory whose names are all whited out by xattr can be removed" {
    rm x-form/kept
    rmdir x-form
    absent x-form
}

@test "unlink of a lower file leaves a whiteout in the upper directory" {
    rm f
    absent f
    is_whiteout "$U/f"
    names . all-gone d partly x-form
}

@test "unlink of a file that is only in the upper directory leaves nothing" {
    echo >new
    rm new
    absent "$U/new"
}

@test "unlink of a copied-up file leaves a whiteout" {
    echo more >>f
    present "$U/f"
    rm f
    absent f
    is_whiteout "$U/f"
}

@test "rm -r of a lower directory leaves one whiteout" {
    rm -r d
    absent d
    is_whiteout "$U/d"
}

@test "a file is created over a whiteout" {
    echo new >gone
    content gone $'new\n'
    attr "$U/gone" type file
    echo new >upper-gone
    content upper-gone $'new\n'
    rm gone
    absent gone
}

@test "a removed lower file can be made again, and removed again" {
    for n in 1 2 3; do
        rm f
        absent f
        echo "$n" >f
        content f "$n"$'\n'
    done
    rm f
    is_whiteout "$U/f"
}

@test "a file renamed over a lower one and removed does not bring the lower one back" {
    echo new >f.new
    mv f.new f
    rm f
    absent f
    is_whiteout "$U/f"
    remount_overlay
    absent "$M/f"
}

@test "a directory made over a whiteout shows nothing of what was below" {
    mkdir gone-dir
    names gone-dir
    fails ENOENT lstat gone-dir/x ino
    remount_overlay
    names gone-dir
}

@test "a symlink, a device and a fifo are made over a whiteout" {
    ln -s target gone
    attr gone type link
    rm gone
    mkfifo gone
    attr gone type fifo
    rm gone
    mknod gone c 1 3
    attr gone type,rdev "char 1:3"
}

@test "a hard link is made over a whiteout" {
    ln f gone
    content gone lower
    attr gone nlink 2
}

@test "a file is renamed over a whiteout" {
    mv f gone
    content gone lower
    absent f
}

@test "a device 0:0 cannot be made: it would be a whiteout" {
    fails EPERM mknod zero char 600 0:0
    absent zero "$U/zero"
}

@test "a whiteout is not shown after a remount" {
    rm f
    rm -r d
    remount_overlay
    absent f d
    names . all-gone partly x-form
}

@test "a whiteout in the middle layer does not hide what is above it" {
    own_stack
    mkdir "$STACK/low3"
    LOWERDIR=low1:low2:low3 LOWERS=$L:$L2:$STACK/low3
    file "$L/d/f" top
    whiteout "$L2/d"
    file "$STACK/low3/d/g" bottom
    file "$L/f" top
    whiteout "$L2/f"
    mount_overlay
    names "$M/d" f
    content "$M/f" top
}

@test "a whiteout below a file does not matter" {
    own_stack
    file "$L/f" top
    whiteout "$L2/f"
    mount_overlay
    content "$M/f" top
    rm "$M/f"
    absent "$M/f"
}

# --- forms that container engines write -------------------------------------------------

@test ".wh.NAME in a lower layer hides NAME in those below, and itself" {
    own_stack
    file "$L2/f" hidden
    file "$L2/kept" kept
    file "$L2/d/x" hidden
    file "$L/.wh.f" ""
    file "$L/.wh.d" ""
    file "$L/.wh.nothing" ""
    mount_overlay
    names "$M" kept
    absent "$M/f" "$M/.wh.f" "$M/d" "$M/.wh.d" "$M/.wh.nothing"
    echo new >"$M/f"
    content "$M/f" $'new\n'
    rm "$M/f"
    absent "$M/f"
}

@test ".wh.NAME does not hide NAME in its own layer" {
    own_stack
    file "$L/f" own
    file "$L/.wh.f" ""
    file "$L2/f" hidden
    file "$L/d/own" ""
    file "$L/.wh.d" ""
    file "$L2/d/below" ""
    mount_overlay
    content "$M/f" own
    names "$M/d" own
}

@test ".wh..wh..opq makes its directory opaque" {
    own_stack
    file "$L/d/own" ""
    file "$L/d/.wh..wh..opq" ""
    file "$L2/d/hidden" ""
    file "$L2/d/sub/hidden" ""
    mount_overlay
    names "$M/d" own
    absent "$M/d/hidden" "$M/d/sub" "$M/d/.wh..wh..opq"
    # the hidden names must not come back by a look-up after a change
    touch "$M/d/new"
    absent "$M/d/hidden"
    mkdir "$M/d/sub"
    names "$M/d/sub"
    names "$M/d" new own sub
}

@test ".wh..wh.plnk and .wh..wh.aufs are hidden" {
    own_stack
    mkdir -p "$L/.wh..wh.plnk" "$L/.wh..wh.orph"
    file "$L/.wh..wh.aufs" ""
    file "$L/f" ""
    mount_overlay
    names "$M" f
}

@test "what the AUFS form hides stays hidden for the kernel once it is changed" {
    own_stack
    LOWERDIR=low1:low2
    file "$L2/d/hidden" ""
    file "$L/d/own" ""
    file "$L/d/.wh..wh..opq" ""
    mount_overlay
    rm -r "$M/d"
    mkdir "$M/d"
    mount_kernel_on_same_layers
    names "$M/d"
}

@test "user.fuseoverlayfs.opaque makes its directory opaque" {
    own_stack
    file "$L/d/own" ""
    setfattr -n user.fuseoverlayfs.opaque -v y "$L/d"
    file "$L2/d/hidden" ""
    mount_overlay
    names "$M/d" own
    absent "$M/d/hidden"
}

@test "a name that begins with .wh. cannot be confused in the upper directory" {
    own_stack
    file "$L/f" lower
    mount_overlay
    # Made through the mount it is either refused or an ordinary name; it must
    # never make f vanish.
    touch "$M/.wh.f" || true
    content "$M/f" lower
    remount_overlay
    content "$M/f" lower
}
