#!/usr/bin/env bats
# scripts/samepage and scripts/mount.samepage, with a stand-in for the Java program: what they pass on, what they answer, and what
# stays behind. No mount is made.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a process of its own, and sets $status and $output
# shellcheck disable=SC2016,SC2094,SC2164

bats_require_minimum_version 1.5.0

setup_file() {
    local java
    java=$(readlink -f "$(type -P javac)")
    export JDK=${JAVA_HOME:-${java%/bin/javac}}
    export HOME_OF_STAND_IN=$BATS_FILE_TMPDIR/home
    mkdir -p "$HOME_OF_STAND_IN/lib" "$BATS_FILE_TMPDIR/source"
    cp "$BATS_TEST_DIRNAME/StandIn.java" "$BATS_FILE_TMPDIR/source/Main.java"
    "$JDK/bin/javac" -d "$BATS_FILE_TMPDIR/classes" "$BATS_FILE_TMPDIR/source/Main.java"
    "$JDK/bin/jar" cf "$HOME_OF_STAND_IN/lib/main.jar" -C "$BATS_FILE_TMPDIR/classes" .
}

setup() {
    scripts=$BATS_TEST_DIRNAME/../../scripts
    export SAMEPAGE_HOME=$HOME_OF_STAND_IN SAMEPAGE_JAVA='' JAVA_HOME=$JDK
    report=$BATS_TEST_TMPDIR/report
    play mount
    cd "$BATS_TEST_TMPDIR"
}

teardown() {
    local pid
    pid=$(value pid 2>/dev/null)
    if [[ -n $pid ]] && grep -qz io.samepage.daemon.Main "/proc/$pid/cmdline" 2>/dev/null; then
        kill -9 "$pid"
    fi
}

play() { # WHAT THE STAND-IN DOES
    export SAMEPAGE_JAVA_OPTS="-Dplay=$1 -Dreport=$report"
}

value() { # KEY OF THE STAND-IN'S REPORT
    sed -n "s/^$1=//p" "$report"
}

@test "mount goes into the background and returns when the daemon is ready" {
    run -0 --separate-stderr timeout 20 "$scripts/samepage" mount -o lowerdir=/a:/b /target
    [[ $output == '' ]]
    [[ $stderr == 'samepage: a word before the mount stands' ]]
    [[ $(value arguments) == 'mount|-o|lowerdir=/a:/b|/target' ]]
    [[ $(value detached) == true ]]
    [[ -d /proc/$(value pid) ]]
}

@test "the daemon is in a session of its own" {
    "$scripts/samepage" mount -o x /target 2>/dev/null
    [[ $(ps -o sid= -p "$(value pid)") -eq $(value pid) ]]
}

@test "the daemon holds none of the caller's descriptors" {
    : >held
    "$scripts/samepage" mount -o x /target <held 5<held 6>>held 200<held >>held 2>>held
    [[ -d /proc/$(value pid) ]]
    run ! grep -F "$PWD/held" "$report"
    # not even now that the launcher has ended
    run ! sh -c "readlink /proc/$(value pid)/fd/* | grep -F '$PWD/held'"
}

@test "a caller that reads a pipe to its end does not wait for the daemon" {
    SECONDS=0
    timeout 20 "$scripts/samepage" mount -o x /target 2>&1 | cat >/dev/null
    ((SECONDS < 10))
    [[ -d /proc/$(value pid) ]]
}

@test "closed stdin, stdout and stderr do no harm" {
    "$scripts/samepage" mount -o x /target <&- >&- 2>&-
    [[ $(value detached) == true ]]
}

@test "the form of container engines is a mount" {
    "$scripts/samepage" -o lowerdir=/a,,volatile /target
    [[ $(value arguments) == '-o|lowerdir=/a,,volatile|/target' ]]
    [[ $(value detached) == true ]]
}

@test "an option value that looks like -f does not keep it in the foreground" {
    run -0 timeout 20 "$scripts/samepage" mount -o -f /target
    [[ $(value detached) == true ]]
}

@test "the working directory is kept for relative paths" {
    mkdir 'a directory'
    cd 'a directory'
    "$scripts/samepage" mount -o lowerdir=a target
    [[ $(value cwd) == "$PWD" ]]
}

