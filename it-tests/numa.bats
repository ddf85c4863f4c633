#!/usr/bin/env bats
# Where a content is in several layers and the host has several NUMA nodes: one copy for all, or one for each node (numa=replicate).
#
# The nodes are described by the test, so that any host with two CPUs will do: node 0 has CPU 0, node 1 has CPU 1.

load lib/harness
load lib/sharing

CPUS=$(taskset -cp "$BASHPID" | sed 's/.*: //')

on_cpu() { # CPU COMMAND...: a command or function, bound to a CPU
    local status=0
    taskset -cp "$1" "$BASHPID" >/dev/null
    "${@:2}" || status=$?
    taskset -cp "$CPUS" "$BASHPID" >/dev/null
    return "$status"
}

has_two_cpus() {
    on_cpu 0 true && on_cpu 1 true
}

describe() { # CPUS... : of node 0, node 1, ...
    local node=0 cpus
    export SAMEPAGE_NUMA_NODES=$STACK/nodes
    for cpus; do
        mkdir -p "$STACK/nodes/node$node"
        echo "$cpus" >"$STACK/nodes/node$node/cpulist"
        node=$((node + 1))
    done
}

# Layers 1 to 4, each with a file of 74 pages, fileN, which are all equal.
four_layers() {
    sharing_stack
    has_two_cpus || skip "needs the CPUs 0 and 1"
    local n
    head -c 300000 /dev/urandom >"$STACK/content"
    for n in 1 2 3 4; do
        mkdir -p "$STACK/layer$n/usr" "$STACK/mount$n"
        cp "$STACK/content" "$STACK/layer$n/usr/file$n"
    done
    index_layers "$STACK"/layer[1-4]
    describe 0 1
}

mounts() { # OPTIONS N... : mounts layer N alone at mountN
    local n
    for n in "${@:2}"; do
        mount_samepage "lowerdir=layer$n,$1" "$STACK/mount$n"
    done
}

file() { # N
    echo "$STACK/mount$1/usr/file$1"
}

read_on() { # CPU N
    on_cpu "$1" cmp "$(file "$2")" "$STACK/content"
}

used_by() { # N: the path below of the file whose pages file N of mount N uses
    local of
    of=$(samepage pages "$(file "$1")" --json)
    echo "$(sys json extents.0.file.layer <<<"$of")/$(sys json extents.0.file.path <<<"$of")"
}

use_one_file() { # CPU N M: the files of two mounts, read on a CPU
    read_on "$1" "$2"
    read_on "$1" "$3"
    equal "$(used_by "$2")" "$(used_by "$3")"
}

use_two_files() { # N M
    differ "$(used_by "$1")" "$(used_by "$2")"
}

# Opens the file of a mount; who opens it besides has the same pages, wherever that runs.
hold() { # CPU N
    local fd
    hold_here() { exec {fd}<"$(file "$1")"; }
    on_cpu "$1" hold_here "$2"
    held+=("$fd")
}

let_go() {
    local fd
    for fd in "${held[@]}"; do
        exec {fd}<&-
    done
    held=()
}

frames_of() { # N... : how many page frames the files of mounts are on
    local n files=()
    for n; do
        files+=("$(file "$n")")
    done
    samepage verify --json "${files[@]}" | sys json frames
}

status_at() { # N KEY
    samepage status "$STACK/mount$1" --json | sys json "$2"
}

@test "mounts of one node are on the same page frames, and mounts of different nodes are not" {
    four_layers
    mounts numa=replicate 1 2 3 4
    eventually 30 use_one_file 0 1 2
    eventually 30 use_one_file 1 3 4
    use_two_files 1 3
    equal "$(status_at 2 numa.home_node)" 0
    equal "$(status_at 4 numa.home_node)" 1
    hold 0 1
    hold 0 2
    hold 1 3
    hold 1 4
    share "$(file 1)" "$(file 2)"
    share "$(file 3)" "$(file 4)"
    refuses share "$(file 2)" "$(file 3)"
    equal "$(sys frames "$(file 1)" "$(file 3)")" different
    equal "$(frames_of 1 2 3 4)" 148
    let_go
}

@test "with numa=off, which is the default, nodes make no difference" {
    four_layers
    mounts sharing=file 1 2
    mounts numa=off 3 4
    eventually 30 use_one_file 0 1 2
    eventually 30 use_one_file 1 3 4
    use_one_file 1 1 4
    equal "$(frames_of 1 2 3 4)" 74
    equal "$(status_at 1 numa.policy)" off
    equal "$(status_at 3 numa.nodes)" none
    contains "$(samepage status "$STACK/mount1" | grep ^numa)" off
}

@test "three mounts on two nodes hold two copies" {
    four_layers
    mounts numa=replicate 1 3 4
    read_on 0 1
    eventually 30 use_one_file 1 3 4
    eventually 30 use_two_files 1 3
    hold 0 1
    hold 1 3
    hold 1 4
    equal "$(frames_of 1 3 4)" 148
    let_go
}

@test "a content that is in one place alone is copied for no node" {
    four_layers
    rm "$STACK"/layer[2-4]/usr/file?
    mounts numa=replicate 1
    mkdir "$STACK/again"
    mount_samepage "lowerdir=layer1,numa=replicate" "$STACK/again"
    read_on 0 1
    on_cpu 1 cmp "$STACK/again/usr/file1" "$STACK/content"
    # the places that are gone are forgotten
    alone() {
        read_on 0 1 && on_cpu 1 cmp "$STACK/again/usr/file1" "$STACK/content" && share "$(file 1)" "$STACK/again/usr/file1"
    }
    eventually 30 alone
    equal "$(samepage status "$STACK/again" --json | sys json numa.home_node)" 1
}

