#!/usr/bin/env bats
# What an administrator is told of sharing, held against the page frame numbers: pages, verify, status, metrics.

load lib/harness
load lib/sharing

indexed() { # [-o OPTIONS]
    alike low2/usr/third
    mount_indexed "$@"
}

pages_of() { # FILE KEY
    samepage pages "$1" --json | sys json "$2"
}

# Asks once for several keys; each answer is a line.
extent_of() { # FILE KEY...
    local file=$1 key
    shift
    samepage pages "$file" --json >"$TEST_DIR/pages"
    for key; do
        sys json "extents.0.$key" <"$TEST_DIR/pages"
    done
}

@test "pages names the stable file of a file that shares, and the file's own where it does not" {
    indexed
    stable=$(pages_of "$M/usr/deep/other" extents.0.file.path)
    for name in usr/one usr/deep/other usr/third; do
        state=SHARED layer=$L2
        [[ $stable != "$name" ]] || state=OWN
        [[ $stable != usr/one ]] || layer=$L
        equal "$(extent_of "$M/$name" state file.layer file.path file.inode file.size pages)" \
            "$(printf '%s\n' $state "$layer" "$stable" "$(stat -c %i "$layer/$stable")" 300000 74)"
    done
    equal "$(extent_of "$M/usr/unlike" state file.layer file.path)" "$(printf '%s\n' OWN "$L2" usr/unlike)"
    text=$(samepage pages "$M/usr/unlike")
    contains "$text" "0-73 "
    contains "$text" "$L2: usr/unlike (300000 bytes)"
    equal "$(pages_of "$M/empty" extents)" ""
}

@test "pages counts those who use the same pages, in all mounts" {
    indexed
    exec {one}<"$M/usr/one" {other}<"$M/usr/deep/other"
    equal "$(pages_of "$M/usr/one" extents.0.shared_with)" 1
    equal "$(pages_of "$M/usr/third" open)" false
    equal "$(pages_of "$M/usr/third" extents.0.shared_with)" 2
    mkdir "$STACK/second"
    mount_samepage "lowerdir=$L2,sharing=file" "$STACK/second"
    eventually 30 share "$M/usr/one" "$STACK/second/usr/third"
    exec {third}<"$STACK/second/usr/third"
    equal "$(pages_of "$M/usr/one" extents.0.shared_with)" 2
    equal "$(pages_of "$STACK/second/usr/third" extents.0.shared_with)" 2
    exec {third}<&-
    equal "$(pages_of "$M/usr/one" extents.0.shared_with)" 1
    exec {one}<&- {other}<&-
    umount "$STACK/second"
}

@test "pages of a file that is written are private" {
    indexed
    exec {reader}<"$M/usr/one"
    printf x >>"$M/usr/deep/other"
    equal "$(extent_of "$M/usr/deep/other" state file.layer file.path shared_with)" \
        "$(printf '%s\n' PRIVATE "$U" usr/deep/other 0)"
    exec {reader}<&-
}

@test "pages finds a file by any name, also through a bind mount, and one that was removed" {
    indexed
    expected=$(extent_of "$M/usr/third" state file.path)
    mkdir "$STACK/bound"
    mount --bind "$M/usr" "$STACK/bound"
    ln -s "$STACK/bound/third" "$STACK/link"
    equal "$(extent_of "$STACK/link" state file.path)" "$expected"
    umount "$STACK/bound"
    exec {held}<"$M/usr/third"
    rm "$M/usr/third"
    equal "$(pages_of "/proc/$BASHPID/fd/$held" extents.0.pages)" 74
    exec {held}<&-
}

# refused_with CODE WORD COMMAND... : one line on stderr, with the word in it
refused_with() {
    local code=$1 word=$2 status=0
    shift 2
    "$@" >"$TEST_DIR/stdout" 2>"$TEST_DIR/stderr" || status=$?
    cat "$TEST_DIR/stderr"
    equal "$status" "$code"
    content "$TEST_DIR/stdout" ""
    equal "$(wc -l <"$TEST_DIR/stderr")" 1
    contains "$(cat "$TEST_DIR/stderr")" "$word"
}

@test "pages of what is on no mount, not there, or no file is refused with a line" {
    own_stack
    file "$L/f" f
    mkdir "$L/d"
    mount_overlay
    refused_with 11 "not on a mount of samepage" samepage pages "$L/f"
    refused_with 11 "ENOENT" samepage pages "$M/missing"
    refused_with 2 "no regular file" samepage pages "$M/d"
    equal "$(pages_of "$M/f" extents.0.state)" OWN
    kill -9 "$(daemon_of "$M")"
    refused_with 13 "whose daemon does not answer" samepage pages "$M/f"
}

