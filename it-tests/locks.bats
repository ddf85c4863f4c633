#!/usr/bin/env bats
# flock, fcntl and open-file-description locks.

load lib/harness

fixture() {
    file "$L/f" "lower text"
    file "$L/g" "other"
    truncate -s 1M "$L/large"
}

setup_file() {
    share_overlay
}

# hold OPERATIONS... : another process does them, with all its locks then held
# until let_go
hold() {
    sys "$@" , touch "$TEST_DIR/held" , await "$TEST_DIR/go" &
    holder=$!
    sys await "$TEST_DIR/held"
}

let_go() {
    touch "$TEST_DIR/go"
    wait "$holder"
    rm "$TEST_DIR/held" "$TEST_DIR/go"
}

# Releases the holder a moment after the caller has begun to wait.
let_go_soon() {
    (sleep 0.3 && touch "$TEST_DIR/go") &
}

@test "an exclusive flock keeps others out" {
    hold open a f rdonly , flock a ex
    sys open b f rdonly , fails EAGAIN flock b ex nb , fails EAGAIN flock b sh nb
    sys open g g rdonly , flock g ex nb
    let_go
    sys open b f rdonly , flock b ex nb
}

@test "a shared flock lets readers in" {
    hold open a f rdonly , flock a sh
    sys open b f rdonly , flock b sh nb , fails EAGAIN flock b ex nb
    let_go
}

@test "flocks belong to open files, not to processes" {
    sys open a f rdonly , open b f rdwr , flock a ex , fails EAGAIN flock b ex nb , dup c a , close a , fails EAGAIN flock b ex nb \
        , close c , flock b ex nb , flock b un , open d f rdonly , flock d sh nb
}

