#!/usr/bin/env bats
# Mount options that work, and how the mount shows in /proc.

load lib/harness

setup() {
    start_test
    own_stack
    file "$L/f" lower
    mknod -m 666 "$L/null" c 1 3
}

# The options, type or source of the mount as /proc/self/mounts has them.
mounted() { # OPTIONS|FSTYPE|SOURCE
    findmnt -n -o "$1" "$MNT"
}

has_option() { # OPTION
    contains ",$(mounted OPTIONS)," ",$1,"
}

@test "the mount shows its type and source" {
    mount_overlay
    if under_kernel; then
        equal "$(mounted FSTYPE)" overlay
    else
        equal "$(mounted FSTYPE)" fuse.samepage
        equal "$(mounted SOURCE)" samepage
    fi
    has_option rw
    attr "$M" type dir
}

@test "the root of the mount has the attributes of the topmost directory" {
    chmod 711 "$UPPER"
    chown 3:4 "$UPPER"
    mount_overlay
    attr "$M" mode,uid,gid "711 3 4"
    chmod 755 "$M"
    attr "$UPPER" mode 755
    umount_overlay
    chmod 700 "$L"
    remember_lowers
    mount_overlay --read-only
    attr "$M" mode 700
}

@test "nodev keeps devices from being opened" {
    mount_overlay -o nodev
    has_option nodev
    fails EACCES open f "$M/null" rdonly
    attr "$M/null" type,rdev "char 1:3"
}

@test "noexec, nosuid and noatime show and can be combined" {
    mount_overlay -o noexec,nosuid,nodev,noatime
    for option in noexec nosuid nodev noatime; do
        has_option $option
    done
    content "$M/f" lower
}

@test "dev, suid, exec, rw and relatime are what is so anyway" {
    mount_overlay -o rw,dev,suid,exec,relatime
    has_option rw
    sys open f "$M/null" rdwr
    cp /bin/true "$M/program"
    "$M/program"
}

@test "the last of two options that exclude each other counts" {
    mount_overlay -o noexec,exec,nodev,dev
    cp /bin/true "$M/program"
    "$M/program"
    sys open f "$M/null" rdwr
}

@test "defaults and options that begin with x- are accepted" {
    mount_overlay -o defaults,x-systemd.automount,x-anything=value
    content "$M/f" lower
}

@test "redirect_dir, metacopy, xino, index, volatile and userxattr take their values" {
    for options in redirect_dir=on redirect_dir=off redirect_dir=follow redirect_dir=nofollow metacopy=on metacopy=off \
        xino=on xino=off xino=auto index=off userxattr; do
        mount_overlay -o $options
        content "$M/f" lower
        umount_overlay
    done
}

@test "options that only samepage has take their values" {
    for options in transport=auto transport=kernel passthrough=auto passthrough=off coherence=auto coherence=strict coherence=relaxed \
        allow_other default_permissions fsname=name allow_other,default_permissions,coherence=strict,fsname=other; do
        mount_overlay -o $options
        content "$M/f" lower
        umount_overlay
    done
}

@test "fsname is the source that shows" {
    mount_overlay -o fsname=my-overlay
    equal "$(mounted SOURCE)" my-overlay
    equal "$(mounted FSTYPE)" fuse.samepage
}

@test "other users may use the mount" {
    mount_overlay
    sys as 1000 , chdir "$M" , open f f rdonly , is lower read f
}

@test "the mount is a mount point of its own: rename and link across its edge are refused" {
    mount_overlay
    fails EXDEV rename "$M/f" "$STACK/f"
    fails EXDEV link "$M/f" "$STACK/f"
    fails EXDEV rename "$L/f" "$M/new"
    differ "$(sys lstat "$M" dev)" "$(sys lstat "$STACK" dev)"
}

@test "relative paths are those of the caller's directory" {
    # mount_overlay gives lowerdir relative to the stack; here all are
    LOWERDIR=./low1:../stack/low2 UPPER=up WORK=./work
    mount_overlay
    content "$M/f" lower
    echo new >"$M/new"
    content "$STACK/up/new" $'new\n'
    rm "$M/f"
    absent "$M/f"
    umount_overlay
}

@test "paths may end in a slash or have several" {
    LOWERDIR=low1/:.//low2/ UPPER=$STACK//up/ WORK=$STACK/work///
    mount_overlay
    content "$M/f" lower
    umount_overlay
}

@test "layers and target reached through symlinks" {
    ln -s low1 "$STACK/l"
    ln -s up "$STACK/u"
    ln -s work "$STACK/w"
    LOWERDIR=l:low2 UPPER=$STACK/u WORK=$STACK/w
    mount_overlay
    content "$M/f" lower
    echo new >"$M/new"
    content "$STACK/up/new" $'new\n'
    umount_overlay
}

@test "a bind mount of a part of the mount" {
    file "$L/d/x" x
    mkdir "$STACK/bound"
    mount_overlay
    mount --bind "$M/d" "$STACK/bound"
    content "$STACK/bound/x" x
    echo new >"$STACK/bound/x"
    touch "$STACK/bound/y"
    content "$M/d/x" $'new\n'
    names "$M/d" x y
    mv "$M/d" "$M/e"
    names "$STACK/bound" x y
    umount "$STACK/bound"
}

@test "a bind mount of a file sees what is written to the file" {
    : >"$STACK/bound"
    mount_overlay
    mount --bind "$M/f" "$STACK/bound"
    content "$STACK/bound" lower
    echo new >"$M/f"
    content "$STACK/bound" $'new\n'
    echo newer >"$STACK/bound"
    content "$M/f" $'newer\n'
    umount "$STACK/bound"
}

@test "a file system is mounted inside the mount" {
    file "$L/d/x" x
    mount_overlay
    tmp_fs "$M/d"
    touch "$M/d/inside"
    names "$M/d" inside
    fails EBUSY rmdir "$M/d"
    umount "$M/d"
    names "$M/d" x
}

@test "a private mount namespace and chroot into the mount" {
    mkdir -p "$L/bin"
    for program in /bin/cat $(ldd /bin/cat | grep -o '/[^ ]*'); do
        mkdir -p "$L/${program%/*}"
        cp "$program" "$L/$program"
    done
    mount_overlay
    equal "$(unshare -m chroot "$M" /bin/cat /f)" lower
}

@test "inotify tells of what happens in the mount" {
    file "$L/d/x" x
    mount_overlay
    cd "$M/d"
    sys watch i . 0x3ce , sh "touch new; echo more >>x; mv new new2; rm new2; chmod 600 x" , events i >"$TEST_DIR/events"
    for event in create:new modify:x close_write:x moved_from:new moved_to:new2 delete:new2 attrib:x; do
        contains " $(cat "$TEST_DIR/events") " " $event "
    done
}