verify_of() { # KEY TARGET... [OPTION...]
    local key=$1
    shift
    samepage verify --json "$@" | sys json "$key"
}

@test "verify counts the frames that files share" {
    indexed
    # 3 equal files and one unlike of 74 pages, 2 equal ones of 3
    samepage verify --json "$M" >"$TEST_DIR/verified"
    for expected in files=6 pages=302 frames=151 files_sharing=3 bytes_saved=$((151 * 4096)) files_empty=1; do
        equal "$expected" "${expected%=*}=$(sys json "${expected%=*}" <"$TEST_DIR/verified")"
    done
    equal "$(verify_of frames "$M/usr/one" "$M/usr/third")" 74
    contains "$(samepage verify "$M")" "302 pages mapped on 151 page frames: 151 pages (604.0 KiB, 50.0 %) saved; 3 files share"
    samepage verify --files "$M/usr" >"$TEST_DIR/files"
    equal "$(awk '$4 ~ /one$|other$|third$/ { print $1 }' "$TEST_DIR/files" | sort -u | wc -l)" 1
}

@test "verify finds nothing shared where nothing is" {
    alike low2/usr/third
    mount_overlay -o sharing=off
    equal "$(verify_of frames "$M")" 302
    equal "$(verify_of pages_saved "$M")" 0
    equal "$(verify_of files_sharing "$L" "$L2")" 0
    # one and the same file by two ways
    equal "$(verify_of pages_saved "$L" "$L")" 77
}

@test "verify sees that only the file that was written has left" {
    indexed
    equal "$(verify_of pages_saved "$M/usr/one" "$M/usr/deep/other" "$M/usr/third")" 148
    printf x | dd of="$M/usr/deep/other" conv=notrunc status=none
    equal "$(verify_of pages_saved "$M/usr/one" "$M/usr/deep/other" "$M/usr/third")" 74
    share "$M/usr/one" "$M/usr/third"
    refuses share "$M/usr/one" "$M/usr/deep/other"
}

@test "verify over two mounts of two daemons" {
    indexed
    mkdir "$STACK/second"
    mount_samepage "lowerdir=$L2,sharing=file" "$STACK/second"
    eventually 30 share "$M/usr/one" "$STACK/second/usr/third"
    equal "$(verify_of frames "$M" "$STACK/second")" 151
    umount "$STACK/second"
}

@test "verify --resident reads nothing" {
    indexed
    own=$L2/usr/unlike
    # what is dirty stays in memory
    dd of="$own" oflag=nocache conv=notrunc,fdatasync count=0 status=none
    equal "$(verify_of pages_absent "$own" --resident)" 74
    equal "$(verify_of pages "$own" --resident)" 0
    equal "$(verify_of pages "$own")" 74
    eventually 30 is_resident_once_read "$own"
}

# Another test may drop the caches between the two.
is_resident_once_read() { # FILE
    cat "$1" >/dev/null
    equal "$(verify_of pages "$1" --resident)" 74
}

@test "verify without the right says what is lacking" {
    own_stack
    file "$L/f" f
    chmod 755 "$TEST_DIR" "$L"
    refused_with 15 CAP_SYS_ADMIN setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$SAMEPAGE" verify "$L"
    refused_with 15 "initial user namespace" unshare -U -r "$SAMEPAGE" verify "$L"
    refused_with 4 ENOENT samepage verify "$L/missing"
}

@test "verify keeps to one file system, and skips what is special" {
    own_stack
    file "$L/f" f
    mkfifo "$L/fifo"
    ln "$L/f" "$L/f2"
    mkdir "$L/t"
    mount -t tmpfs none "$L/t"
    file "$L/t/g" g
    equal "$(verify_of files "$L")" 1
    equal "$(verify_of files_special "$L")" 1
    umount "$L/t"
}

total_of() { # KEY
    samepage status --json | sys json "total.$1"
}

ksm_counters() {
    samepage status "$MNT" --json >"$TEST_DIR/status"
    echo "$(sys json pages_shared <"$TEST_DIR/status") $(sys json pages_sharing <"$TEST_DIR/status")" \
        "$(sys json pages_unshared <"$TEST_DIR/status")"
}

