#!/usr/bin/env bats
# mmap, shared and private, for reading and writing.

load lib/harness

fixture() {
    { printf 'first page'; head -c 4086 /dev/zero | tr '\0' a; printf 'second page'; head -c 4085 /dev/zero | tr '\0' b; } >"$L/f"
    head -c 3000000 /dev/urandom >"$L/big"
    file "$L/short" "short"
}

setup_file() {
    share_overlay
}

@test "a lower file is mapped for reading, shared and private" {
    sys open r f rdonly , map s r r shared 8192 , is "first page" mget s 0 10 , is "second page" mget s 4096 11 \
        , map p r r private 8192 , is "second page" mget p 4096 11
    absent "$U/f"
}

@test "a map stays when its descriptor is closed" {
    sys open r f rdonly , map s r r shared 8192 , close r , is "second page" mget s 4096 11
}

@test "what is written to a shared map is in the file" {
    sys open f f rdwr , map m f rw shared 8192 , mput m 0 FIRST , is "FIRST page" pread f 0 10 , is "FIRST page" sh "head -c 10 f" , msync m
    content <(head -c 10 f) "FIRST page"
    remount_overlay
    content <(head -c 10 f) "FIRST page"
}

@test "what is written to a shared map is kept without msync" {
    sys open f f rdwr , map m f rw shared 8192 , mput m 4096 SECOND , unmap m , close f
    content <(tail -c +4097 f | head -c 11) "SECOND page"
    remount_overlay
    content <(tail -c +4097 f | head -c 11) "SECOND page"
}

@test "what is written to a private map is not in the file" {
    sys open f f rdonly , map m f rw private 8192 , mput m 0 FIRST , is "FIRST page" mget m 0 10 , is "first page" pread f 0 10
    content <(head -c 10 f) "first page"
    absent "$U/f"
}

@test "a shared map sees what is written to the file" {
    sys open f f rdwr , map m f rw shared 8192 , is first mget m 0 5 , pwrite f 0 FIRST , is FIRST mget m 0 5 , open g f rdwr , pwrite g 4096 SECOND \
        , is SECOND mget m 4096 6
}

@test "two processes share what they map" {
    truncate -s 4096 new
    sys open f new rdwr , map m f rw shared 4096 , mput m 0 one , touch "$TEST_DIR/one" , await "$TEST_DIR/two" , is onetwo mget m 0 6 &
    other=$!
    sys await "$TEST_DIR/one" , open f new rdwr , map m f rw shared 4096 , is one mget m 0 3 , mput m 3 two , touch "$TEST_DIR/two"
    wait "$other"
}

@test "a map made before the copy-up shows old or new data, whole" {
    # the kernel's overlayfs keeps the old
    equal "$(sys open r f rdonly , map m r r shared 8192 , is first mget m 0 5 , sh "printf FIRST | dd of=f conv=notrunc status=none" \
        , is FIRST pread r 0 5 , mget m 0 10 | tr '[:lower:]' '[:upper:]')" "FIRST PAGE"
    sys open r f rdonly , map m r r shared 8192 , is "second page" mget m 4096 11
}

@test "a map of a descriptor opened before the copy-up shows old or new data, whole" {
    # the kernel's overlayfs maps what was opened, although it reads what is new
    equal "$(sys open r f rdonly , sh "printf FIRST | dd of=f conv=notrunc status=none" , map m r r shared 8192 , mget m 0 10 | tr '[:lower:]' '[:upper:]')" "FIRST PAGE"
}

@test "a map for writing wants a descriptor for writing" {
    sys open r f rdonly , fails EACCES map m r rw shared 4096
    sys open w f wronly , fails EACCES map m w r shared 4096
}

@test "the rest of the last page is zeros and is not written" {
    sys open f short rdwr , map m f rw shared 5 , mput m 0 SHORT , msync m
    content short SHORT
    attr short size 5
}

@test "touching a map beyond the end of the file is SIGBUS" {
    run sys open f short rdwr , ftruncate f 8192 , map m f r shared 8192 , ftruncate f 100 , mget m 5000 1
    equal "$status" $((128 + 7))
}

@test "a file that grows is mapped further" {
    sys open f short rdwr , ftruncate f 8192 , map m f rw shared 8192 , mput m 8000 far , is far pread f 8000 3 , is short pread f 0 5
}

@test "a map of a big lower file is the file" {
    sys open r big rdonly , map m r r shared 3000000 , isnt "" mget m 2999990 10 >/dev/null
    equal "$(/usr/bin/python3 -c '
import mmap, hashlib, sys
f = open(sys.argv[1], "rb")
print(hashlib.sha1(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)).hexdigest())' big)" "$(sha1sum <"$L/big" | cut -d' ' -f1)"
}

@test "a map at an offset" {
    sys open r f rdonly , map m r r shared 4096 4096 , is "second page" mget m 0 11
}

@test "a map of a new file, written out and read back" {
    sys open f new rdwr+creat , ftruncate f 1M , map m f rw shared 1M , mput m 0 "1000000*m" , msync m , fsync f , is "1000*m" pread f 999000 1000
    attr new size 1048576
    remount_overlay
    sys open f new rdonly , is "1000*m" pread f 999000 1000
}

@test "a map outlives rename and unlink" {
    sys open f f rdwr , map m f rw shared 8192 , close f , rename f moved , mput m 0 FIRST , is FIRST sh "head -c 5 moved" , unlink moved \
        , mput m 0 AGAIN , is AGAIN mget m 0 5 , is "second page" mget m 4096 11
}

@test "writes through a map and reads with O_DIRECT agree after msync" {
    sys open f f rdwr , open d f rdwr+direct , map m f rw shared 8192 , mput m 0 "4096*w" , msync m , is "4096*w" dread d 0 4096
}