@test "words with spaces, quotes and backslashes arrive as they are" {
    "$scripts/samepage" mount -o 'lowerdir=/a b\,c:/d"e'\''$HOME*' '/tar get'
    [[ $(value arguments) == 'mount|-o|lowerdir=/a b\,c:/d"e'\''$HOME*|/tar get' ]]
}

@test "a refusal is one line and the daemon's exit code" {
    play refuse
    run -5 --separate-stderr "$scripts/samepage" mount -o x /target
    [[ $output == '' ]]
    [[ $stderr == 'samepage: /nowhere: no such directory' ]]
}

@test "a JVM that dies is told, with what it said" {
    play die
    run -70 "$scripts/samepage" mount -o x /target
    [[ ${lines[0]} == 'samepage: the Java virtual machine ended with status 9 before the mount stood'* ]]
    [[ $output == *'noise of a JVM'* ]]
}

@test "a JVM that does not start is told" {
    SAMEPAGE_JAVA_OPTS=-Xmx1k run -70 "$scripts/samepage" mount -o x /target
    [[ $output == *'ended with status 1'*'maximum heap size'* ]]
}

@test "an interrupted start leaves no process" {
    play hang
    "$scripts/samepage" mount -o x /target &
    local launcher=$! n
    for ((n = 0; n < 100; n++)); do
        [[ ! -s $report ]] || break
        sleep 0.1
    done
    kill -TERM "$launcher"
    n=0
    wait "$launcher" || n=$?
    ((n == 143))
    for ((n = 0; n < 50; n++)); do
        [[ -d /proc/$(value pid) ]] || break
        sleep 0.1
    done
    [[ ! -d /proc/$(value pid) ]]
}

@test "mount -f is the JVM itself, in the foreground" {
    play answer
    run -3 --separate-stderr "$scripts/samepage" mount -f -o x /target
    [[ $output == $'noise of a JVM\nan answer' ]]
    [[ $(value detached) == null ]]
}

@test "other commands are the JVM itself" {
    play answer
    local command
    for command in umount status doctor --help --version 'mount --help' help ''; do
        # shellcheck disable=SC2086 # words
        run -3 "$scripts/samepage" $command
        [[ $(value detached) == null ]]
        [[ $(value arguments) == "${command// /|}" ]]
    done
}

@test "it is found through symbolic links and PATH" {
    play answer
    ln -s "$scripts/samepage" "$BATS_TEST_TMPDIR/link"
    ln -s link another
    run -3 ./another status
    PATH=$BATS_TEST_TMPDIR:$PATH run -3 another status
    run -3 "$scripts/../scripts/samepage" status
    cd "$scripts"
    run -3 ./samepage status
    run -3 bash samepage status
}

@test "without a build it says what to run" {
    SAMEPAGE_HOME=/nowhere run -69 "$scripts/samepage" status
    [[ ${#lines[@]} == 1 && $output == 'samepage: not built:'*quickstart* ]]
}

@test "a Java that is too old is refused by name" {
    mkdir -p old/bin
    printf '#!/bin/sh\nexit 1\n' >old/bin/java
    chmod +x old/bin/java
    echo 'JAVA_VERSION="11.0.22"' >old/release
    SAMEPAGE_JAVA=$PWD/old/bin/java run -69 "$scripts/samepage" status
    [[ ${#lines[@]} == 1 && $output == *'is Java 11.0.22; samepage needs 17 or newer' ]]
    echo 'JAVA_VERSION="1.8.0_402"' >old/release
    SAMEPAGE_JAVA=$PWD/old/bin/java run -69 "$scripts/samepage" status
    [[ $output == *'is Java 1.8.0_402;'* ]]
}

@test "a Java that is too old is passed over for a newer one" {
    mkdir -p old/bin
    printf '#!/bin/sh\nexit 1\n' >old/bin/java
    chmod +x old/bin/java
    echo 'JAVA_VERSION="11.0.22"' >old/release
    play answer
    JAVA_HOME=$PWD/old PATH=$JDK/bin:$PATH run -3 "$scripts/samepage" status
}

@test "SAMEPAGE_JAVA that is none is refused" {
    SAMEPAGE_JAVA=/nowhere/java run -69 "$scripts/samepage" status
    [[ ${#lines[@]} == 1 && $output == *'SAMEPAGE_JAVA=/nowhere/java'* ]]
}

@test "every JDK of this machine runs it" {
    local java
    play answer
    for java in /usr/lib/jvm/*/bin/java; do
        grep -qE '^JAVA_VERSION="(1[7-9]|[2-9][0-9])' "${java%/bin/java}/release" || continue
        SAMEPAGE_JAVA=$java run -3 "$scripts/samepage" status
        [[ $output == $'noise of a JVM\nan answer' ]]
    done
}

@test "mount.samepage: source and target, as mount(8) calls it" {
    "$scripts/mount.samepage" source /target -o rw,lowerdir=/a:/b -t fuse.samepage
    [[ $(value arguments) == 'mount|-o|rw,lowerdir=/a:/b,fsname=source|/target' ]]
    [[ $(value detached) == true ]]
}

@test "mount.samepage: flags without a value" {
    "$scripts/mount.samepage" source /target -n -s -v -sv -o lowerdir=/a
    [[ $(value arguments) == 'mount|-o|lowerdir=/a,fsname=source|/target' ]]
}

@test "mount.samepage: -f only pretends" {
    "$scripts/mount.samepage" source /target -f -o lowerdir=/a
    [[ ! -e $report ]]
}

@test "mount.samepage: a given fsname stays, a comma in the source is escaped" {
    "$scripts/mount.samepage" source /target -o lowerdir=/a,fsname=mine
    [[ $(value arguments) == 'mount|-o|lowerdir=/a,fsname=mine|/target' ]]
    kill -9 "$(value pid)"
    "$scripts/mount.samepage" 'a,b' /target -o lowerdir=/a
    [[ $(value arguments) == 'mount|-o|lowerdir=/a,fsname=a\,b|/target' ]]
}

@test "mount.samepage: what is meant for mount(8) alone is left out" {
    "$scripts/mount.samepage" s /target -o 'defaults,lowerdir=/a\,nofail:/b,nofail,_netdev,user=me,x-systemd.automount,noauto,volatile'
    [[ $(value arguments) == 'mount|-o|lowerdir=/a\,nofail:/b,volatile,fsname=s|/target' ]]
}

@test "mount.samepage: exit codes are those of mount(8)" {
    run -1 "$scripts/mount.samepage" source
    run -1 "$scripts/mount.samepage" source /target extra
    run -1 "$scripts/mount.samepage" source /target --what
    run -1 "$scripts/mount.samepage" source /target -o
    play refuse
    run -32 "$scripts/mount.samepage" source /target -o lowerdir=/a
    [[ $output == 'samepage: /nowhere: no such directory' ]]
    play die
    run -2 "$scripts/mount.samepage" source /target -o lowerdir=/a
}

@test "the launcher takes the form of mount.fuse3" {
    "$scripts/samepage" overlay /target -o lowerdir=/a
    [[ $(value arguments) == 'mount|-o|lowerdir=/a,fsname=overlay|/target' ]]
    [[ $(value detached) == true ]]
}
