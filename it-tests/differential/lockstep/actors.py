"""The processes that perform operations on one side: root, another root process, and an ordinary user.

They live apart from the driver, so that a call that hangs, or a signal that kills, is a result like any other.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import pickle
import select
import signal
import socket
import struct

from oracle import syscalls, trees

from . import operations

OPERATION_SECONDS = 20
USER, GROUP, OTHER_GROUP = 1000, 1000, 1001
ROLES = ("root", "peer", "user")


class Hung(Exception):
    """An operation did not return in time."""


class _Channel:
    """Whole pickled messages over a socket."""

    def __init__(self, end):
        self._end = end

    def send(self, message):
        raw = pickle.dumps(message)
        self._end.sendall(struct.pack("<I", len(raw)) + raw)

    def receive(self):
        length, = struct.unpack("<I", self._exactly(4))
        return pickle.loads(self._exactly(length))

    def _exactly(self, count):
        parts = b""
        while len(parts) < count:
            part = self._end.recv(count - len(parts))
            if not part:
                raise EOFError
            parts += part
        return parts

    def ready(self, seconds):
        return bool(select.select([self._end], [], [], seconds)[0])

    def close(self):
        self._end.close()


class Actor:
    """The inside of such a process: the tree's root, open descriptors and mappings by slot."""

    def __init__(self, root, clock, pids):
        self.root = root
        self.clock = clock
        self._pids = pids
        self._slots = {}
        self._areas = {}
        self._sources = {}

    def path(self, path):
        if path.startswith("@"):
            slot, _, rest = path[1:].partition("/")
            return f"/proc/self/fd/{self.fd(int(slot))}/{rest}"
        return os.path.join(self.root, path) if path else self.root

    def fd(self, slot):
        try:
            return self._slots[slot]
        except KeyError:
            raise operations.NoSlot from None

    def subject(self, path, slot):
        return self.fd(slot) if path is None else self.path(path)

    def put(self, slot, fd):
        if slot in self._slots:
            os.close(self._slots[slot])
        self._slots[slot] = fd

    def take(self, slot):
        fd = self.fd(slot)
        del self._slots[slot]
        return fd

    def area(self, area):
        try:
            return self._areas[area]
        except KeyError:
            raise operations.NoSlot from None

    def put_area(self, area, mapping, slot):
        if area in self._areas:
            self._areas[area].close()
        self._areas[area] = mapping
        fd = self._slots[slot]
        self._sources[area] = (slot, fd, os.fstat(fd).st_ino, fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE)

    def write_areas_back(self):
        for mapping in self._areas.values():
            mapping.sync(syscalls.MS_SYNC)

    def wrote(self, area):
        """From now on a private mapping shows what nobody else has."""
        slot, _, inode, access = self._sources[area]
        self._sources[area] = (slot, None, inode, access)

    def size_of_source(self, area):
        """As far as it can be known."""
        slot, fd, inode, _ = self._sources[area]
        if fd is None or self._slots.get(slot) != fd:
            return 1 << 62
        status = os.fstat(fd)
        return status.st_size if status.st_ino == inode else 1 << 62

    def source(self, area):
        """The descriptor that an area was mapped from, as long as it is open and only reads."""
        slot, fd, inode, access = self._sources[area]
        if access != os.O_RDONLY:
            raise OSError(errno.EBADF, "it could write")
        if fd is None or self._slots.get(slot) != fd or os.fstat(fd).st_ino != inode:
            raise operations.NoSlot
        return fd

    def mapped(self):
        """The inode numbers of what is mapped."""
        return {self._sources[area][2] for area in self._areas}

    def take_area(self, area):
        mapping = self.area(area)
        del self._areas[area]
        return mapping

    def close_all(self):
        while self._areas:
            self._areas.popitem()[1].close()
        while self._slots:
            os.close(self._slots.popitem()[1])

    def describe(self, status):
        return trees.described(status, self.clock)

    def who(self, pid):
        """A lock's owner by role: process numbers differ from side to side."""
        return self._pids.index(pid) if pid in self._pids else ("nobody" if pid <= 0 else "a stranger")

    @contextlib.contextmanager
    def aligned(self, length):
        buffer = mmap.mmap(-1, max(length, 1))
        view = memoryview(buffer)[:length]
        try:
            yield view
        finally:
            view.release()
            buffer.close()


class Process:
    """The driver's handle of one actor process. `perform` is how it does operations in the tree that is under test."""

    def __init__(self, role, perform):
        self.role = role
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(role, theirs, perform)
        theirs.close()
        self._channel = _Channel(ours)

    def attach(self, root, clock, pids, under_test):
        self._channel.send((root, clock, pids, under_test))

    def start(self, op):
        self._channel.send(op)

    def result(self):
        if not self._channel.ready(OPERATION_SECONDS):
            raise Hung
        try:
            return self._channel.receive()
        except (EOFError, ConnectionError):
            _, status = os.waitpid(self.pid, 0)
            self.pid = None
            return {"err": f"the process died: {os.waitstatus_to_exitcode(status)}"}

    def perform(self, op):
        self.start(op)
        return self.result()

    def end(self):
        """Close the channel, which ends the process; kill it if a call holds it."""
        self._channel.close()
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = None


def _serve(role, end, perform):
    """Never returns."""
    try:
        syscalls.die_with_parent()
        keep = end.fileno()
        os.closerange(3, keep)
        os.closerange(keep + 1, 4096)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        channel = _Channel(end)
        if role == "user":
            os.setgroups([GROUP, OTHER_GROUP])
            os.setresgid(GROUP, GROUP, GROUP)
            os.setresuid(USER, USER, USER)
            syscalls.become_readable()
            syscalls.die_with_parent()  # a change of uid has cleared it
        os.umask(0o022)
        actor = None
        while True:
            try:
                message = channel.receive()
            except (EOFError, ConnectionError):
                os._exit(0)
            if isinstance(message, tuple):
                *tree, under_test = message
                actor = Actor(*tree)
            else:
                channel.send((perform if under_test else operations.perform)(actor, message))
    except BaseException:  # noqa: BLE001 the process has no caller to tell but its stderr
        import traceback

        traceback.print_exc()
        os._exit(99)