@test "a mount whose processes move uses the other node's pages at the next opens, and what is open keeps its own" {
    four_layers
    mounts numa=replicate 1 2 3 4
    eventually 30 use_one_file 0 1 2
    eventually 30 use_one_file 1 3 4
    hold 0 1
    hold 0 2
    moved() {
        local n files=()
        for ((n = 0; n < 64; n++)); do
            files+=("$(file 1)")
        done
        on_cpu 1 cat "${files[@]}" >/dev/null
        equal "$(status_at 1 numa.home_node)" 1
    }
    eventually 30 moved
    [[ $(status_at 1 numa.home_node_changes) == 1 ]]
    contains "$(samepage status "$STACK/mount1" | grep ^numa)" "replicate, nodes 0 1, home node 1, changed 1 times"
    share "$(file 1)" "$(file 2)"
    let_go
    eventually 30 use_one_file 1 1 3
    hold 1 1
    hold 1 3
    share "$(file 1)" "$(file 3)"
    refuses share "$(file 1)" "$(file 2)"
    let_go
}

@test "where the place of a node goes, another takes over, and nobody sees an error" {
    four_layers
    mounts numa=replicate 1 2 3 4
    eventually 30 use_one_file 0 1 2
    eventually 30 use_one_file 1 3 4
    local first other
    first=$(used_by 1) other=$(used_by 3)
    # Its own layer has it no more, and one more copy is left.
    local n=${first: -1} m
    if ((n == 1)); then m=2; else m=1; fi
    [[ $n == [12] ]] || m=1
    rm "$first"
    moves_on() {
        read_on 0 "$m" && differ "$(used_by "$m")" "$first"
    }
    eventually 30 moves_on
    read_on 1 3
    equal "$(used_by 3)" "$other"
    differ "$(used_by "$m")" "$other"
}

@test "ranges of files that are alike in part come from the node's own copy, too" {
    sharing_stack
    has_two_cpus || skip "needs the CPUs 0 and 1"
    describe 0 1
    head -c 1048576 /dev/urandom >"$STACK/base"
    { head -c 8192 /dev/urandom; cat "$STACK/base"; } >"$STACK/alike"
    for n in 1 2; do
        mkdir -p "$STACK/layer$n/data" "$STACK/mount$n"
        cp "$STACK/base" "$STACK/layer$n/data/base"
        cp "$STACK/alike" "$STACK/layer$n/data/alike"
    done
    mounts sharing=page,page_min=64K,numa=replicate 1 2
    base_used_by() { # N: the layer that range is read from
        samepage pages "$STACK/mount$1/data/alike" --json | sys json extents.1.file.layer
    }
    in_part() { # CPU N
        on_cpu "$1" cmp "$STACK/mount$2/data/base" "$STACK/base"
        on_cpu "$1" cmp "$STACK/mount$2/data/alike" "$STACK/alike"
        base_used_by "$2" | grep -q layer
    }
    # the base comes first, so that the pages are its own
    base_known() {
        on_cpu "$1" cmp "$STACK/mount$2/data/base" "$STACK/base"
        (($(status_at "$2" files_hashed) > 0))
    }
    eventually 30 base_known 0 1
    apart() {
        in_part 0 1 && in_part 1 2 && differ "$(base_used_by 1)" "$(base_used_by 2)"
    }
    eventually 30 apart
}

@test "on a host with one node numa=replicate does nothing, and says so" {
    four_layers
    rm -r "$STACK/nodes"
    describe "$CPUS" "" # the second one is memory alone
    mounts numa=replicate 1 2
    eventually 30 use_one_file 0 1 2
    use_one_file 1 1 2
    share "$(file 1)" "$(file 2)"
    logged "numa=replicate does nothing: this host has one NUMA node"
    contains "$(samepage status "$STACK/mount1" | grep ^numa)" "there is one node, 0"
    equal "$(status_at 1 numa.home_node)" 0
    contains "$(samepage doctor | grep '^ok *numa')" "one node with CPUs"
}

@test "doctor tells how many nodes there are, and what is wrong with their description" {
    sharing_stack
    describe 0 1 2-3,8
    contains "$(samepage doctor | grep '^ok *numa')" "3 nodes with CPUs"
    describe 0 0
    contains "$(samepage doctor | grep '^advice *numa')" "CPU 0 on nodes"
}

@test "a value that there is not, and nodes that cannot be read, are refused with a line" {
    sharing_stack
    mkdir -p "$MNT"
    refused "numa=maybe is unknown: use numa=off|replicate" -o lowerdir=low1,numa=maybe "$MNT"
    refused "numa needs a value" -o lowerdir=low1,numa "$MNT"
    export SAMEPAGE_NUMA_NODES=$STACK/missing
    refused "SAMEPAGE_NUMA_NODES" -o lowerdir=low1,numa=replicate "$MNT"
    describe 0 1-
    refused "node1/cpulist" -o lowerdir=low1,numa=replicate "$MNT"
    # who does not ask for it does not read them
    mount_overlay -o numa=off
    umount_overlay
    mount_overlay -o numa=replicate,sharing=off
    logged "numa=replicate is ignored: with sharing=off"
}
