#!/usr/bin/env bats
# readdir: big directories, positions, and directories that change meanwhile.

load lib/harness

fixture() {
    mkdir -p "$L/d" "$L2/d"
    sys many "$L/d" 300 top , many "$L2/d" 300 bottom , many "$L2/d" 50 top
    mkdir "$L/three"
    file "$L/three/a" a
    file "$L2/three/b" b
}

setup_file() {
    share_overlay
}

@test "a merged directory lists each name once, with . and .." {
    equal "$(sys count d)" 600
    sys checkdents d
    equal "$(sys count three)" 2
}

@test "names come in the same number whatever the size of the buffer" {
    for room in 64 300 4096 65536; do
        equal "$(sys checkseek d $room)" 602
    done
}

@test "positions can be gone back to" {
    sys is 602 checkseek d 512 , is 4 checkseek three 64
    mkdir new
    sys many new 100 , is 102 checkseek new
}

@test "a directory is rewound and shows what is new" {
    sys open d three rdonly , is "a b" ls @d , touch three/c , lseek d 0 SEEK_SET , is "a b c" ls @d , unlink three/a , lseek d 0 SEEK_SET \
        , is "b c" ls @d
}

@test "a directory opened before a change shows it when read after" {
    sys open d three rdonly , touch three/c , unlink three/b , is "a c" ls @d
}

@test "every name is removed while the directory is read" {
    sys is 600 deleteall d
    names d
    rmdir d
}

@test "what stays is listed once while other names come and go" {
    mkdir new
    sys many new 200 keep , many new 200 drop , is 200 stable new "rm new/drop*; touch new/add{1..100}"
    sys many d 100 keep , is 100 stable d "rm d/top* d/bottom*; touch d/add{1..100}"
}

@test "renaming within a directory while it is read" {
    sys many d 100 keep , is 100 stable d "for f in d/top*; do mv \$f \${f/top/moved}; done"
}

@test "a directory with 20,000 files" {
    mkdir big
    sys many big 20000 file-with-a-name-of-some-length- , is 20000 count big
    equal "$(find big -type f | wc -l)" 20000
    sys is 20002 checkseek big 32768
    rm -r big
    absent big
}

@test "a lower directory with 20,000 files" {
    own_stack
    mkdir "$L/big" "$L2/big"
    sys many "$L/big" 10000 top , many "$L2/big" 10000 bottom
    mount_overlay
    equal "$(sys count "$M/big")" 20000
    touch "$M/big/new"
    rm "$M/big/top5" "$M/big/bottom9999"
    equal "$(sys count "$M/big")" 19999
    absent "$M/big/top5"
    remount_overlay
    equal "$(sys count "$M/big")" 19999
}

@test "rm -r of 5,000 lower files leaves one whiteout" {
    own_stack
    for n in {1..5}; do
        mkdir -p "$L/d/$n" "$L2/d/$n"
        sys many "$L/d/$n" 500 top , many "$L2/d/$n" 500 bottom
    done
    mount_overlay
    rm -r "$M/d"
    names "$M"
    is_whiteout "$U/d"
    remount_overlay
    names "$M"
}

@test "two processes remove one directory together" {
    rm -rf d &
    one=$!
    rm -rf d &
    two=$!
    wait "$one" || true
    wait "$two" || true
    rm -rf d
    absent d
}

@test "make and remove in one directory at the same time" {
    mkdir new
    for n in {1..4}; do
        (for i in {1..50}; do touch "new/$n-$i"; done; for i in {1..49}; do rm "new/$n-$i"; done) &
        pids+=($!)
    done
    wait "${pids[@]}"
    names new 1-50 2-50 3-50 4-50
}

@test "a directory's size and blocks do not frighten du" {
    du -s . >/dev/null
    du -s --apparent-size d >/dev/null
}

@test "a glob, ls -f and find agree" {
    equal "$(printf '%s\n' d/* | wc -l)" 600
    # shellcheck disable=SC2012
    equal "$(ls -f d | wc -l)" 602
    equal "$(find d -mindepth 1 | wc -l)" 600
}
