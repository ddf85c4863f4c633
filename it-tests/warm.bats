#!/usr/bin/env bats
# What the kernel knows it does not ask again: a warm look-up, stat, readdir or
# readlink causes no request, shown by the counters of status. A loop that drops
# the caches makes it ask; then these are skipped.

load lib/harness
load lib/command

fixture() {
    file "$L/f" lower
    file "$L/d/x" x
    file "$L2/d/sub/y" y
    ln -s f "$L/link"
    sys many "$L/d" 50
}

setup_file() {
    # A small file that is known to share is not kept in the mount's own cache, but read from the other.
    export SAMEPAGE_INDEX=$BATS_FILE_TMPDIR/index
    share_overlay
}

setup() {
    start_test
    [[ -z ${IT_DROP_CACHES:-} ]] || skip "the caches are dropped all the time"
}

# All requests so far, but those that asking for the status may cause itself.
requests() {
    samepage status "$MNT" --json | /usr/bin/python3 -IS -c '
import json, sys
counts = json.load(sys.stdin)["requests"]
print(" ".join("%s=%d" % (name, counts[name]) for name in sorted(counts) if name not in ("FORGET", "BATCH_FORGET", "INTERRUPT", "STATFS")))'
}

# causes_no_request COMMAND... : after two times for warming up, the third
causes_no_request() {
    "$@" >/dev/null
    "$@" >/dev/null
    local before
    before=$(requests)
    "$@" >/dev/null
    equal "$(requests)" "$before"
}

@test "asking for the status causes no request" {
    requests >/dev/null
    before=$(requests)
    equal "$(requests)" "$before"
}

@test "stat of lower files and directories" {
    causes_no_request sys lstat f ino , lstat d/x ino , lstat d/sub/y ino , lstat d ino , lstat . ino
}

@test "stat of new and copied-up files" {
    echo new >new
    echo more >>f
    causes_no_request sys lstat new ino , lstat f ino
}

@test "look-up of what is not there" {
    causes_no_request sys fails ENOENT lstat no ino , fails ENOENT lstat d/no ino
}

@test "readdir" {
    causes_no_request sys ls . , ls d , ls d/sub
}

@test "recursive ls and find" {
    # (ls -l asks for a security label, which the kernel does not keep for FUSE)
    causes_no_request ls -isR .
    causes_no_request find . -size +1 -newer f
}

@test "readlink" {
    causes_no_request sys readlink link
}

@test "the first reading of a small lower file is an open, and no read" {
    local reads
    reads=$(requests | grep -o ' READ=[0-9]*' || true)
    equal "$(cat d/x)" x
    equal "$(cat f)" lower
    equal "$(cat d/*)" "$(cat "$L"/d/*)"
    equal "$(requests | grep -o ' READ=[0-9]*' || true)" "$reads"
    echo more >>d/x
    equal "$(cat d/x)" xmore
}

@test "access and path walks by another user" {
    causes_no_request sys as 1000 , access f r , lstat d/sub/y ino
}

@test "a new name is seen at once although the list was warm" {
    sys ls d >/dev/null
    touch d/new
    contains "$(sys ls d)" new
    rm d/new
    lacks "$(sys ls d)" new
    fails ENOENT lstat d/new ino
}

@test "attributes are right at once although they were warm" {
    sys lstat f size >/dev/null
    echo longer >>f
    attr f size 12
    sys truncate f 3 , is 3 lstat f size , open w f rdwr , write w 123456 , is 6 fstat w size , is 6 lstat f size
}
