#!/usr/bin/env bats
# What moves a lower file into the upper directory, and what it keeps on the way.

load lib/harness

LONG_AGO=981173106.123456789

fixture() {
    file "$L2/f" "lower text" 640
    file "$L2/d/sub/deep" deep
    chmod 750 "$L2/d" && chown 3:4 "$L2/d/sub" && chmod 1711 "$L2/d/sub"
    setfattr -n user.note -v "on a directory" "$L2/d/sub"
    setfacl -m u:1000:rx "$L2/d/sub"
    chown 1:2 "$L2/f"
    setfattr -n user.note -v "a note" "$L2/f"
    setfattr -n trusted.note -v "trusted" "$L2/f"
    setfacl -m u:1000:rw "$L2/f"
    head -c 3000001 /dev/urandom >"$L/big"
    : >"$L/empty"
    file "$L/theirs" t 666
    touch -d "2001-02-03 04:05:06.123456789" "$L2/f" "$L2/d/sub" "$L2/d" "$L/big" "$L/empty"
}

# Page by page is in partial.bats.
setup_file() {
    share_overlay "${whole_copy_ups[@]}"
}

is_whole() {
    attr "$U/f" type,mode,uid,gid,mtime "${1:-file 660 1 2 $LONG_AGO}"
    equal "$(xattr_of "$U/f" user.note) $(xattr_of "$U/f" trusted.note)" "a note trusted"
    contains "$(getfacl -cn --absolute-names "$U/f")" user:1000:rw-
}

@test "reading, listing and asking copy nothing up" {
    cat f big >/dev/null
    ls -laR . >/dev/null
    getfattr -d -m - f >/dev/null
    getfacl f >/dev/null
    sys access f rw , open f f rdonly , map m f r shared 10 , mget m 0 1 >/dev/null
    find . -type f -exec sha1sum {} + >/dev/null
    sync
    absent "$U/f" "$U/big" "$U/d"
    absent "$U"
}

@test "opening for writing copies up, with mode, owner, times, xattrs and ACL" {
    sys open w f rdwr
    is_whole
    content f "lower text"
}

@test "each change of the attributes copies up, and keeps the others" {
    chmod 600 f
    is_whole "file 600 1 2 $LONG_AGO"
    content f "lower text"
    mount_kernel_on_same_layers
    content "$M/f" "lower text"
    umount_overlay
    mount_overlay "${whole_copy_ups[@]}"
}

@test "chown copies up" {
    chown 5:6 f
    is_whole "file 660 5 6 $LONG_AGO"
    content f "lower text"
}

@test "setting the times copies up" {
    touch -d "2010-01-01 UTC" f
    is_whole "file 660 1 2 1262304000.000000000"
}

@test "setting an xattr copies up" {
    setfattr -n user.more -v x f
    is_whole
}

@test "removing an xattr copies up" {
    setfattr -x user.note f
    attr "$U/f" mode,mtime "660 $LONG_AGO"
    equal "$(xattr_of "$U/f" user.note)" ""
    fails ENODATA getxattr f user.note
}

@test "truncate copies up no more than is left" {
    truncate -s 100 big
    cmp big <(head -c 100 "$L/big")
    attr big size 100
}

@test "rename and link copy up" {
    mv f moved
    attr "$U/moved" mode,uid,mtime "660 1 $LONG_AGO"
    ln big linked
    attr "$U/big" mtime "$LONG_AGO"
    cmp big "$L/big"
}

@test "the directories above are copied up with their attributes, once" {
    echo more >>d/sub/deep
    attr "$U/d" mode,mtime "750 $LONG_AGO"
    attr "$U/d/sub" mode,uid,gid,mtime "1751 3 4 $LONG_AGO"
    equal "$(xattr_of "$U/d/sub" user.note)" "on a directory"
    contains "$(getfacl -cn --absolute-names "$U/d/sub")" user:1000:r-x
    attr d/sub mtime "$LONG_AGO"
}

@test "a directory's attributes are changed without its content" {
    chmod 700 d
    names d sub
    names "$U/d"
    content d/sub/deep deep
}

