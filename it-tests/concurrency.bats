#!/usr/bin/env bats
# Several processes at once in one tree.
# shellcheck disable=SC2016 # the commands are expanded by those processes

load lib/harness

fixture() {
    for n in {1..5}; do
        mkdir -p "$L/tree/$n/sub" "$L2/tree/$n/other"
        sys many "$L/tree/$n" 20 f content , many "$L/tree/$n/sub" 20 g text , many "$L2/tree/$n/other" 20 h lower
    done
    ln -s ../1/f1 "$L/tree/2/link"
}

setup_file() {
    share_overlay
}

in_parallel() { # COMMAND, which sees $n
    local n pids=() pid status=0
    for n in {1..4}; do
        n=$n bash -ec "$1" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || status=1
    done
    return "$status"
}

@test "copies of a tree are made, compared and removed" {
    in_parallel 'cp -a tree "copy$n"; diff -r --no-dereference tree "copy$n"; rm -r "copy$n"'
    names . tree
}

@test "archives are unpacked, packed again and compared" {
    tar -cf "$TEST_DIR/tree.tar" tree
    in_parallel 'mkdir "u$n"; tar -C "u$n" -xf "'"$TEST_DIR"'/tree.tar"; diff -r --no-dereference tree "u$n/tree"'
    in_parallel 'tar -C "u$n" -cf - tree | tar -tf - | wc -l' | sort -u >"$TEST_DIR/counts"
    equal "$(wc -l <"$TEST_DIR/counts")" 1
}

@test "everybody changes attributes of the same lower tree" {
    in_parallel 'chmod -R go-w tree; find tree -type f -exec touch -c -d 2001-02-03 {} +; chown -R $n tree; [ $n != 1 ] || find tree >/dev/null'
    equal "$(find tree -type f | wc -l)" 300
    diff <(cd "$L/tree" && find . -type f -exec sha1sum {} + | sort) \
        <(cd tree && find . -type f -exec sha1sum {} + | sort | grep -v /other/)
}

@test "everybody writes to the same lower files" {
    in_parallel 'for f in tree/*/f*; do printf "%s" "$n" | dd of="$f" bs=1 seek="$n" conv=notrunc status=none; done'
    equal "$(cat tree/*/f* | sed 's/c1234nt/&\n/g' | sort | uniq -c | tr -s ' ')" " 100 c1234nt"
}

@test "everybody renames the same lower directory" {
    in_parallel 'for i in 1 2 3 4 5 6; do mv -T tree/1 "tree/m$n" 2>/dev/null || true; mv -T "tree/m$n" tree/1 2>/dev/null || true; done'
    equal "$(find tree -name 'f*' | wc -l)" 100
    remount_overlay
    equal "$(find tree -name 'f*' | wc -l)" 100
}

@test "some look while others remove" {
    in_parallel 'case $n in
        1) rm -rf tree ;;
        2) find . -ls >/dev/null 2>&1 || true ;;
        3) cat tree/*/* tree/*/*/* >/dev/null 2>&1 || true ;;
        4) for i in 1 2 3 4 5 6 7 8; do ls -lR . >/dev/null 2>&1 || true; done ;;
        esac'
    absent tree
    names .
}

@test "some make while others remove in the same directory" {
    mkdir shared
    in_parallel 'for i in {1..60}; do echo $n >"shared/$i" 2>/dev/null || true; rm -f "shared/$((i - 3))"; mv "shared/$i" "shared/x$i" 2>/dev/null || true; done'
    sys checkdents shared
    rm -r shared
    absent shared
}

@test "links and renames of the same names" {
    in_parallel 'for i in {1..40}; do ln -f tree/1/f1 "l$n" 2>/dev/null || true; mv -f "l$n" "l$((n % 4 + 1))" 2>/dev/null || true; done'
    content tree/1/f1 content
    for name in l1 l2 l3 l4; do
        [[ ! -e $name ]] || content "$name" content
    done
    rm -f l1 l2 l3 l4
    attr tree/1/f1 nlink 1
}

@test "a compiler's pattern: many small files written, read and replaced" {
    in_parallel 'mkdir "b$n"; for i in {1..30}; do echo "$n $i" >"b$n/$i.tmp"; mv "b$n/$i.tmp" "b$n/$i"; cat tree/1/f1 "b$n/$i" >"b$n/$i.o"; done; cat "b$n"/*.o | wc -c'
    for n in {1..4}; do
        equal "$(sys count "b$n")" 60
    done
}

@test "a file that is read for the first time while it is written reads as written from then on" {
    own_stack
    sys many "$L" 600 new- lower
    mount_overlay
    /usr/bin/python3 - "$M" <<'EOF'
import os, sys, threading
directory = sys.argv[1]
names = os.listdir(directory)
assert len(names) == 600
def read(name):
    with open(name, "rb") as f: return f.read()
for n, name in enumerate(names):
    path = os.path.join(directory, name)
    start = threading.Barrier(3)
    seen = []
    def reader():
        start.wait()
        for _ in range(3): seen.append(read(path))
    readers = [threading.Thread(target=reader) for _ in range(2)]
    for thread in readers: thread.start()
    start.wait()
    with open(path, "r+b") as f: f.write(b"UPPER")
    after = read(path)
    for thread in readers: thread.join()
    assert after == read(path) == b"UPPER", (name, after, read(path))
    assert set(seen) <= {b"lower", b"UPPER"}, (name, seen)
EOF
}
