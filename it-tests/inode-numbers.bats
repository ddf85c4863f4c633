#!/usr/bin/env bats
# st_ino, st_dev and st_nlink.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L2/g" other
    file "$L/d/x" x
    file "$L2/d/y" y
    mkdir "$L2/low" "$L/empty"
    ln -s f "$L/link"
    mkfifo "$L/fifo"
    mknod "$L/null" c 1 3
}

setup_file() {
    share_overlay
}

ids() { # PATH...
    local path
    for path; do
        sys lstat "$path" dev,ino
    done
}

@test "a file keeps its number across a copy-up" {
    before=$(ids f g link fifo null d/x)
    echo more >>f
    chmod 600 g fifo null
    chown -h 1 link
    setfattr -n user.a -v b d/x
    equal "$(ids f g link fifo null d/x)" "$before"
}

@test "a directory keeps its number across a copy-up" {
    before=$(ids d low empty)
    touch d/new low/new
    chmod 700 empty
    equal "$(ids d low empty)" "$before"
}

@test "numbers stay over a remount, copied up or not" {
    echo more >>f
    touch d/new low/new
    before=$(for path in f g d d/x d/y d/new low low/new link; do sys lstat "$path" ino; done)
    remount_overlay
    equal "$(for path in f g d d/x d/y d/new low low/new link; do sys lstat "$path" ino; done)" "$before"
}

@test "numbers stay across a rename" {
    f=$(ids f) d=$(ids d) x=$(ids d/x)
    mv f moved
    mv d e
    equal "$(ids moved)" "$f"
    equal "$(ids e)" "$d"
    equal "$(ids e/x)" "$x"
    remount_overlay
    equal "$(sys lstat moved ino)" "${f#* }"
    equal "$(sys lstat e ino)" "${d#* }"
}

@test "readdir gives the numbers and types that lstat gives, before and after copy-up" {
    sys checkdents . , checkdents d , checkdents low
    echo more >>f
    chmod 600 g d/x null
    touch d/new low/new
    mkdir d/sub
    sys checkdents . , checkdents d , checkdents low
    mv d low/d
    mv f low/
    sys checkdents . , checkdents low , checkdents low/d
    remount_overlay
    sys checkdents . , checkdents low , checkdents low/d
}

@test "readdir gives the number of a lower file that got a second name in a new directory" {
    mkdir new
    ln f new/f
    sys checkdents new
    remount_overlay
    sys checkdents new
}

@test ".. in readdir has the parent's number" {
    equal "$(sys dino d ..)" "$(sys lstat . ino)"
    touch d/new
    mv d low/d
    equal "$(sys dino low/d ..)" "$(sys lstat low ino)"
}

@test "an open file's number is the path's" {
    sys open r f rdonly , is "$(ids f)" fstat r dev,ino , open w f rdwr , is "$(ids f)" fstat w dev,ino , is "$(ids f)" fstat r dev,ino
}

@test "all files of a mount have one st_dev, which no layer has" {
    touch new
    mkdir newdir
    dev=$(sys lstat . dev)
    for path in f g d d/x link fifo null new newdir empty; do
        equal "$(sys lstat $path dev)" "$dev"
    done
}

@test "different files have different numbers" {
    touch d/n{1..20}
    echo more >>f
    sys distinct . >/dev/null
}

@test "a number is not given to another file while the old one is open" {
    sys open r f rdonly , unlink f , open n f rdwr+creat , isnt "$(sys lstat f ino)" fstat n ino
}

@test "link counts of files and of directories that find can use" {
    attr f nlink 1
    equal "$(find . -type d | wc -l)" 4
    mkdir d/a d/a/b
    equal "$(find . -type d | wc -l)" 6
}

@test "numbers of two lower layers on two file systems do not collide" {
    own_stack
    if under_kernel; then option=xino=on; else option=xino=auto; fi
    tmp_fs "$STACK/fs2"
    loop_fs "$STACK/fs3" 20M ext4
    mkdir "$STACK/fs2/low" "$STACK/fs3/low"
    LOWERDIR=fs2/low:fs3/low:low2 LOWERS=$STACK/fs2/low:$STACK/fs3/low:$L2
    for n in {1..60}; do
        touch "$STACK/fs2/low/a$n" "$STACK/fs3/low/b$n" "$L2/c$n"
    done
    mkdir "$STACK/fs2/low/d2" "$STACK/fs3/low/d3" "$STACK/fs2/low/dm" "$STACK/fs3/low/dm"
    mount_overlay -o $option
    touch "$M"/u{1..60}
    sys distinct "$M" >/dev/null
    sys checkdents "$M"
    before=$(stat -c %i "$M"/{a1,b1,c1,d2,d3,dm,u1})
    echo x | tee "$M"/{a1,b1,c1} >/dev/null
    touch "$M"/{d2,d3,dm}/new
    equal "$(stat -c %i "$M"/{a1,b1,c1,d2,d3,dm,u1})" "$before"
    sys distinct "$M" , checkdents "$M" >/dev/null
    remount_overlay -o $option
    equal "$(stat -c %i "$M"/{a1,b1,c1,d2,d3,dm,u1})" "$before"
}

@test "numbers stay across copy-up from another file system with the default options" {
    own_stack
    tmp_fs "$L"
    file "$L/f" lower
    file "$L/d/x" x
    mount_overlay
    before=$(ids "$M/f" "$M/d" "$M/d/x")
    echo more >>"$M/f"
    echo more >>"$M/d/x"
    equal "$(ids "$M/f" "$M/d" "$M/d/x")" "$before"
}

@test "find -inum, hard link detection of du and tar --one-file-system agree" {
    equal "$(find . -inum "$(sys lstat d/x ino)")" ./d/x
    ln f f2
    equal "$(tar -cf - --one-file-system f f2 d | tar -tvf - | grep -c 'link to f')" 1
}
