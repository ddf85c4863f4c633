#!/usr/bin/env bats
# Extended attributes, the overlay's own among them.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L/d/x" x
    file "$L/mine" m 644
    chown 1000 "$L/mine"
    ln -s f "$L/link"
    for path in "$L/f" "$L/d"; do
        setfattr -n user.note -v "a note" "$path"
        setfattr -n trusted.secret -v "for root" "$path"
        setfattr -n security.label -v labelled "$path"
    done
    mkdir "$L2/d"
    setfattr -n user.below -v hidden "$L2/d"
    opaque "$L/d"
}

setup_file() {
    share_overlay
}

@test "lower xattrs of every namespace are read and listed" {
    sys is "a note" getxattr f user.note , is "for root" getxattr f trusted.secret , is labelled getxattr f security.label \
        , is "security.label trusted.secret user.note" listxattr f
    sys is "a note" getxattr d user.note , is "security.label trusted.secret user.note" listxattr d
}

@test "xattrs are set on lower files, which copies them up with all the others" {
    sys setxattr f user.new value , is value getxattr f user.new
    equal "$(xattr_of "$U/f" user.note)" "a note"
    equal "$(xattr_of "$U/f" trusted.secret)" "for root"
    equal "$(xattr_of "$U/f" security.label)" labelled
    equal "$(xattr_of "$U/f" user.new)" value
    content f lower
    remount_overlay
    sys is value getxattr f user.new
}

@test "xattrs are set on directories" {
    sys setxattr d user.new value , setxattr d trusted.new t , is value getxattr d user.new \
        , is "security.label trusted.new trusted.secret user.new user.note" listxattr d
    equal "$(xattr_of "$U/d" user.new)" value
}

@test "xattrs are replaced, removed, and set again" {
    sys setxattr f user.note other , is other getxattr f user.note , removexattr f user.note , fails ENODATA getxattr f user.note \
        , fails ENODATA removexattr f user.note , setxattr f user.note again , is again getxattr f user.note
}

@test "XATTR_CREATE and XATTR_REPLACE are kept apart" {
    sys fails EEXIST setxattr f user.note x create , setxattr f user.note x replace , setxattr f user.new y create \
        , fails ENODATA setxattr f user.newer z replace
    sys is x getxattr f user.note , is y getxattr f user.new
}

@test "an xattr may be empty or 4000 bytes of anything" {
    sys setxattr f user.empty "" , is "" getxattr f user.empty , setxattr f user.zeros "300*z" , is "300*z" getxattr f user.zeros \
        , setxattr f user.bytes "\\x00\\xff\\n" , is "\\x00\\xff\\n" getxattr f user.bytes
}

@test "more than fits is refused as the upper file system refuses it, and nothing changes" {
    touch new
    want=$(sys setxattr "$U/new" user.big "65536*b" 2>&1) || true
    got=$(sys setxattr new user.big "65536*b" 2>&1) || true
    equal "${got##*: }" "${want##*: }"
    fails E2BIG setxattr new user.big "65537*b"
    fails ENODATA getxattr new user.big
    fails ERANGE setxattr new "user.$(printf %0256d 0)" x
}

@test "sizes are asked with no buffer and refused with a small one" {
    sys is 6 xattrsize f user.note 0 , is 6 xattrsize f user.note 6 , fails ERANGE xattrsize f user.note 5 , is 6 xattrsize f user.note 100
    sys is "$(sys listsize f 0)" listsize f 1000 , fails ERANGE listsize f 5
}

@test "many xattrs on one file" {
    touch new
    for n in {1..60}; do setfattr -n "user.n$n" -v "$n" new; done
    equal "$(getfattr -d new | grep -c ^user)" 60
    equal "$(xattr_of new user.n60)" 60
}

@test "an xattr that is not there, or of no namespace" {
    sys fails ENODATA getxattr f user.no , fails EOPNOTSUPP setxattr f nonsense x , fails EOPNOTSUPP getxattr f nonsense.x \
        , fails ENOENT getxattr no user.note
}

@test "xattrs of open files" {
    sys open r f rdonly , is "a note" getxattr fd:r user.note , setxattr fd:r user.note new , is new getxattr f user.note \
        , removexattr fd:r user.note , fails ENODATA getxattr f user.note , open d d rdonly , setxattr fd:d user.new x , is x getxattr d user.new
}