# The kernel does not wait for the answer to RELEASE. Many at once, so that the
# one who works on it may have to wait for a processor.
@test "a file that has been closed holds no lock, however busy it is" {
    mkdir many
    /usr/bin/python3 -IS - many <<'END'
import fcntl, os, sys

def take_turns(path):
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for kind in fcntl.flock, fcntl.lockf:
        for _ in range(1500):
            first, second = (os.open(path, os.O_RDWR) for _ in range(2))
            kind(first, fcntl.LOCK_EX)
            os.close(first)
            kind(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(second)

children = []
for i in range(6):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            take_turns(f"{sys.argv[1]}/{i}")
            status = 0
        except OSError as e:
            print(f"{i}: {e}", file=sys.stderr)
        finally:
            os._exit(status)
    children.append(child)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
END
}

@test "a flock changes between shared and exclusive" {
    sys open a f rdonly , open b f rdonly , flock a ex , flock a sh , flock b sh nb , fails EAGAIN flock a ex nb , flock b un , flock a ex nb
}

@test "a blocked flock gets the lock when it is free" {
    hold open a f rdonly , flock a ex
    let_go_soon
    sys open b f rdonly , flock b ex
    wait "$holder"
}

@test "a blocked flock is interrupted by a signal" {
    hold open a f rdonly , flock a ex
    sys open b f rdonly , alarm 0.3 , fails EINTR flock b ex
    let_go
    sys open b f rdonly , flock b ex nb
}

@test "a process that is killed while it waits for a lock gets none" {
    hold open a f rdwr , lock a wr
    sys open b f rdwr , lock b wr 0 0 wait &
    waiter=$!
    sleep 0.3
    kill -9 "$waiter"
    wait "$waiter" || true
    let_go
    sys open c f rdwr , lock c wr
}

@test "a process that dies loses its locks" {
    hold open a f rdwr , lock a wr , flock a ex
    child=$(ps -o pid= --ppid "$holder" || true)
    # shellcheck disable=SC2086
    kill -9 ${child:-$holder} 2>/dev/null || kill -9 "$holder"
    wait "$holder" || true
    sys open b f rdwr , flock b ex , lock b wr 0 0 wait
}

@test "an fcntl lock on a range keeps others out of it" {
    hold open a f rdwr , lock a wr 10 10
    sys open b f rdwr , fails EAGAIN lock b wr 0 0 , fails EAGAIN lock b rd 19 1 , lock b wr 0 10 , lock b wr 20 0 \
        , is "wr 10 10" getlk b rd 0 0 , is un getlk b wr 0 10
    let_go
}

@test "fcntl read locks are shared and tell their holder" {
    hold open a f rdonly , lock a rd 0 100
    sys open b f rdwr , lock b rd 50 10 , fails EAGAIN lock b wr 50 10 , is "rd 0 100" getlk b wr 0 0
    equal "$(sys open b f rdwr , getlkpid b wr)" "$(pgrep -P "$holder" -f 'sys.py' | head -1 || echo "$holder")"
    let_go
}

@test "fcntl locks are split and joined" {
    hold open a f rdwr , lock a wr 0 100 , lock a un 40 20
    sys open b f rdwr , lock b wr 40 20 , fails EAGAIN lock b wr 39 1 , fails EAGAIN lock b wr 60 1 , is "wr 60 40" getlk b wr 60 0
    let_go
}

@test "a process's own fcntl locks do not stand in its way, and go with any close" {
    hold open a f rdwr , open b f rdwr , lock a wr , lock b wr , close b
    # POSIX: closing any descriptor of the file gives up all locks on it
    sys open c f rdwr , lock c wr
    let_go
}

@test "a blocked fcntl lock gets it when it is free" {
    hold open a f rdwr , lock a wr 0 10
    let_go_soon
    sys open b f rdwr , lock b wr 5 1 wait
    wait "$holder"
}

@test "a blocked fcntl lock is interrupted by a signal" {
    hold open a f rdwr , lock a wr
    sys open b f rdwr , alarm 0.3 , fails EINTR lock b wr 0 0 wait
    let_go
}

@test "a deadlock of fcntl locks is noticed" {
    hold open a f rdwr , lock a wr 0 1 , touch "$TEST_DIR/held" , await "$TEST_DIR/two" , lock a wr 1 1 wait
    sys open b f rdwr , lock b wr 1 1 , touch "$TEST_DIR/two" , sleep 0.4 , fails EDEADLK lock b wr 0 1 wait , touch "$TEST_DIR/go"
    wait "$holder"
}

@test "fcntl locks want a descriptor that may do it" {
    sys open r f rdonly , fails EBADF lock r wr , lock r rd , open w f wronly , fails EBADF lock w rd , lock w wr
}

@test "open-file-description locks belong to the open file" {
    sys open a f rdwr , open b f rdwr , ofd a wr 0 10 , fails EAGAIN ofd b wr 5 1 , ofd b wr 10 5 , ofd a un , ofd b wr 0 5 \
        , fails EAGAIN lock a wr 0 1
}

@test "an open-file-description lock goes with its open file" {
    sys open a f rdwr , ofd a wr 10 20 , close a , open b f rdwr , is un getlk b wr
}

@test "a record lock that was set by one name of a file goes with a close by another" {
    ln f second
    hold open a f rdwr , lock a wr , open b second rdwr , close b
    sys open c f rdwr , is un getlk c wr , close c , open c second rdwr , is un getlk c wr
    let_go
}

@test "a blocked open-file-description lock gets it when it is free, or is interrupted" {
    hold open a f rdwr , ofd a wr
    sys open b f rdwr , alarm 0.3 , fails EINTR ofd b wr 0 0 wait
    let_go_soon
    sys open b f rdwr , ofd b wr 0 0 wait
    wait "$holder"
}

@test "flock and fcntl locks do not see each other" {
    hold open a f rdwr , flock a ex
    sys open b f rdwr , lock b wr
    let_go
}

@test "locks on a new file, by two names of it" {
    touch new
    ln new new2
    hold open a new rdwr , lock a wr , flock a ex
    sys open b new2 rdwr , fails EAGAIN lock b wr , fails EAGAIN flock b ex nb
    let_go
}

@test "a flock taken before the copy-up holds after it" {
    hold open a f rdonly , flock a ex
    echo changed >f
    sys open b f rdonly , fails EAGAIN flock b ex nb , open c f rdwr , fails EAGAIN flock c sh nb
    let_go
    sys open b f rdwr , flock b ex nb
}

@test "locks hold when the descriptor that was open before the copy-up has been closed and forgotten" {
    hold open r large rdonly , open a large rdwr , flock a ex , close r , lock a wr 0 5
    local round
    for round in 1 2 3; do
        echo 2 >/proc/sys/vm/drop_caches
        sys open b large rdwr , fails EAGAIN flock b ex nb , fails EAGAIN lock b wr 0 1
    done
    let_go
    sys open b large rdwr , flock b ex nb , lock b wr 0 1
}

@test "an fcntl lock taken before the copy-up holds after it" {
    hold open a f rdonly , lock a rd 0 5
    sys open b f rdwr , pwrite b 0 X , fails EAGAIN lock b wr 0 1 , lock b wr 5 1 , is "rd 0 5" getlk b wr 0 1
    let_go
    sys open b f rdwr , lock b wr
}

@test "a lock on a directory and on a read-only file" {
    mkdir d
    hold open a d rdonly , flock a ex
    sys open b d rdonly , fails EAGAIN flock b sh nb
    let_go
}

@test "a lock survives rename and unlink" {
    hold open a f rdwr , lock a wr , rename f moved
    sys open b moved rdwr , fails EAGAIN lock b wr
    let_go
}

@test "sqlite-like use: byte range locks far beyond the end" {
    hold open a f rdwr , lock a rd 1073741826 510
    sys open b f rdwr , lock b rd 1073741826 510 , lock b wr 1073741825 1 , fails EAGAIN lock b wr 1073741826 510
    let_go
}
