#!/usr/bin/env bats
# Lower files with equal content use the same page frames (sharing=file), until one of them is written.

load lib/harness

alike() {
    [[ ${SAMEPAGE_UNDER:-} != samepage-nopassthrough ]] || skip "without passthrough each inode has pages of its own"
    own_stack
    export SAMEPAGE_INDEX=$STACK/index
    mkdir -p "$L/usr" "$L2/usr" "$L/data"
    head -c 300000 /dev/urandom >"$L/usr/one"
    cp "$L/usr/one" "$L2/usr/other"
    chmod 600 "$L2/usr/other"
    cp "$L/usr/one" "$L/data/coherent"
    head -c 300000 /dev/urandom >"$L2/usr/unlike"
    head -c 9000 /dev/urandom >"$L/data/small"
    cp "$L/data/small" "$L2/small-too"
    find "$L" "$L2" -type f -exec touch -d '2 days ago' {} +
}

# Mounts, and waits until the index has been opened, which the first open of a file begins.
indexed() {
    alike
    "$SAMEPAGE" index "$L" "$L2" >"$STACK/index.out" 2>&1 3>&- 4>&- || { cat "$STACK/index.out" && return 1; }
    mount_overlay -o sharing=file
    cat "$M/usr/other" "$M/data/coherent" >/dev/null
    eventually 10 shared "$M/usr/one" "$M/usr/other"
}

shared() { # FILE FILE
    [[ $(sys frames "$1" "$2") == equal ]]
}

shared_with_one_of() { # FILE FILE...
    local file
    for file in "${@:2}"; do
        ! shared "$1" "$file" || return 0
    done
    return 1
}

@test "files of two layers that differ in name and mode are on the same page frames" {
    indexed
    shared "$M/usr/one" "$M/usr/other"
    attr "$M/usr/other" mode 600
    refuses shared "$M/usr/one" "$M/usr/unlike"
}

@test "files that are read coherently share, too, whatever their size" {
    indexed
    shared "$M/usr/one" "$M/data/coherent"
    shared "$M/data/small" "$M/small-too"
    cmp "$M/data/small" "$L/data/small"
}

@test "a write parts the file that is written and no other" {
    indexed
    cp "$L/usr/one" "$STACK/before"
    sys open r "$M/data/coherent" rdonly , open w "$M/data/coherent" wronly , pwrite w 0 NEW , is NEW pread r 0 3
    refuses shared "$M/usr/one" "$M/data/coherent"
    shared "$M/usr/one" "$M/usr/other"
    cmp "$M/usr/one" "$STACK/before"
    cmp "$M/usr/other" "$STACK/before"
}

@test "a stable file that is changed behind the mount is not served for another" {
    indexed
    cp "$L2/usr/other" "$STACK/before"
    printf changed | dd of="$L/usr/one" conv=notrunc status=none
    cmp "$M/usr/other" "$STACK/before"
    cp -p "$STACK/before" "$L/usr/one"
    remember_lowers
}

@test "a stable file in a layer that the mount does not have is used, and its removal disturbs nobody" {
    alike
    "$SAMEPAGE" index "$L" "$L2" >"$STACK/index.out" 2>&1 3>&- 4>&-
    remember_lowers
    mkdir "$STACK/second"
    mount_samepage "lowerdir=$L2" "$STACK/second"
    local file=$STACK/second/usr/other
    cp "$L2/usr/other" "$STACK/before"
    cat "$file" >/dev/null
    eventually 10 shared_with_one_of "$file" "$L/usr/one" "$L/data/coherent"
    exec 9<"$file"
    (cd "$L" && rm -r usr data)
    cmp "$file" "$STACK/before"
    cmp - "$STACK/before" <&9
    exec 9<&-
    cmp "$file" "$STACK/before"
    refuses shared "$file" "$STACK/before"
    umount "$STACK/second"
    remember_lowers
}

@test "with sharing=off nothing is shared and no index is made" {
    alike
    mount_overlay -o sharing=off
    cat "$M/usr/one" "$M/usr/other" >/dev/null
    refuses shared "$M/usr/one" "$M/usr/other"
    absent "$STACK/index"
}

# Eight groups of equal files in two layers, below directories that are read natively and coherently.
groups() {
    local group size n
    for group in a b c d e f g h; do
        size=$((RANDOM % 3 == 0 ? 5000 : 20000 + RANDOM * 10))
        head -c "$size" /dev/urandom >"$STACK/$group"
        for n in 1 2 3 4; do
            mkdir -p "$L/usr/lib" "$L2/usr/lib" "$L/data" "$L2/data"
            cp "$STACK/$group" "$L/usr/lib/$group-$n"
            cp "$STACK/$group" "$L2/usr/lib/$group-1$n"
            cp "$STACK/$group" "$L/data/$group-2$n"
            cp "$STACK/$group" "$L2/data/$group-3$n"
        done
    done
    find "$L" "$L2" -type f -exec touch -d '2 days ago' {} +
}

@test "a storm of writes changes no file but those that are written" {
    [[ ${SAMEPAGE_UNDER:-} != samepage-nopassthrough ]] || skip "without passthrough each inode has pages of its own"
    own_stack
    export SAMEPAGE_INDEX=$STACK/index
    groups
    "$SAMEPAGE" index "$L" "$L2" >"$STACK/index.out" 2>&1 3>&- 4>&-
    mount_overlay -o sharing=file
    cat "$M"/usr/lib/a-* >/dev/null
    eventually 10 shared "$M/usr/lib/a-2" "$M/usr/lib/a-12"
    local seed
    for seed in ${SAMEPAGE_STORM_SEEDS:-1 2 $RANDOM}; do
        "${BATS_TEST_DIRNAME}/lib/write-storm" "$M" "$seed" "${SAMEPAGE_STORM_STEPS:-100}"
    done
}

# How many of these files have pages in memory.
resident() { # FILE...
    fincore --bytes --noheadings --output RES "$@" | grep -vcw 0
}

uses_another() { # FILE: its page map says so
    "$SAMEPAGE" pages --json "$1" 3>&- 4>&- | grep -q '"SHARED"'
}

@test "without passthrough equal files are read through one of them, which alone is in the cache below" {
    own_stack
    export SAMEPAGE_INDEX=$STACK/index
    head -c 300000 /dev/urandom >"$L/one"
    cp "$L/one" "$L/two"
    cp "$L/one" "$L2/three"
    echo small >"$L/small"
    find "$L" "$L2" -type f -exec touch -d '2 days ago' {} +
    "$SAMEPAGE" index "$L" "$L2" >"$STACK/index.out" 2>&1 3>&- 4>&- || { cat "$STACK/index.out" && return 1; }
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
