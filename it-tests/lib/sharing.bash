# shellcheck shell=bash
#
# Layers whose files are alike, an index of the test's own, and the proof of what shares.

# shellcheck source-path=SCRIPTDIR source=command.bash
source "$SUITE/lib/command.bash"

# A stack of the test's own, with an index of its own, on a mount that can share.
sharing_stack() {
    under_passthrough || skip "without passthrough each inode has pages of its own"
    own_stack
    export SAMEPAGE_INDEX=$STACK/index
}

# alike [COPY...]
#
# Two layers: a file of 74 pages under two names that differ in mode, one of 3 pages under two, one that is unlike, and an empty
# one. A further copy of the first is made at each COPY, a path in the stack.
alike() {
    local copy
    sharing_stack
    mkdir -p "$L/usr" "$L2/usr/deep" "$L/data"
    head -c 300000 /dev/urandom >"$L/usr/one"
    cp "$L/usr/one" "$L2/usr/deep/other"
    chmod 600 "$L2/usr/deep/other"
    for copy; do
        make_parent "$STACK/$copy"
        cp "$L/usr/one" "$STACK/$copy"
    done
    head -c 300000 /dev/urandom >"$L2/usr/unlike"
    head -c 9000 /dev/urandom >"$L/data/small"
    cp "$L/data/small" "$L2/small-too"
    : >"$L/empty"
}

# groups GROUPS COPIES
#
# Groups of equal files in two layers, below directories that are read natively and coherently, named GROUP-N: all N of a GROUP
# are equal, and no name comes twice. $RANDOM, which a test may have seeded, decides their sizes.
groups() {
    local group n directory at
    mkdir -p {"$L","$L2"}/{usr/lib,data}
    for ((group = 0; group < $1; group++)); do
        head -c $((RANDOM % 3 == 0 ? 5000 : 20000 + RANDOM * 10)) /dev/urandom >"$STACK/content"
        at=0
        for directory in "$L/usr/lib" "$L2/usr/lib" "$L/data" "$L2/data"; do
            for ((n = 1; n <= $2; n++)); do
                cp "$STACK/content" "$directory/g$group-${at#0}$n"
            done
            ((++at))
        done
    done
}

# It waits for files that were changed within the last 2 s, which are not identified otherwise.
index_layers() { # [DIRECTORY...]
    (($#)) || set -- "$L" "$L2"
    samepage index "$@" >"$STACK/index.out" 2>&1 || { cat "$STACK/index.out" && return 1; }
}

# mount_indexed [-o OPTIONS]
#
# Mounts layers that are indexed, and sees that the first opens of two files find them so.
mount_indexed() {
    index_layers
    mount_overlay -o sharing=file "$@"
    eventually 30 knows_the_index
    share "$M/usr/one" "$M/usr/deep/other"
}

# The daemon has opened the index, which it does by itself; the mount has waited for that, but not for longer than 0.3 s.
knows_the_index() {
    (($(status_of full_scans) > 0))
}

share() { # FILE FILE
    [[ $(sys frames "$1" "$2") == equal ]]
}

share_with_one_of() { # FILE FILE...
    local file
    for file in "${@:2}"; do
        ! share "$1" "$file" || return 0
    done
    return 1
}

# What the daemons and commands of this run have logged of a mount or an index.
logged() { # TEXT
    grep -F -- "$1" "$SAMEPAGE_RUN_DIR/samepage.log"
}
