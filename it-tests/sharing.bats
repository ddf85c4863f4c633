#!/usr/bin/env bats
# Lower files with equal content use the same page frames (sharing=file), until one of them is written.

load lib/harness
load lib/sharing

indexed() {
    alike low1/data/coherent
    mount_indexed
}

@test "files of two layers that differ in name and mode are on the same page frames" {
    indexed
    share "$M/usr/one" "$M/usr/deep/other"
    attr "$M/usr/deep/other" mode 600
    refuses share "$M/usr/one" "$M/usr/unlike"
}

@test "files that are read coherently share, too, whatever their size" {
    indexed
    share "$M/usr/one" "$M/data/coherent"
    share "$M/data/small" "$M/small-too"
    cmp "$M/data/small" "$L/data/small"
}

@test "a write parts the file that is written and no other" {
    indexed
    cp "$L/usr/one" "$STACK/before"
    sys open r "$M/data/coherent" rdonly , open w "$M/data/coherent" wronly , pwrite w 0 NEW , is NEW pread r 0 3
    refuses share "$M/usr/one" "$M/data/coherent"
    share "$M/usr/one" "$M/usr/deep/other"
    cmp "$M/usr/one" "$STACK/before"
    cmp "$M/usr/deep/other" "$STACK/before"
}

@test "a stable file that is changed behind the mount is not served for another" {
    indexed
    cp "$L2/usr/deep/other" "$STACK/before"
    printf changed | dd of="$L/usr/one" conv=notrunc status=none
    cmp "$M/usr/deep/other" "$STACK/before"
    cp -p "$STACK/before" "$L/usr/one"
    remember_lowers
}

@test "a stable file in a layer that the mount does not have is used, and its removal disturbs nobody" {
    alike low1/data/coherent
    index_layers
    remember_lowers
    mkdir "$STACK/second"
    mount_samepage "lowerdir=$L2" "$STACK/second"
    local file=$STACK/second/usr/deep/other
    cp "$L2/usr/deep/other" "$STACK/before"
    cat "$file" >/dev/null
    eventually 30 share_with_one_of "$file" "$L/usr/one" "$L/data/coherent"
    exec 9<"$file"
    (cd "$L" && rm -r usr data)
    cmp "$file" "$STACK/before"
    cmp - "$STACK/before" <&9
    exec 9<&-
    cmp "$file" "$STACK/before"
    refuses share "$file" "$STACK/before"
    umount "$STACK/second"
    remember_lowers
}

@test "with sharing=off nothing is shared and no index is made" {
    alike
    mount_overlay -o sharing=off
    cat "$M/usr/one" "$M/usr/deep/other" >/dev/null
    refuses share "$M/usr/one" "$M/usr/deep/other"
    absent "$STACK/index"
}

# A disk that cannot read the blocks of a file: the loop device's own file ends before them. It needs no device mapper, and is as
# real to the kernel ("I/O error, dev loop0, sector ...").
fail_to_read() { # IMAGE FILE
    local block
    sync -f "$2"
    block=$(filefrag -b4096 -v "$2" | awk '$1 == "0:" { print $4 + 0 }')
    ((block > 0)) || return
    truncate -s $((block * 4096)) "$1"
    echo 1 >/proc/sys/vm/drop_caches
    refuses cat "$2" >/dev/null 2>&1
}

# A mount whose lower layers are $L and a disk of its own, $STACK/disk: the file "stable" there stands for copies in $L, and "sound" for
# none. They are of a size: a file whose size nothing else has is not hashed with its layer, and would not be the first that is known.
mount_with_stable_file_on_disk() { # COPY...
    local copy
    needs_program filefrag
    sharing_stack
    mkdir -p "$STACK/disk"
    loop_fs "$STACK/disk" 64M ext4 -b 4096 -O ^has_journal -m 0
    LOWERDIR=low1:disk LOWERS=$L
    head -c 300000 /dev/urandom >"$STACK/disk/sound"
    head -c 300000 /dev/urandom >"$STACK/disk/stable"
    for copy; do
        mkdir -p "$L/${copy%/*}"
        cp "$STACK/disk/stable" "$L/$copy"
    done
    index_layers "$STACK/disk"
    index_layers "$L"
    mount_overlay -o sharing=file
}

@test "a stable file whose disk fails is not read by others, who have their own copies" {
    mount_with_stable_file_on_disk data/one data/two
    eventually 30 share "$M/data/one" "$M/stable"
    fail_to_read "$STACK/disk.img" "$STACK/disk/stable"
    # the second one was open before
    sys open r "$M/data/two" rdonly , sh "cmp '$M/data/one' '$L/data/one'" , sh "cmp /proc/self/fd/{r} '$L/data/two'"
    logged "stands for others and cannot be read (EIO"
    sys open r "$M/stable" rdonly , fails EIO read r
    cmp "$M/sound" "$STACK/disk/sound"
    # the two have each other from now on
    eventually 30 share "$M/data/one" "$M/data/two"
    cmp "$M/data/one" "$L/data/one"
    umount_overlay
}

# An open file, by a descriptor of this shell; some pages may outlive that the caches are dropped.
fails_to_be_read() { # DESCRIPTOR
    echo 1 >/proc/sys/vm/drop_caches
    python3 -c "
import errno, os
try:
    raise SystemExit('read: %d pages' % len([os.pread($1, 4096, at) for at in range(0, 300000, 4096)]))
except OSError as e:
    assert e.errno == errno.EIO, e"
}

