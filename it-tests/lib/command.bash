# shellcheck shell=bash
#
# For the tests of the command samepage itself, which the kernel has no equivalent of.

# samepage ARGUMENTS... : the command, with a time limit and without bats' descriptors
samepage() {
    timeout -k 1 30 "$SAMEPAGE" "$@" 3>&- 4>&- </dev/null
}

# refused WORD -o OPTIONS TARGET
#
# The mount must fail with one line on stderr that contains WORD (the path or the
# option that is wrong), nothing on stdout, nothing mounted, and the stack as it was.
refused() {
    local word=$1 status=0 before after
    shift
    before=$(everything_in_the_stack)
    (cd "$STACK" && samepage mount "$@") >"$TEST_DIR/stdout" 2>"$TEST_DIR/stderr" || status=$?
    echo "stderr: $(cat "$TEST_DIR/stderr")"
    differ "$status" 0
    differ "$status" 124
    content "$TEST_DIR/stdout" ""
    equal "$(wc -l <"$TEST_DIR/stderr")" 1
    equal "$(head -c 10 "$TEST_DIR/stderr")" "samepage: "
    contains "$(cat "$TEST_DIR/stderr")" "$word"
    refuses grep -q " ${*: -1} .*fuse" /proc/self/mountinfo
    after=$(everything_in_the_stack)
    equal "$after" "$before"
}

everything_in_the_stack() {
    # trying what an upper file system can do may leave a directory's time changed
    find "$STACK" -xdev ! -path '*/lower.before*' \( -type d -printf '%P %y %m %U\n' -o -printf '%P %y %m %U %s %T@\n' \) | sort
}

# The value of a key in the JSON status of the current mount.
status_of() { # KEY
    samepage status "$MNT" --json | sys json "$1"
}
