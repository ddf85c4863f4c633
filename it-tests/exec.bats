#!/usr/bin/env bats
# Programs that are run from the mount.

load lib/harness

fixture() {
    file "$L/script" $'#!/bin/sh\necho "script $1"\n' 755
    cp /bin/true "$L/elf"
    cp /bin/sleep "$L/sleeper"
    file "$L/nox" $'#!/bin/sh\necho no\n' 644
    mkdir -p "$L/usr/bin"
    cp /bin/echo "$L/usr/bin/echo"
}

setup_file() {
    share_overlay
}

@test "a lower script is run" {
    equal "$(./script one)" "script one"
    absent "$U/script"
}

@test "a lower program is run" {
    ./elf
    equal "$(usr/bin/echo text)" text
    absent "$U/elf"
}

@test "a new program is run at once" {
    cp /bin/echo new
    equal "$(./new text)" text
    printf '#!/bin/sh\necho new script\n' >script2
    chmod +x script2
    equal "$(./script2)" "new script"
}

@test "a program that was changed is run changed" {
    equal "$(./script one)" "script one"
    sed -i s/script/changed/ script
    equal "$(./script one)" "changed one"
    printf '#!/bin/sh\necho again\n' >script
    equal "$(./script)" again
}

@test "a program without the execute bit is refused, and gets it" {
    run ./nox
    equal "$status" 126
    chmod +x nox
    equal "$(./nox)" no
    chmod -x nox
    run ./nox
    equal "$status" 126
}

@test "a program is run after rename, link and remount" {
    mv elf moved
    ./moved
    ln script linked
    equal "$(./linked one)" "script one"
    remount_overlay
    ./moved
    equal "$(./linked one)" "script one"
}

@test "a running program can be replaced and removed" {
    ./sleeper 20 &
    running=$!
    eventually 30 grep -q sleeper "/proc/$running/maps"
    cp /bin/true other
    mv other sleeper
    ./sleeper
    rm sleeper
    kill -0 "$running"
    kill "$running"
    wait "$running" || true
}

@test "a program that is being written is not run: ETXTBSY" {
    sys open w elf rdwr , is "Text file busy" sh "./elf 2>&1 | grep -o 'Text file busy'"
    ./elf
}

@test "a running program can be written, or that is refused, but it is not disturbed" {
    # the kernel's overlayfs refuses it for an upper file and copies a lower one up
    ./sleeper 20 &
    running=$!
    eventually 30 grep -q sleeper "/proc/$running/maps"
    printf x >>sleeper || true
    kill -0 "$running"
    kill "$running"
    wait "$running" || true
}

@test "with noexec nothing is run" {
    own_stack
    file "$L/script" $'#!/bin/sh\necho ran\n' 755
    mount_overlay -o noexec
    run "$M/script"
    equal "$status" 126
}

@test "a shared library is loaded from the mount" {
    library=$(ldd /bin/ls | awk '/libc\.so/ {print $3}')
    cp "$library" lib.so
    LD_PRELOAD=$M/lib.so ./elf
}

@test "a program's path is seen as it was called" {
    ./sleeper 20 &
    running=$!
    eventually 30 grep -q sleeper "/proc/$running/maps"
    equal "$(readlink "/proc/$running/exe")" "$M/sleeper"
    kill "$running"
    wait "$running" || true
}
