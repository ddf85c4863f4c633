#!/usr/bin/env bats
# The content index outlives whatever happens to it, to its disk and to those who use it: mounts go on, and share nothing but what
# is equal.

load lib/harness
load lib/sharing

setup() {
    start_test
    sharing_stack
    seed=${SAMEPAGE_STORM_SEED:-$RANDOM}
    echo "seed $seed (SAMEPAGE_STORM_SEED)"
    RANDOM=$seed
}

# The background identification leaves out what was changed within the last 2 s.
settled() {
    [[ -z $(find "$L" "$L2" -newerct '2.2 seconds ago' -print -quit) ]]
}

# Another mount of the two layers, read-only.
mount_another() { # TARGET [DOMAIN]
    mkdir -p "$1"
    mount_samepage "lowerdir=$LOWERDIR,sharing=file${2:+,domain=$2}" "$1"
}

# Unmounts, and waits for the daemon: who opens the index while another still has it does not examine it.
unmount() { # TARGET...
    local target daemon
    for target; do
        daemon=$(daemon_of "$target" 2>/dev/null) || daemon=''
        umount "$target"
        [[ -z $daemon ]] || await_exit "$daemon"
    done
}

read_all() { # MOUNT
    find "$1" -type f -exec cat {} + >/dev/null
}

# What is equal shares, and nothing else; what is not identified is, since it is opened.
all_share() { # MOUNT...
    sys together "$@" || return
    local mount
    for mount; do
        sys intact "$mount" "$L" "$L2" || return
    done
}

nothing_was_set_aside() {
    absent "$SAMEPAGE_INDEX/data.mdb.set-aside"
    refuses logged "$SAMEPAGE_INDEX is set aside"
}

@test "two daemons and the command fill one index at once" {
    groups 60 1
    eventually 30 settled
    mount_another "$STACK/a"
    mount_another "$STACK/b"
    "$SAMEPAGE" index "$L2" "$L" >"$STACK/index.out" 2>&1 3>&- 4>&- &
    local indexer=$!
    read_all "$STACK/a" &
    read_all "$STACK/b"
    # bats has children of its own
    wait $!
    wait "$indexer"
    eventually 30 all_share "$STACK/a" "$STACK/b"
    index_layers
    contains "$(cat "$STACK/index.out")" "240 known, 0 hashed"
    nothing_was_set_aside
}

# Kills, at a random moment, the daemon of a mount, who indexes, or both. The survivor finishes.
kill_one_of() { # TARGET INDEXER
    local daemon
    daemon=$(daemon_of "$1")
    sleep "0.$(printf %03d $((RANDOM % 1000)))"
    case $((RANDOM % 3)) in
    0) kill -9 "$daemon" ;;
    1) kill -9 "$2" 2>/dev/null || true ;;
    2) kill -9 "$daemon" "$2" 2>/dev/null || true ;;
    esac
}

@test "after a storm of kill -9 the index opens, and its answers are right" {
    groups 60 1
    eventually 30 settled
    local round rounds=${SAMEPAGE_STORM_ROUNDS:-6} indexer reader
    for ((round = 1; round <= rounds; round++)); do
        # who has it open all the time keeps the others from being alone, who would examine it first
        ((round != rounds / 2)) || mount_another "$STACK/witness" witness
        # in another domain everything is to be identified anew
        mount_another "$STACK/victim" "d$round"
        "$SAMEPAGE" index --domain "d$round" "$L" "$L2" >"$STACK/index.out" 2>&1 3>&- 4>&- &
        indexer=$!
        read_all "$STACK/victim" 2>/dev/null &
        reader=$!
        kill_one_of "$STACK/victim" $indexer
        wait "$indexer" || [[ $? == 137 ]]
        wait "$reader" || true
        unmount "$STACK/victim"
        nothing_was_set_aside
    done
    eventually 30 all_share "$STACK/witness"
    unmount "$STACK/witness"
    for ((round = 1; round <= rounds; round++)); do
        samepage index --domain "d$round" "$L" "$L2"
    done
    nothing_was_set_aside
    for round in 1 "$rounds"; do
        mount_another "$STACK/victim" "d$round"
        eventually 30 all_share "$STACK/victim"
        unmount "$STACK/victim"
    done
}

