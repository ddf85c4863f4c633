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
    eventually 10 share_with_one_of "$file" "$L/usr/one" "$L/data/coherent"
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

@test "a storm of writes changes no file but those that are written" {
    sharing_stack
    groups 8 4
    index_layers
    mount_overlay -o sharing=file
    cat "$M"/usr/lib/g0-* >/dev/null
    eventually 10 share "$M/usr/lib/g0-2" "$M/usr/lib/g0-12"
    local seed
    for seed in ${SAMEPAGE_STORM_SEEDS:-1 2 $RANDOM}; do
        "${BATS_TEST_DIRNAME}/lib/write-storm" "$M" "$seed" "${SAMEPAGE_STORM_STEPS:-100}"
    done
}