@test "the overlay's own xattrs are not shown" {
    chmod 600 f
    mv d moved
    rm -r moved/x
    for path in f moved; do
        lacks "$(sys listxattr $path)" trusted.overlay
        sys fails ENODATA getxattr $path trusted.overlay.origin , fails ENODATA getxattr $path trusted.overlay.opaque \
            , fails ENODATA getxattr $path trusted.overlay.redirect
    done
    contains "$(sys listxattr "$U/moved")" trusted.overlay.
}

@test "a user's xattr of the overlay's name is kept apart from the overlay's own" {
    mkdir new
    sys setxattr new trusted.overlay.opaque y , is y getxattr new trusted.overlay.opaque , is trusted.overlay.opaque listxattr new
    equal "$(xattr_of "$U/new" trusted.overlay.overlay.opaque)" y
    remount_overlay
    sys is y getxattr new trusted.overlay.opaque , removexattr new trusted.overlay.opaque , is "" listxattr new
}

@test "an escaped xattr of a lower layer shows without its escape, so that overlays nest" {
    own_stack
    file "$L/d/shown" ""
    setfattr -n trusted.overlay.overlay.opaque -v y "$L/d"
    mkdir "$L/e"
    setfattr -n trusted.overlay.overlay.overlay.redirect -v x "$L/e"
    mount_overlay
    sys is y getxattr "$M/d" trusted.overlay.opaque , is trusted.overlay.opaque listxattr "$M/d" \
        , is trusted.overlay.overlay.redirect listxattr "$M/e"
}

@test "a user's user.overlay xattrs pass when trusted ones are in use" {
    sys setxattr f user.overlay.opaque y , is y getxattr f user.overlay.opaque
    contains "$(sys listxattr f)" user.overlay.opaque
}

@test "xattrs follow symlinks unless told otherwise" {
    sys is "a note" getxattr link user.note , fails ENODATA getxattr link trusted.secret nofollow \
        , setxattr link user.new x , is x getxattr f user.new
}

@test "who may set what" {
    sys as 1000 , setxattr mine user.note x , is x getxattr mine user.note , fails EACCES setxattr f user.note x \
        , fails EPERM setxattr mine trusted.x y , fails ENODATA getxattr f trusted.secret , is "a note" getxattr f user.note \
        , fails EPERM setxattr mine security.label x
    sys as 1000 , is "security.label user.note" listxattr f
}

@test "user xattrs are for files and directories only" {
    mkfifo fifo
    sys fails EPERM setxattr fifo user.x y , setxattr fifo trusted.x y , is y getxattr fifo trusted.x
}

@test "xattrs go with a rename and a link" {
    mv f moved
    ln moved linked
    sys is "a note" getxattr moved user.note , is "a note" getxattr linked user.note , setxattr linked user.new x , is x getxattr moved user.new
}

@test "file capabilities survive a copy-up and are dropped by a write" {
    needs_program setcap
    own_stack
    cp /bin/true "$L/program"
    setcap cap_net_raw+ep "$L/program"
    mount_overlay
    contains "$(getcap "$M/program")" cap_net_raw
    chmod 700 "$M/program"
    contains "$(getcap "$M/program")" cap_net_raw
    contains "$(getcap "$U/program")" cap_net_raw
    echo x >>"$M/program"
    equal "$(getcap "$M/program")" ""
}

@test "file capabilities are set through the mount" {
    needs_program setcap
    cp /bin/true new
    setcap cap_net_raw+ep new
    contains "$(getcap new)" cap_net_raw
    chown 5 new
    equal "$(getcap new)" ""
}

@test "with userxattr the overlay's own are user.overlay, and trusted ones are not" {
    own_stack
    file "$L/d/hidden" ""
    file "$L2/low/x" ""
    mkdir "$L/low"
    setfattr -n user.overlay.opaque -v y "$L/low"
    mount_overlay -o userxattr
    names "$M/low"
    rm -r "$M/d"
    mkdir "$M/d"
    names "$M/d"
    equal "$(xattr_of "$U/d" user.overlay.opaque)" y
    equal "$(xattr_of "$U/d" trusted.overlay.opaque)" ""
    equal "$(sys listxattr "$M/d")" ""
    remount_overlay -o userxattr
    names "$M/d"
}
