#!/usr/bin/env bats
# Large lower files that are alike only in part are read from the pages of each other (sharing=page).

load lib/harness
load lib/sharing

PAGE=4096

# Bytes that depend on a seed alone.
noise() { # SEED MIB
    openssl enc -aes-128-ctr -K "$(printf %032x "$1")" -iv "$(printf %032x 0)" </dev/zero 2>/dev/null | head -c $(($2 * 1048576))
}

# SAMEPAGE_IMAGE_MIB=1024 SAMEPAGE_IMAGE_PATIENCE=120 SAMEPAGE_TEST_TIMEOUT=280 makes them a GiB each.
#
# Two layers: a file, and in the other layer one that differs from it in every hundredth page, and a shifted one. What is shared
# in part must not have been changed within the last seconds.
images() { # MIB
    sharing_stack
    IMAGE=$L/one ALIKE=$L2/alike SHIFTED=$L2/shifted
    noise 1 "$1" >"$IMAGE"
    cp "$IMAGE" "$ALIKE"
    python3 - "$ALIKE" <<-'PYTHON'
		import os, sys
		with open(sys.argv[1], "r+b") as file:
		    for page in range(50, os.path.getsize(sys.argv[1]) // 4096, 100):
		        file.seek(page * 4096)
		        file.write(b"changed %8d" % page)
	PYTHON
    { noise 2 1 | head -c $((7 * PAGE)); head -c $((3 * 1048576)) "$IMAGE"; noise 3 1 | head -c 12345; } >"$SHIFTED"
    sync -f "$L"
}

mount_paged() { # [-o OPTIONS]
    mount_overlay -o sharing=page "$@"
}

# A read asks for it; from some open after that on it is read through its page map.
is_paged() { # FILE
    head -c 1 "$1" >/dev/null
    samepage pages "$1" --json | python3 -c '
import json, sys
sys.exit(len(json.load(sys.stdin)["extents"]) < 2)'
}

# In the order in which they are to be identified: who comes first is who has the pages.
paged() { # FILE...
    head -c 1 "$M/one" >/dev/null
    eventually "${SAMEPAGE_IMAGE_PATIENCE:-20}" identified 1
    local file
    for file; do
        eventually "${SAMEPAGE_IMAGE_PATIENCE:-20}" is_paged "$file"
    done
}

identified() { # FILES
    head -c 1 "$M/one" >/dev/null
    (($(status_of files_hashed) >= $1))
}

resident_pages() { # FILE...
    fincore --bytes --noheadings --output RES "$@" | awk '{ all += $1 } END { print all / 4096 }'
}

drop_caches() {
    sync
    echo 1 >/proc/sys/vm/drop_caches
}

shared_pages() { # FILE
    samepage pages "$1" --json | python3 -c '
import json, sys
print(sum(e["pages"] for e in json.load(sys.stdin)["extents"] if e["state"] == "SHARED"))'
}

@test "two files that are alike in 99 % of their pages take little more memory than one" {
    local mib=${SAMEPAGE_IMAGE_MIB:-64} pages
    images "$mib"
    mount_paged
    paged "$M/alike"
    # to be hashed it was read whole
    (($(resident_pages "$ALIKE") < mib * 256 / 20))
    drop_caches
    cmp "$M/one" "$IMAGE"
    sum=$(sha256sum <"$M/alike")
    pages=$(resident_pages "$IMAGE" "$ALIKE")
    echo "$pages pages of files of $((mib * 256))"
    awk -v pages="$pages" -v one=$((mib * 256)) 'BEGIN { exit !(pages >= one && pages <= 1.03 * one) }'
    equal "$sum" "$(sha256sum <"$ALIKE")"
    equal "$(shared_pages "$M/alike")" $((mib * 256 - (mib * 256 - 50 + 99) / 100))
}

@test "a shifted copy is read from where its pages are" {
    images 8
    mount_paged
    paged "$M/shifted"
    equal "$(shared_pages "$M/shifted")" 768
    run samepage pages "$M/shifted"
    contains "$output" "7-774 "
    contains "$output" "$L: one @0 ("
    drop_caches
    sum=$(sha256sum <"$M/shifted")
    equal "$(resident_pages "$SHIFTED")" 11
    equal "$sum" "$(sha256sum <"$SHIFTED")"
    exec {open}<"$M/shifted"
    (($(status_of paged_opens) > 0))
    (($(status_of shared_range_bytes) == 768 * PAGE))
    # as KSM counts, page by page: a page has as many uses as there are open files that are read from it
    equal "$(status_of pages_shared)" 0
    equal "$(status_of pages_unshared)" $((768 + 11))
    exec {owner}<"$M/one"
    equal "$(status_of pages_shared)" 768
    equal "$(status_of pages_sharing)" 768
    equal "$(status_of pages_unshared)" $((2048 - 768 + 11))
    equal "$(status_of general_profit)" $((768 * PAGE - $(status_of bookkeeping_bytes)))
    exec {owner}<&-
    equal "$(status_of pages_sharing)" 0
    equal "$(samepage pages "$M/one" --json | sys json extents.0.shared_with)" 1
    exec {open}<&-
    equal "$(status_of shared_range_bytes)" 0
}

@test "mounts of two daemons have one owner for each page" {
    images 8
    mount_paged
    paged
    mkdir "$STACK/second"
    mount_samepage "lowerdir=$L2,sharing=page" "$STACK/second"
    eventually 30 is_paged "$STACK/second/alike"
    drop_caches
    exec {open}<"$STACK/second/alike"
    cmp - "$ALIKE" <&$open
    ((2048 - $(resident_pages "$IMAGE") <= 21))
    equal "$(samepage pages "$M/one" --json | sys json extents.0.shared_with)" 1
    equal "$(samepage pages "$STACK/second/alike" --json | sys json extents.0.shared_with)" 0
    exec {open}<&-
    eventually 30 is_paged "$M/alike"
    contains "$(samepage pages "$M/alike")" "$L: one ("
    umount "$STACK/second"
}

@test "what samepage index --pages has entered is shared in part from the first open" {
    images 8
    printf tail >>"$L2/small"
    samepage index --pages "$L" "$L2" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "3 page by page)"
    # to be hashed they were read whole
    (($(resident_pages "$ALIKE" "$SHIFTED") < 100))
    mount_paged
    eventually 20 knows_the_index
    exec {open}<"$M/alike"
    equal "$(status_of paged_opens)" 1
    equal "$(shared_pages "$M/alike")" 2028
    drop_caches
    cmp - "$ALIKE" <&$open
    # cmp has read the file below, too: what follows is read through the mount alone
    drop_caches
    cat "$M/alike" >"$STACK/copy"
    (($(resident_pages "$ALIKE") <= 21))
    ((2048 - $(resident_pages "$IMAGE") <= 21))
    exec {open}<&-
    equal "$(shared_pages "$M/shifted")" 768
    equal "$(status_of files_hashed)" 0
}

@test "samepage index --pages reads nothing again, and goes on after samepage index without" {
    images 8
    samepage index "$L" "$L2" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "0 page by page)"
    samepage index --pages "$L" "$L2" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "0 known, 3 hashed"
    drop_caches
    samepage index --pages "$L" "$L2" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "3 known, 0 hashed"
    equal "$(resident_pages "$IMAGE" "$ALIKE" "$SHIFTED")" 0
    samepage index --pages --page-min 5M "$L" "$L2" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "3 known, 0 hashed"
    # programs are read, and not again either
    { printf '\177ELF'; noise 4 2; } >"$L/program"
    samepage index --pages "$L" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "1 hashed"
    contains "$(cat "$STACK/index.out")" "0 page by page)"
    samepage index --pages "$L" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "2 known, 0 hashed"
    refuses samepage index --page-min 4K "$L"
    refuses samepage index --pages --page-min 4X "$L"
}

@test "samepage index --pages can be interrupted, and goes on with the files that are left" {
    images 96
    "$SAMEPAGE" index --pages "$L" "$L2" >"$STACK/index.out" 2>&1 3>&- 4>&- &
    local indexer=$! status=0
    is_reading() {
        (($(sed -n 's/^rchar: //p' "/proc/$indexer/io") > 40 * 1048576))
    }
    eventually 30 is_reading
    kill -TERM "$indexer"
    wait "$indexer" || status=$?
    equal "$status" 143
    samepage index --pages "$L" "$L2" >"$STACK/index.out"
    samepage index --pages "$L" "$L2" >"$STACK/index.out"
    contains "$(cat "$STACK/index.out")" "3 known, 0 hashed"
    mount_paged
    eventually 20 knows_the_index
    (($(shared_pages "$M/alike") > 24000 || $(shared_pages "$M/one") > 24000))
    cmp "$M/alike" "$ALIKE"
    cmp "$M/one" "$IMAGE"
}

@test "reads at any offset and of any length are right" {
    images 8
    mount_paged
    paged "$M/alike" "$M/shifted"
    python3 - "${SAMEPAGE_SEED:-$RANDOM}" "$M/alike" "$ALIKE" "$M/shifted" "$SHIFTED" <<-'PYTHON'
		import mmap, os, random, sys
		print("SAMEPAGE_SEED", sys.argv[1])
		source = random.Random(int(sys.argv[1]))
		for mounted, below in (sys.argv[2:4], sys.argv[4:6]):
		    wanted = open(below, "rb").read()
		    fd = os.open(mounted, os.O_RDONLY)
		    area = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
		    for round in range(100):
		        offset = source.randrange(len(wanted) + 5000)
		        length = source.choice((1, 100, 4096, 5000, 131072, 1 << 20, source.randrange(1, 3 << 20)))
		        got = os.pread(fd, length, offset)
		        assert got == wanted[offset:offset + length], (round, offset, length, len(got))
		        assert area[offset:offset + 100] == wanted[offset:offset + 100], (round, offset)
	PYTHON
}

@test "a stable file that is changed, shortened or removed is not read for others" {
    images 8
    cp -p "$IMAGE" "$STACK/image"
    mount_paged
    paged "$M/alike"
    exec {early}<"$M/alike"
    # while it is open, and after reads of it
    head -c 100000 <&$early >"$STACK/head"
    cmp "$STACK/head" <(head -c 100000 "$ALIKE")
    printf XXXXXXXX | dd of="$IMAGE" bs=1 seek=$((PAGE * 200)) conv=notrunc status=none
    cmp <(tail -c +100001 "$ALIKE") - <&$early
    exec {early}<&-
    cmp "$M/alike" "$ALIKE"
    truncate -s 1M "$IMAGE"
    cmp "$M/alike" "$ALIKE"
    rm "$IMAGE"
    cmp "$M/alike" "$ALIKE"
    cmp "$M/shifted" "$SHIFTED"
    remember_lowers
}

@test "a stable file that is removed gives its pages to who is alike, and they share with each other" {
    images 8
    mount_paged
    paged "$M/alike" "$M/shifted"
    rm "$IMAGE"
    remember_lowers
    share_without_it() {
        cmp "$M/alike" "$ALIKE" || return
        cmp "$M/shifted" "$SHIFTED" || return
        (($(shared_pages "$M/shifted") > 700)) || return
        samepage pages "$M/shifted" | grep -qF "$L2: alike"
    }
    eventually 30 share_without_it
}

@test "a write changes the file that is written and no other, and open readers see it" {
    images 8
    mount_paged
    paged "$M/alike" "$M/shifted"
    sys open r "$M/alike" rdonly , pread r 0 10 , open w "$M/alike" rdwr , pwrite w 4096 NEW , is NEW pread r 4096 3 , is NEW pread w 4096 3
    cp "$ALIKE" "$STACK/wanted"
    printf NEW | dd of="$STACK/wanted" bs=1 seek=4096 conv=notrunc status=none
    cmp "$M/alike" "$STACK/wanted"
    cmp "$M/one" "$IMAGE"
    cmp "$M/shifted" "$SHIFTED"
    # and one that others read from
    sys open r "$M/one" rdonly , open w "$M/one" rdwr , pwrite w $((8 * PAGE)) OTHER
    equal "$(head -c $((8 * PAGE + 5)) "$M/one" | tail -c 5)" OTHER
    cmp "$M/shifted" "$SHIFTED"
    truncate -s 5000 "$M/shifted"
    cmp "$M/shifted" <(head -c 5000 "$SHIFTED")
    chmod 640 "$M/shifted" # completes the copy-up
    equal "$(samepage pages "$M/shifted" --json | sys json extents.0.state)" PRIVATE
}

# A disk that cannot read what lies beyond some block: the loop device's own file ends before it.
@test "ranges that a disk fails to read come from the file itself" {
    needs_program filefrag
    sharing_stack
    mkdir -p "$STACK/disk"
    loop_fs "$STACK/disk" 64M ext4 -b 4096 -O ^has_journal -m 0
    LOWERDIR=low1:disk LOWERS=$L
    ALIKE=$L/alike
    noise 1 8 >"$STACK/disk/one"
    { noise 2 1; noise 1 8; } >"$ALIKE"
    sync -f "$STACK/disk/one"
    mount_paged
    paged "$M/alike"
    local block
    block=$(filefrag -b4096 -v "$STACK/disk/one" | awk '$1 == "0:" { print $4 + 0 }')
    truncate -s $((block * PAGE)) "$STACK/disk.img"
    echo 3 >/proc/sys/vm/drop_caches
    refuses cat "$STACK/disk/one" >/dev/null 2>&1
    cmp "$M/alike" "$ALIKE"
    logged "has pages for others and cannot be read (EIO"
    sys open r "$M/one" rdonly , fails EIO read r
    umount_overlay
}

@test "pages that nobody else has and a disk fails to read are an error, and they alone" {
    images 8
    mkdir -p "$STACK/disk"
    loop_fs "$STACK/disk" 64M ext4 -b 4096 -O ^has_journal -m 0
    cp "$ALIKE" "$STACK/disk/own"
    rm "$ALIKE" "$SHIFTED"
    sync -f "$STACK/disk/own"
    LOWERDIR=low1:disk LOWERS=$L
    mount_paged
    paged "$M/own"
    local block
    block=$(filefrag -b4096 -v "$STACK/disk/own" | awk '$1 == "0:" { print $4 + 0 }')
    exec {open}<"$M/own"
    truncate -s $((block * PAGE)) "$STACK/disk.img"
    echo 1 >/proc/sys/vm/drop_caches
    python3 - /proc/self/fd/$open "$IMAGE" <<-'PYTHON'
		import errno, os, sys
		image = open(sys.argv[2], "rb").read()
		fd = os.open(sys.argv[1], os.O_RDONLY)
		for page in range(len(image) // 4096):
		    try:
		        got = os.pread(fd, 4096, page * 4096)
		        assert page % 100 != 50 and got == image[page * 4096 : (page + 1) * 4096], page
		    except OSError as e:
		        assert e.errno == errno.EIO and page % 100 == 50, page
		assert os.pread(fd, 1 << 20, 0) == image[: 50 * 4096]
	PYTHON
    exec {open}<&-
    umount_overlay
}

@test "programs, small files and those that are hardly alike are read by the kernel itself" {
    sharing_stack
    noise 1 2 >"$L/one"
    cp "$L/one" "$L/executable"
    printf x >>"$L/executable"
    chmod +x "$L/executable"
    { printf '\177ELF'; tail -c +5 "$L/one"; } >"$L2/program"
    { noise 2 2; tail -c 100000 "$L/one"; } >"$L2/hardly"
    head -c 1000000 "$L/one" >"$L2/small"
    { cat "$L/one"; printf end; } >"$L2/alike"
    mount_paged
    paged "$M/alike"
    local file
    for file in executable program hardly small; do
        cat "$M/$file" >/dev/null
    done
    eventually 30 identified 3
    for file in executable program hardly small; do
        refuses is_paged "$M/$file"
        equal "$(samepage pages "$M/$file" --json | sys json extents.0.state)" OWN
    done
}

@test "without passthrough the same ranges are read, so that the cache below holds them once" {
    own_stack
    export SAMEPAGE_INDEX=$STACK/index
    noise 1 8 >"$L/one"
    { noise 2 1; noise 1 8; } >"$L2/alike"
    mount_paged -o passthrough=off
    paged "$M/alike"
    drop_caches
    echo 2 >/proc/sys/vm/drop_caches # an inode that the kernel knows for the first time is opened in another way
    cmp <(cat "$M/alike") <(noise 2 1; noise 1 8)
    (($(resident_pages "$L2/alike") <= 256 + 32))
}