@test "a native reader gets the errors of a stable file's disk until its file is opened anew, from its own copy or the next" {
    mount_with_stable_file_on_disk usr/one usr/two data/coherent
    eventually 30 share "$M/usr/one" "$M/stable"
    share "$M/usr/two" "$M/stable"
    exec {open}<"$M/usr/one"
    fail_to_read "$STACK/disk.img" "$STACK/disk/stable"
    # the kernel reads the stable file itself, and tells nobody what comes of it
    eventually 10 fails_to_be_read "$open"
    sys open r "$M/usr/two" rdonly , fails EIO read r
    # whom the daemon answers finds it out for all
    cmp "$M/data/coherent" "$L/data/coherent"
    logged "stands for others and cannot be read (EIO"
    eventually 10 cmp "$M/usr/two" "$L/usr/two"
    # who has a file open keeps what it is read from, and so do those who open it meanwhile
    sys open r "$M/usr/one" rdonly , fails EIO read r
    eventually 10 fails_to_be_read "$open"
    exec {open}<&-
    cmp "$M/usr/one" "$L/usr/one"
    eventually 30 share "$M/usr/one" "$M/usr/two"
    sys open r "$M/stable" rdonly , fails EIO read r
    umount_overlay
}

@test "a storm of writes changes no file but those that are written" {
    sharing_stack
    groups 8 4
    index_layers
    mount_overlay -o sharing=file
    cat "$M"/usr/lib/g0-* >/dev/null
    eventually 30 share "$M/usr/lib/g0-2" "$M/usr/lib/g0-12"
    local seed
    for seed in ${SAMEPAGE_STORM_SEEDS:-1 2 $RANDOM}; do
        "${BATS_TEST_DIRNAME}/lib/write-storm" "$M" "$seed" "${SAMEPAGE_STORM_STEPS:-100}"
    done
}

# Whoever has been the stable file of each content goes, the next one is there before, and the layers are indexed again.
change_index() { # DIRECTORY...
    local directory
    for directory; do
        samepage index "$directory" "$L" "$L2" || return
        rm -r "$directory"
        echo "$directory has gone" >>"$STACK/changes"
    done
}

forget_for_ever() {
    while :; do
        echo 2 >/proc/sys/vm/drop_caches
    done
}

@test "a break races with open, read, rename, link, unlink, FORGET and changes of the index, and nobody sees an error" {
    sharing_stack
    local seed=${SAMEPAGE_STORM_SEED:-$RANDOM} n forgetting changing status=0
    echo "seed $seed (SAMEPAGE_STORM_SEED)"
    RANDOM=$seed
    groups 30 2
    # the first that is indexed has all stable files
    for n in 1 2 3 4 5; do
        cp -r "$L/usr/lib" "$STACK/neighbour$n"
    done
    index_layers "$STACK/neighbour1"
    mount_overlay -o sharing=file
    mkdir "$STACK/bare"
    mount_samepage "lowerdir=$LOWERDIR,sharing=file" "$STACK/bare"
    eventually 30 share "$M/usr/lib/g0-1" "$STACK/bare/usr/lib/g0-11"
    change_index "$STACK"/neighbour[1-5] >"$STACK/index.out" 2>&1 &
    changing=$!
    forget_for_ever 3>&- 4>&- &
    forgetting=$!
    "${BATS_TEST_DIRNAME}/lib/break-races" "$M" "$STACK/bare" "$seed" "${SAMEPAGE_STORM_STEPS:-80}" || status=$?
    kill "$forgetting"
    wait "$changing" || { cat "$STACK/index.out" && return 1; }
    cat "$STACK/changes" "$SAMEPAGE_RUN_DIR/samepage.log"
    equal "$status" 0
    # each write of a file that was open for reading took a nodeid of its own
    (($(samepage status "$M" --json | sys json breaks) > 30))
    umount "$STACK/bare"
}

# How many of these files have pages in memory.
resident() { # FILE...
    fincore --bytes --noheadings --output RES "$@" | grep -vcw 0
}

uses_another() { # FILE: its page map says so
    samepage pages --json "$1" | grep -q '"SHARED"'
}

@test "without passthrough equal files are read through one of them, which alone is in the cache below" {
    own_stack
    export SAMEPAGE_INDEX=$STACK/index
    head -c 300000 /dev/urandom >"$L/one"
    cp "$L/one" "$L/two"
    cp "$L/one" "$L2/three"
    echo small >"$L/small"
    find "$L" "$L2" -type f -exec touch -d '2 days ago' {} +
    index_layers
    mount_overlay -o sharing=file,passthrough=off
    content "$M/small" $'small\n'
    uses_others() {
        local file count=0
        for file in one two three; do
            ! uses_another "$M/$file" || count=$((count + 1))
        done
        equal "$count" 2
    }
    eventually 30 uses_others
    local files=("$L/one" "$L/two" "$L2/three") file
    sync
    for file in "${files[@]}"; do
        dd if="$file" iflag=nocache count=0 status=none
    done
    equal "$(resident "${files[@]}" || true)" 0
    for file in one two three; do
        cmp "$M/$file" - <"$M/one"
    done
    equal "$(resident "${files[@]}")" 1
    # A write parts it from the others.
    sys open w "$M/two" rdwr , pwrite w 5 changed
    differ "$(sha1sum <"$M/two")" "$(sha1sum <"$M/three")"
    equal "$(sha1sum <"$M/one")" "$(sha1sum <"$M/three")"
}
