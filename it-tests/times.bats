#!/usr/bin/env bats
# Time stamps.

load lib/harness

fixture() {
    file "$L/f" lower
    file "$L/d/x" x
    file "$L/theirs" t 666
    ln -s f "$L/link"
    touch -d "2001-02-03 04:05:06.123456789" "$L/f" "$L/d" "$L/theirs"
    mkdir "$L/open"
    chmod 777 "$L/open"
}

setup_file() {
    share_overlay
}

LONG_AGO=981173106.123456789

# what COMMAND... does to the times of a file: names those that change
changed_by() { # FILE COMMAND...
    local file=$1 before after
    shift
    before=$(sys lstat "$file" mtime,ctime)
    sleep 0.02
    "$@" >/dev/null
    after=$(sys lstat "$file" mtime,ctime)
    [[ ${before% *} == "${after% *}" ]] || echo -n mtime
    [[ ${before#* } == "${after#* }" ]] || echo -n ctime
}

@test "lower times show to the nanosecond" {
    attr f mtime $LONG_AGO
    attr d mtime $LONG_AGO
}

@test "times are set to the nanosecond, on files and directories, and kept" {
    sys utimens f 1000000000.000000001 1500000000.999999999 , is "1000000000.000000001 1500000000.999999999" lstat f atime,mtime
    sys utimens d 7.000000001 5.000000002 , is 5.000000002 lstat d mtime
    remount_overlay
    attr f mtime 1500000000.999999999
    attr d mtime 5.000000002
    attr "$U/f" mtime 1500000000.999999999
}

@test "times before 1970 and after 2038" {
    sys utimens f -5.25 4000000000.5 , is "4000000000.500000000" lstat f mtime
    touch -d "1950-01-01 00:00:00 UTC" d/x
    attr d/x mtime -631152000.000000000
    remount_overlay
    attr d/x mtime -631152000.000000000
}

@test "one time is set and the other omitted" {
    sys utimens f omit 7.5 , is 7.500000000 lstat f mtime , utimens f 9.25 omit , is "9.250000000 7.500000000" lstat f atime,mtime
    sys utimens d/x omit omit , is x sh "cat d/x"
}

@test "both times are set to now" {
    now=$(date +%s)
    sys utimens f now now
    seconds=$(sys lstat f mtime)
    ((${seconds%.*} >= now && ${seconds%.*} <= now + 30))
}

@test "times of an open file are set by its descriptor" {
    sys open r f rdonly , futimens r 5.5 7.7 , is "7.700000000" fstat r mtime , is 7.700000000 lstat f mtime
}

@test "who may write may set now, only the owner anything else" {
    sys as 1000 , utimesnull theirs , fails EPERM utimens theirs 5 5 , fails EACCES utimesnull f , fails EPERM utimens f 5 5 \
        , utimens theirs now now
    differ "$(sys lstat theirs mtime)" $LONG_AGO
    attr f mtime $LONG_AGO
}

@test "writing changes mtime and ctime" {
    equal "$(changed_by f eval 'echo x >>f')" mtimectime
    equal "$(changed_by f eval 'echo y >>f')" mtimectime
}

@test "opening for writing without writing changes no mtime" {
    sys open w f rdwr
    attr f mtime $LONG_AGO
}

@test "the ctime of a file that is opened for writing, or marked by chattr, shows at once and stays" {
    attr f type file
    sys open w f wronly
    sys lstat f ctime >"$STACK/opened"
    chattr +d f
    sys lstat f ctime >"$STACK/marked"
    mkdir d/new
    sys lstat d/new ctime >"$STACK/made"
    echo 2 >/proc/sys/vm/drop_caches
    equal "$(sys lstat f ctime)" "$(cat "$STACK/marked")"
    equal "$(sys lstat d/new ctime)" "$(cat "$STACK/made")"
    refuses diff -q "$STACK/opened" "$STACK/marked" >/dev/null
}

@test "a file that is cut off at the open keeps the time of the last access" {
    local atime
    atime=$(sys lstat theirs atime)
    sys open w theirs wronly+trunc
    equal "$(sys lstat theirs atime)" "$atime"
}

@test "reading changes neither mtime nor ctime" {
    equal "$(changed_by f cat f)" ""
}

@test "chmod, chown, link and xattrs change ctime alone" {
    sys open w f rdwr
    equal "$(changed_by f chmod 600 f)" ctime
    equal "$(changed_by f chown 1:2 f)" ctime
    equal "$(changed_by f ln f f2)" ctime
    equal "$(changed_by f setfattr -n user.a -v b f)" ctime
    attr f mtime $LONG_AGO
}

@test "truncate changes mtime and ctime, to another size and to the same by O_TRUNC" {
    equal "$(changed_by f truncate -s 3 f)" mtimectime
    : >new
    equal "$(changed_by new sys open w new wronly+trunc)" mtimectime
}

@test "a write through a map changes mtime" {
    sys open f f rdwr
    equal "$(changed_by f sys open f f rdwr , map m f rw shared 5 , mput m 0 X , msync m , unmap m , fsync f)" mtimectime
}

@test "making, renaming and removing change the directory's mtime and ctime" {
    equal "$(changed_by d touch d/new)" mtimectime
    equal "$(changed_by d mv d/new d/new2)" mtimectime
    equal "$(changed_by d rm d/new2)" mtimectime
    equal "$(changed_by d mkdir d/sub)" mtimectime
    equal "$(changed_by d rmdir d/sub)" mtimectime
    equal "$(changed_by d ln -s x d/l)" mtimectime
    equal "$(changed_by d rm d/x)" mtimectime
    equal "$(changed_by d ls d)" ""
}

@test "changing a file leaves its directory's times alone" {
    echo more >>d/x
    chmod 600 d/x
    attr d mtime $LONG_AGO
}

@test "a new file has the present time" {
    now=$(date +%s)
    touch new
    seconds=$(sys lstat new mtime)
    ((${seconds%.*} >= now - 1 && ${seconds%.*} <= now + 30))
}

@test "birth time is told and stays" {
    equal "$(sys statx f btime)" "$(sys statx "$L/f" btime)"
    touch new
    birth=$(sys statx new btime)
    differ "$birth" none
    sleep 0.02
    echo more >>new
    chmod 600 new
    equal "$(sys statx new btime)" "$birth"
    equal "$birth" "$(sys statx "$U/new" btime)"
}

@test "times survive a copy-up for another reason" {
    chmod 600 f
    attr f mtime $LONG_AGO
    attr "$U/f" mtime $LONG_AGO
    touch d/new
    rm d/new
    chmod 700 d
    chown 1 theirs
    attr theirs mtime $LONG_AGO
}

@test "cp -a and touch -r carry times over" {
    cp -a f new
    attr new mtime $LONG_AGO
    touch -r f d/x
    attr d/x mtime $LONG_AGO
}

@test "make's view: a file written later is newer" {
    echo 1 >one
    sleep 0.02
    echo 2 >two
    [ two -nt one ]
    sleep 0.02
    echo 3 >>f
    [ f -nt two ]
}

@test "with noatime reading leaves the access time alone" {
    own_stack
    file "$L/f" lower
    mount_overlay -o noatime
    echo upper >"$M/new"
    sys utimens "$M/new" 5 5 , open r "$M/new" rdonly , read r 9 >/dev/null
    sys is 5.000000000 lstat "$M/new" atime
}