@test "status counts pages as KSM does" {
    indexed
    equal "$(ksm_counters)" "0 0 0"
    exec {one}<"$M/usr/one"
    equal "$(ksm_counters)" "0 0 74"
    exec {other}<"$M/usr/deep/other" {third}<"$M/usr/third" {unlike}<"$M/usr/unlike"
    equal "$(ksm_counters)" "74 148 74"
    # as the frames have it
    equal "$(verify_of pages_saved "$M/usr")" 148
    equal "$(status_of general_profit)" $((148 * 4096 - $(status_of bookkeeping_bytes)))
    breaks=$(status_of breaks)
    copy_ups=$(status_of copy_ups)
    printf x >>"$M/usr/third"
    equal "$(status_of breaks)" $((breaks + 1))
    [[ $(status_of copy_ups) -gt $copy_ups ]]
    # the descriptor that was open before still has the old pages
    equal "$(status_of pages_sharing)" 148
    exec {third}<&-
    eventually 30 equal_status pages_sharing 74
    exec {one}<&- {other}<&- {unlike}<&-
    eventually 30 equal_status pages_unshared 0
}

equal_status() { # KEY VALUE
    [[ $(status_of "$1") == "$2" ]]
}

@test "status in all counts what two mounts share once" {
    export SAMEPAGE_RUN_DIR=$TEST_DIR/state # those of other tests come and go meanwhile
    indexed
    before=$(total_of pages_sharing)
    copies=$(total_of copy_ups)
    mkdir "$STACK/second"
    mount_samepage "lowerdir=$L2,sharing=file" "$STACK/second"
    eventually 30 share "$M/usr/one" "$STACK/second/usr/third"
    exec {one}<"$M/usr/one" {third}<"$STACK/second/usr/third"
    equal "$(status_of pages_sharing)" 0
    equal "$(total_of pages_sharing)" $((before + 74))
    touch "$M/usr/one"
    [[ $(total_of copy_ups) -gt $copies ]]
    exec {one}<&- {third}<&-
    umount "$STACK/second"
}

# scrape ADDRESS : what Prometheus would get
scrape() {
    /usr/bin/python3 -IS - "$1" <<'END'
import http.client, socket, sys
address = sys.argv[1]
if address.startswith("unix:"):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(address[5:])
else:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port))
connection.request("GET", "/metrics")
response = connection.getresponse()
if response.status != 200:
    sys.exit("status %d" % response.status)
sys.stdout.write(response.read().decode())
END
}

metric() { # NAME FILE
    awk -v name="$1{" 'index($0, name) == 1 { print $NF }' "$2"
}

@test "metrics at a socket say what status says" {
    indexed -o "metrics=unix:$TEST_DIR/metrics"
    equal "$(stat -c %a "$TEST_DIR/metrics")" 600
    exec {one}<"$M/usr/one" {other}<"$M/usr/deep/other"
    touch "$M/usr/third"
    scrape "unix:$TEST_DIR/metrics" >"$TEST_DIR/scraped"
    samepage status "$MNT" --json >"$TEST_DIR/status"
    for name in pages_shared pages_sharing general_profit handles; do
        equal "$name $(metric samepage_$name "$TEST_DIR/scraped")" "$name $(sys json $name <"$TEST_DIR/status").0"
    done
    equal "$(metric samepage_copy_ups_total "$TEST_DIR/scraped")" "$(sys json copy_ups <"$TEST_DIR/status").0"
    contains "$(cat "$TEST_DIR/scraped")" "# TYPE samepage_breaks_total counter"
    contains "$(cat "$TEST_DIR/scraped")" "target=\"$MNT\""
    exec {one}<&- {other}<&-
    umount_overlay
    absent "$TEST_DIR/metrics"
}

free_port() {
    /usr/bin/python3 -IS -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

@test "metrics at a port, for this host alone" {
    own_stack
    file "$L/f" f
    port=$(free_port)
    mount_overlay -o "metrics=127.0.0.1:$port"
    contains "$(scrape "127.0.0.1:$port")" "samepage_inodes{"
    equal "$(ss -Hltn "sport = :$port" | awk '{ print $4 }' | sed 's/.*ffff:\(.*\)\]/\1/;s/^\[*//')" "127.0.0.1:$port"
    mkdir "$STACK/second"
    refused "metrics=127.0.0.1:$port" -o "lowerdir=$L,metrics=127.0.0.1:$port" "$STACK/second"
}

@test "metrics for other hosts are refused, and without the option there are none" {
    own_stack
    file "$L/f" f
    refused "127.0.0.1:PORT" -o "lowerdir=$L,metrics=0.0.0.0:9400" "$M"
    refused "full path" -o "lowerdir=$L,metrics=unix:metrics" "$M"
    mount_overlay
    pid=$(daemon_of "$M")
    lacks "$(cat "/proc/$pid/task/"*/comm)" metrics
    lacks "$(ss -Hltnp)" "pid=$pid,"
    equal "$(ss -Hlxp | grep -c "pid=$pid,")" 1
}
