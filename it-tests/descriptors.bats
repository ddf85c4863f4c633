#!/usr/bin/env bats
# Descriptors and maps that are open while a file is copied up, renamed or changed.

load lib/harness

fixture() {
    file "$L/f" "lower text"
    file "$L/g" "other"
    head -c 1000000 /dev/zero | tr '\0' a >"$L/big"
    mkdir -p "$L/usr/lib"
    file "$L/usr/lib/f" "lower text"
}

setup_file() {
    share_overlay
}

@test "a reader that was there before the copy-up reads what is written after it" {
    sys open r f rdonly , is lower pread r 0 5 , open w f rdwr , is "lower text" pread r 0 99 , pwrite w 0 UPPER \
        , is "UPPER text" pread r 0 99 , is "UPPER text" read r
}

@test "a reader sees a size that grew and shrank after it opened" {
    sys open r f rdonly , open w f rdwr , is 10 fstat r size , pwrite w 10 " and more" , is 19 fstat r size , is " and more" pread r 10 99 \
        , ftruncate w 5 , is 5 fstat r size , is "" pread r 5 99 , is lower pread r 0 99
}

@test "a reader sees O_TRUNC by another" {
    sys open r f rdonly , is lower read r 5 , sh "echo new >f" , is 4 fstat r size , is "new\\n" pread r 0 99 , is "" read r
}

@test "a reader sees chmod, chown and times that copy up" {
    sys open r f rdonly , chmod f 600 , is 600 fstat r mode , chown f 1 2 , is "1 2" fstat r uid,gid , utimens f 5 7 \
        , is 7.000000000 fstat r mtime , is "lower text" pread r 0 99
}

@test "a reader changes mode and xattrs of the file it has open" {
    sys open r f rdonly , fchmod r 600 , is 600 lstat f mode , setxattr fd:r user.note x , is x getxattr f user.note , is "lower text" pread r 0 99
    attr "$U/f" mode 600
}

# Reads through the page cache of the descriptor's inode, as read(2) on a descriptor that bypasses it does not.
sends() { # BYTES
    [[ $(/usr/bin/python3 -IS -c 'import os; r, w = os.pipe(); os.sendfile(w, 9, 50, 4); print(os.read(r, 4).decode())' 9<&"$reader") == "$1" ]]
}

@test "sendfile by a reader from before the copy-up sends what is written after it" {
    exec {reader}<big
    sends aaaa
    exec {writer}<>big
    for text in NEW1 NEW2 NEW3; do
        printf %s "$text" | dd of=big bs=1 seek=50 conv=notrunc status=none
        eventually 10 sends "$text"
    done
    exec {reader}<&- {writer}>&-
}

@test "what a reader from before the first write changes of the file holds for those who come by name" {
    for name in big usr/lib/f; do
        exec {reader}<$name
        echo more >>$name
        attr $name mode 644
        /usr/bin/python3 -IS -c 'import os; os.fchmod(9, 0o600)' 9<&"$reader"
        attr $name mode 600
        sys as 1000 , fails EACCES open r $name rdonly
        /usr/bin/python3 -IS -c 'import os; os.fchmod(9, 0o644); os.fchown(9, 1000, 1000)' 9<&"$reader"
        attr $name mode 644 uid 1000
        sys as 1000 , chmod $name 640
        attr $name mode 640
        chmod 644 $name
        # an ACL: version 2, and the owner, user 1000, the group, the mask and all others
        /usr/bin/python3 -IS -c 'import os, struct, sys
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in
      ((1, 6, 2**32 - 1), (2, 0, 1001), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 4, 2**32 - 1)))
os.setxattr(9, "system.posix_acl_access", acl)' 9<&"$reader"
        sys as 1001 , fails EACCES open r $name rdonly
        exec {reader}<&-
    done
}

@test "all names of a file that is written while it is open have what is set by one" {
    own_stack
    head -c 200000 /dev/zero >"$L/x1"
    ln "$L/x1" "$L/x2"
    mount_overlay -o index=on
    cd "$M"
    stat x1 x2 >/dev/null
    exec {reader}<x1
    echo more >>x2
    chmod 600 x1
    attr x1 mode 600
    attr x2 mode 600
    rm x1
    attr x2 nlink 1
    exec {reader}<&-
}

