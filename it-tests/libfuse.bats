#!/usr/bin/env bats
# The transport through libfuse 2, and when it is taken; whatever the suite runs under.

load lib/harness
load lib/command

stack_of_user() {
    needs_program fusermount3
    own_stack
    file "$L/f" lower
    file "$L2/d/g" below
    mkdir "$STACK/state"
    mknod "$STACK/fuse" c 10 229
    chmod 666 "$STACK/fuse"
    chown -R 1000:1000 "$STACK"/{low1,low2,up,work,mnt,state}
}

# Runs a script as a user who is not root, in a mount namespace where all may open /dev/fuse, as on most machines. The setuid
# program fusermount mounts and unmounts for such a user. What the script says is in $STACK/state/said.
as_user() { # SCRIPT
    SAMEPAGE=$(readlink -f "$SAMEPAGE")
    cat >"$STACK/script" <<EOF
cd $STACK
export SAMEPAGE_RUN_DIR=$STACK/state
samepage() { timeout -k 1 20 $SAMEPAGE "\$@"; }
trap 'samepage umount mnt || fusermount3 -u -z mnt' EXIT
set -e
$1
EOF
    # shellcheck disable=SC2016 # it is for the other shell
    STACK=$STACK timeout -k 1 50 unshare -m --propagation private bash -c '
        mount --bind "$STACK/fuse" /dev/fuse
        exec setpriv --reuid 1000 --regid 1000 --clear-groups bash "$STACK/script" >"$STACK/state/said" 2>&1
    ' </dev/null 3>&- 4>&- || {
        local status=$?
        cat "$STACK/state/said"
        return "$status"
    }
}

@test "a user who is not root mounts through libfuse, and the log says why" {
    stack_of_user
    as_user "
        samepage mount -o lowerdir=$LOWERDIR,upperdir=up,workdir=work,userxattr mnt
        [[ \$(cat mnt/f mnt/d/g) == lowerbelow ]]
        echo new >mnt/d/new
        rm mnt/f
        mv mnt/d/g mnt/g
        chmod 600 mnt/g
        [[ ! -e mnt/f && \$(cat mnt/g) == below ]]
        samepage status mnt | grep 'libfuse, FUSE 7'"
    content "$U/d/new" $'new\n'
    content "$U/g" below
    log=$(cat "$STACK"/state/*.log)
    contains "$log" "mounted through libfuse, since otherwise"
    contains "$log" EPERM
    contains "$log" unmounted
}

@test "transport=kernel does not give way to libfuse" {
    stack_of_user
    refuses as_user "samepage mount -o lowerdir=$LOWERDIR,transport=kernel mnt"
    contains "$(cat "$STACK/state/said")" "mounting is not permitted (EPERM)"
}

@test "where allow_other is not allowed the line says what to do" {
    if grep -qs '^user_allow_other' /etc/fuse.conf; then skip "here it is allowed"; fi
    stack_of_user
    refuses as_user "samepage mount -o lowerdir=$LOWERDIR,transport=libfuse,allow_other mnt"
    contains "$(cat "$STACK/state/said")" "user_allow_other"
    contains "$(cat "$STACK/state/said")" "or leave allow_other out"
}

@test "without the library there is one line, which names the package" {
    own_stack
    file "$L/f" lower
    library=$(readlink -f "$(ldconfig -p | awk '/libfuse.so.2 / { print $NF; exit }')")
    [[ -e $library ]] || skip "it is not installed"
    # shellcheck disable=SC2016
    said=$(cd "$STACK" && SAMEPAGE=$(readlink -f "$SAMEPAGE") LIBRARY=$library timeout -k 1 30 unshare -m --propagation private bash -c '
        mount --bind /dev/null "$LIBRARY"
        "$SAMEPAGE" mount -o "lowerdir=$LOWERDIR,transport=libfuse" mnt' 2>&1 </dev/null 3>&- 4>&-) && return 1
    equal "$(wc -l <<<"$said")" 1
    contains "$said" libfuse2
    refuses is_mounted "$MNT"
}

@test "doctor says whether the library is there" {
    contains "$(samepage doctor)" libfuse
}

@test "the kernel transport loads nothing of libfuse or jnr-fuse" {
    [[ $SAMEPAGE_UNDER != samepage-libfuse ]] || skip "this is the libfuse transport"
    [[ $SAMEPAGE_UNDER != kernel ]] || skip "this has no daemon"
    own_stack
    file "$L/f" lower
    SAMEPAGE_JAVA_OPTS="-Xlog:class+load:file=$STACK/classes" mount_overlay
    cat "$M/f" >/dev/null
    umount_overlay
    [[ -s $STACK/classes ]]
    refuses grep -E 'ru\.serce|io\.samepage\.fuse\.libfuse' "$STACK/classes"
}