@test "a big file is copied up whole" {
    sys open w big rdwr , pwrite w 1500000 changed
    cmp -n 1500000 big "$L/big"
    content <(tail -c +1500001 big | head -c 7) changed
    cmp -i 1500007 big "$L/big"
    attr big size 3000001
    remount_overlay "${whole_copy_ups[@]}"
    cmp -n 1500000 big "$L/big"
    cmp -i 1500007 big "$L/big"
}

@test "a big file is appended to" {
    echo more >>big
    cmp -n 3000001 big "$L/big"
    content <(tail -c 5 big) $'more\n'
    umount_overlay
    cmp -n 3000001 "$U/big" "$L/big"
    mount_overlay "${whole_copy_ups[@]}"
}

@test "an empty file is copied up" {
    chmod 600 empty
    attr "$U/empty" size,mode,mtime "0 600 $LONG_AGO"
}

@test "a file that many write to at once is copied up once" {
    for n in {1..8}; do
        sys open w big rdwr , pwrite w $((n * 1000)) "$n" &
        pids+=($!)
    done
    wait "${pids[@]}"
    for n in {1..8}; do
        content <(tail -c +$((n * 1000 + 1)) big | head -c 1) "$n"
    done
    cmp -i 8001 big "$L/big"
    equal "$(find "$WORK" -type f)" ""
}

@test "what is refused copies nothing up" {
    sys as 1003 , fails EPERM chmod f 777 , fails EPERM chown f 1003 1003 , fails EACCES open w f rdwr , fails EACCES truncate f 0 \
        , fails EPERM utimens f 5 5 , fails EACCES setxattr f user.x y
    absent "$U"
}

@test "a user who may only write causes a copy-up that reads" {
    sys as 1003 , open w theirs rdwr , write w x
    attr "$U/theirs" uid,mode "0 666"
    content theirs x
    chmod 622 theirs
    sys as 1003 , open w theirs wronly , write w y
    content theirs y
}

@test "what was copied up is the same after a remount" {
    before=$(sys tree .)
    chmod 640 f
    chmod 660 f
    sys open w big rdwr
    touch -c -r "$L/big" big
    remount_overlay "${whole_copy_ups[@]}"
    equal "$(sys tree .)" "$before"
}

@test "chown -R and chmod -R of a lower tree" {
    chown -R 7:8 .
    chmod -R go-w .
    equal "$(find . ! -uid 7 -o ! -gid 8)" ""
    remount_overlay "${whole_copy_ups[@]}"
    equal "$(find . ! -uid 7 -o ! -gid 8)" ""
    cmp big "$L/big"
}

@test "copy-up on a file system that can clone shares the extents" {
    needs_fs xfs
    own_stack
    loop_fs "$STACK/fs" 320M xfs -m reflink=1
    mkdir "$STACK"/fs/{low,up,work}
    head -c 1000000 /dev/urandom >"$STACK/fs/low/f"
    sync -f "$STACK/fs"
    LOWERDIR=fs/low LOWERS=$STACK/fs/low UPPER=$STACK/fs/up WORK=$STACK/fs/work
    mount_overlay "${whole_copy_ups[@]}"
    sys open w "$M/f" rdwr , fsync w
    equal "$(($(sys fiemapshared "$UPPER/f") > 0))" 1
    cmp "$M/f" "$STACK/fs/low/f"
    echo changed | dd of="$M/f" conv=notrunc status=none
    refuses cmp -s "$M/f" "$STACK/fs/low/f"
    umount_overlay
}

@test "copy-up from another file system" {
    own_stack
    tmp_fs "$L"
    head -c 300000 /dev/urandom >"$L/f"
    setfattr -n trusted.note -v text "$L/f"
    touch -d "2001-02-03 04:05:06.123456789" "$L/f"
    mount_overlay "${whole_copy_ups[@]}"
    chmod 600 "$M/f"
    cmp "$U/f" "$L/f"
    attr "$U/f" mtime,mode "$LONG_AGO 600"
    equal "$(xattr_of "$U/f" trusted.note)" text
}