@test "many readers, opened before, between and after writes" {
    sys open a f rdonly , open w f rdwr , open b f rdonly , pwrite w 0 1 , open c f rdonly , pwrite w 0 2 , open d f rdonly \
        , is 2ower pread a 0 5 , is 2ower pread b 0 5 , is 2ower pread c 0 5 , is 2ower pread d 0 5 , close w , open e f rdonly , is 2ower pread e 0 5 \
        , is 2ower pread a 0 5
}

@test "two writers and a reader of a lower file" {
    sys open a f rdwr , open b f rdwr , open r f rdonly , pwrite a 0 A , pwrite b 1 B , is ABwer pread r 0 5 , is ABwer pread a 0 5
}

@test "a reader of a big file sees a change in its middle" {
    sys open r big rdonly , is aaaaa pread r 500000 5 , open w big rdwr , pwrite w 500000 changed , is changed pread r 500000 7 \
        , is aaaaa pread r 0 5 , is aaaaa pread r 999995 99
}

@test "a write through one process is read by another that had the file open" {
    sys open r f rdonly , is lower pread r 0 5 , touch "$TEST_DIR/open" , await "$TEST_DIR/written" , is UPPER pread r 0 5 &
    reader=$!
    sys await "$TEST_DIR/open" , open w f wronly , pwrite w 0 UPPER , touch "$TEST_DIR/written"
    wait "$reader"
}

@test "a reader below a directory of static files sees writes too" {
    sys open r usr/lib/f rdonly , is lower pread r 0 5 , open w usr/lib/f rdwr , pwrite w 0 UPPER , is UPPER pread r 0 5
}

@test "tail -f follows a lower file that grows" {
    timeout 15 tail -n +1 -f -s 0.05 f >"$TEST_DIR/out" &
    follower=$!
    eventually 30 grep -q "lower text" "$TEST_DIR/out"
    echo " and more" >>f
    eventually 30 grep -q "lower text and more" "$TEST_DIR/out"
    kill "$follower"
    wait "$follower" || true
}

@test "sed -i and a reader of the old file" {
    sys open r f rdonly , sh "sed -i s/lower/upper/ f" , is "lower text" pread r 0 99 , is "upper text" sh "cat f"
}

@test "a descriptor reopened through /proc after the copy-up reads the new data" {
    sys open r f rdonly , open w f rdwr , pwrite w 0 UPPER , open again "/proc/self/fd/{r}" rdonly , is UPPER pread again 0 5
    sys open r g rdonly , open w "/proc/self/fd/{r}" rdwr , pwrite w 0 OTHER , is OTHER pread r 0 5
    content g OTHER
}

@test "O_PATH before the copy-up names the file after it" {
    sys open p f path , sh "echo new >f" , open r "/proc/self/fd/{p}" rdonly , is "new\\n" read r , is 4 fstat p size
}

@test "the position of a reader stays across the copy-up" {
    sys open r f rdonly , is lower read r 5 , sh "echo -n LOWER TEXT >f" , is " TEXT" read r
}

@test "a child inherits descriptors across the copy-up" {
    sys open r f rdonly , sh "echo -n UPPER >f; cat <&{r} | grep -q UPPER"
}

@test "open, write, close by many processes: the last one's content is whole" {
    for n in {0..9}; do
        sys open w big rdwr , pwrite w 0 "1000000*$n" &
        pids+=($!)
    done
    wait "${pids[@]}"
    attr big size 1000000
    equal "$(fold -w 1 <(head -c 3000 big) | sort -u | wc -l)" 1
}

@test "a reader during a rename over its file" {
    sys open r f rdonly , rename g f , is "lower text" pread r 0 99 , open n f rdonly , is other pread n 0 99 , open w f rdwr , pwrite w 0 OTH \
        , is "lower text" pread r 0 99 , is OTHer pread n 0 99
}

@test "a reader and a hard link of its file" {
    sys open r f rdonly , link f f2 , open w f2 rdwr , pwrite w 0 UPPER , is "UPPER text" pread r 0 99 , is "UPPER text" sh "cat f"
}

@test "access time and reading do not disturb a writer" {
    sys open w f rdwr , open r f rdonly , read r 3 >/dev/null , pwrite w 0 X , fsync w , is X pread r 0 1
}