# spoil FILE : changes bits, pages, or the length of a file, by $RANDOM
spoil() {
    /usr/bin/python3 -IS - "$1" $((RANDOM << 15 | RANDOM)) <<'END'
import os, random, sys
path, rng = sys.argv[1], random.Random(sys.argv[2])
page, size = 4096, os.path.getsize(path)
with open(path, "r+b") as file:
    def put(at, data):
        file.seek(at)
        file.write(data)

    def get(at, length):
        file.seek(at)
        return file.read(length)
    # half of what happens happens to the first two pages, which say what is valid, or to the heads of others
    at = page * (rng.randrange(2) if rng.random() < 0.5 else rng.randrange(size // page))
    how = rng.choice(["bits", "junk", "zeroes", "another page", "end"])
    if how == "bits":
        for _ in range(rng.randrange(1, 5)):
            place = at + rng.randrange(rng.choice([32, page]))
            put(place, bytes([get(place, 1)[0] ^ 1 << rng.randrange(8)]))
    elif how == "junk":
        put(at + rng.randrange(page // 2), rng.randbytes(rng.randrange(1, page // 2)))
    elif how == "zeroes":
        put(at, bytes(page))
    elif how == "another page":
        put(at, get(page * rng.randrange(size // page), page))
    else:
        file.truncate(rng.randrange(size))
print(how, "at", at)
END
}

@test "an index with changed bytes is set aside or gives right answers, and mounts go on" {
    groups 60 1
    index_layers
    cp "$SAMEPAGE_INDEX/data.mdb" "$STACK/sound"
    local round told=0 aside=0
    for ((round = 1; round <= ${SAMEPAGE_STORM_ROUNDS:-6}; round++)); do
        cp "$STACK/sound" "$SAMEPAGE_INDEX/data.mdb"
        echo "round $round: $(spoil "$SAMEPAGE_INDEX/data.mdb")"
        mount_another "$STACK/a"
        read_all "$STACK/a"
        eventually 30 all_share "$STACK/a"
        if [[ -e $SAMEPAGE_INDEX/data.mdb.set-aside ]]; then
            rm "$SAMEPAGE_INDEX/data.mdb.set-aside"
            ((++aside))
        fi
        told=$(logged "$SAMEPAGE_INDEX is set aside" | wc -l)
        equal "$told" "$aside"
        unmount "$STACK/a"
    done
    ((aside > 0))
}

@test "samepage index says that it sets a damaged index aside" {
    groups 4 1
    index_layers
    printf x | dd of="$SAMEPAGE_INDEX/data.mdb" bs=1 seek=16 conv=notrunc status=none
    printf x | dd of="$SAMEPAGE_INDEX/data.mdb" bs=1 seek=4112 conv=notrunc status=none
    "$SAMEPAGE" index "$L" >"$STACK/index.out" 2>&1 3>&- 4>&-
    contains "$(cat "$STACK/index.out")" "it is set aside as data.mdb.set-aside"
    present "$SAMEPAGE_INDEX/data.mdb.set-aside"
    "$SAMEPAGE" index "$L" >"$STACK/index.out" 2>&1 3>&- 4>&-
    refuses grep -q "set aside" "$STACK/index.out"
}

@test "with its disk full from the start, sharing goes on from memory, with one warning" {
    groups 20 1
    eventually 30 settled
    loop_fs "$STACK/disk" 2M ext4 -O ^has_journal -m 0
    SAMEPAGE_INDEX=$STACK/disk/index
    fill_disk
    goes_on_from_memory
}

@test "with its disk full while it is used, sharing goes on from memory, with one warning" {
    groups 60 1
    tmp_fs "$STACK/disk" size=600k
    SAMEPAGE_INDEX=$STACK/disk/index
    index_layers "$L2"
    fill_disk
    goes_on_from_memory
    refuses samepage index "$L" >"$STACK/index.out" 2>&1
    contains "$(cat "$STACK/index.out")" "$SAMEPAGE_INDEX cannot hold what was found"
}

@test "on a read-only disk, sharing goes on from memory, with one warning" {
    groups 20 1
    eventually 30 settled
    tmp_fs "$STACK/disk"
    SAMEPAGE_INDEX=$STACK/disk/index
    index_layers "$L2"
    mount -o remount,ro "$STACK/disk"
    goes_on_from_memory
}

fill_disk() {
    refuses dd if=/dev/zero of="$STACK/disk/filler" bs=4k status=none
    refuses dd if=/dev/zero of="$STACK/disk/filler2" bs=512 count=8 status=none
}

goes_on_from_memory() {
    mount_another "$STACK/a"
    mount_another "$STACK/b"
    read_all "$STACK/a"
    read_all "$STACK/b"
    eventually 30 all_share "$STACK/a"
    eventually 30 all_share "$STACK/b"
    # one line of each of the two daemons
    logged "the content index $SAMEPAGE_INDEX cannot be written"
    equal "$(logged "the content index $SAMEPAGE_INDEX cannot be written" | wc -l)" 2
    equal "$(logged "$SAMEPAGE_INDEX is set aside" | wc -l)" 0
    unmount "$STACK/a" "$STACK/b"
}
