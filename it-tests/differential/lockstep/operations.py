"""What each operation does, in one process on one side, and what it returns to be compared.

An operation is a dict: "op" names a function here, the rest are its arguments. It must do the same wherever it runs, so it names
everything itself: paths from the root of the tree, descriptors and mappings by slot, data by a seed. A path may begin with `@N/`:
relative to the directory open in slot N.
"""

import errno
import fcntl
import functools
import json
import os
import random
import shutil
import struct
import subprocess
import traceback

from oracle import syscalls, trees

OPERATIONS = {}
LOCK_LAYOUT = "hhqqi4x"
F_OFD_GETLK, F_OFD_SETLK = 36, 37
# What ext4 reports beside the flags that users set says how it stores the file, which is none of an overlay's business.
SHOWN_INODE_FLAGS = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x10000  # SYNC IMMUTABLE APPEND NODUMP NOATIME DIRSYNC


class NoSlot(Exception):
    """The slot is empty, as happens once a trace is being shrunk."""


def operation(function):
    """Register the function as the operation of its name (a trailing underscore keeps it apart from a Python name)."""
    OPERATIONS[function.__name__.rstrip("_")] = function
    return function


def perform(actor, op):
    """Do it; returns what is compared: {"ok": value} or {"err": name}. An operation with "watch" also tells whether the inode number
    of its subject was the same after as before."""
    arguments = {name: value for name, value in op.items() if name not in ("op", "by", "watch")}
    before = _inode(actor, op) if op.get("watch") else None
    try:
        result = {"ok": OPERATIONS[op["op"]](actor, **arguments)}
    except OSError as failure:
        result = {"err": errno.errorcode.get(failure.errno, str(failure.errno))}
    except NoSlot:
        result = {"err": "no slot"}
    except Exception:  # noqa: BLE001 told to the driver, which stops
        return {"bug": traceback.format_exc()}
    after = _inode(actor, op) if before is not None else None
    if after is not None:
        result["inode kept"] = after == before
    return result


def _inode(actor, op):
    try:
        if "path" in op:
            return os.stat(actor.path(op["path"])).st_ino
        return os.fstat(actor.fd(op["slot"])).st_ino
    except (OSError, NoSlot):
        return None


def data(fill, length):
    return random.Random(fill).randbytes(length)


def flags_of(names, prefix="O_"):
    value = 0
    for name in names:
        value |= getattr(os, prefix + name)
    return value


def by_a_child(function):
    """Have a child process do it. Closing a file takes the record locks of the process that closes it, and what only one side is
    asked must change nothing there."""

    @functools.wraps(function)
    def asked(actor, *arguments, **named):
        receiving, sending = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(sending, json.dumps(_outcome(function, actor, *arguments, **named)).encode("ascii"))
            finally:
                os._exit(0)
        os.close(sending)
        with open(receiving, "rb") as answer:
            said = answer.read()
        os.waitpid(child, 0)
        result = json.loads(said)
        if "errno" in result:
            raise NoSlot if result["errno"] is None else OSError(result["errno"], os.strerror(result["errno"]))
        return result["ok"]

    return asked


def _outcome(function, actor, *arguments, **named):
    try:
        return {"ok": function(actor, *arguments, **named)}
    except OSError as failure:
        return {"errno": failure.errno}
    except NoSlot:
        return {"errno": None}


# --- opening and closing


@operation
def open_(actor, path, flags, mode=0o644, slot=0):
    """O_NONBLOCK always, lest a fifo without a peer stop the test."""
    fd = os.open(actor.path(path), flags_of(flags) | os.O_NONBLOCK, mode)
    actor.put(slot, fd)
    return actor.describe(os.fstat(fd))


@operation
def tmpfile(actor, path, flags, mode=0o644, slot=0):
    fd = os.open(actor.path(path), flags_of(flags) | os.O_TMPFILE, mode)
    actor.put(slot, fd)
    return actor.describe(os.fstat(fd))


@operation
def reopen(actor, slot, flags, new):
    fd = os.open(f"/proc/self/fd/{actor.fd(slot)}", flags_of(flags) | os.O_NONBLOCK)
    actor.put(new, fd)
    return actor.describe(os.fstat(fd))


@operation
def close(actor, slot):
    os.close(actor.take(slot))


# --- data


def shown(content):
    """Bytes as they are recorded: short ones whole, long ones by length and digest."""
    if len(content) <= 32:
        return content.hex()
    return f"{len(content)} bytes, digest {trees.hashlib.sha256(content).hexdigest()[:16]}"


@operation
def pread(actor, slot, offset, length):
    return shown(os.pread(actor.fd(slot), length, offset))


@operation
def read(actor, slot, length):
    fd = actor.fd(slot)
    content = os.read(fd, length)
    return [shown(content), os.lseek(fd, 0, os.SEEK_CUR)]


@operation
def pwrite(actor, slot, offset, length, fill):
    return os.pwrite(actor.fd(slot), data(fill, length), offset)


@operation
def write(actor, slot, length, fill):
    fd = actor.fd(slot)
    return [os.write(fd, data(fill, length)), os.lseek(fd, 0, os.SEEK_CUR)]


@operation
def write_by_hand(actor, slot, offset, length, fill):
    """Through a descriptor of its own, without O_DIRECT. What has been appended is not appended again."""
    wanted = data(fill, length)
    fd = os.open(f"/proc/self/fd/{actor.fd(slot)}", os.O_RDWR)
    try:
        if fcntl.fcntl(actor.fd(slot), fcntl.F_GETFL) & os.O_APPEND:
            offset = os.fstat(fd).st_size
            if length <= offset and os.pread(fd, length, offset - length) == wanted:
                offset -= length
        return os.pwrite(fd, wanted, offset)
    finally:
        os.close(fd)


@operation
def direct_read(actor, slot, offset, length):
    with actor.aligned(length) as buffer:
        count = os.preadv(actor.fd(slot), [buffer], offset)
        return shown(bytes(buffer[:count]))


@operation
def direct_write(actor, slot, offset, length, fill):
    with actor.aligned(length) as buffer:
        buffer[:] = data(fill, length)
        return os.pwritev(actor.fd(slot), [buffer], offset)


@operation
def read_file(actor, path):
    fd = os.open(actor.path(path), os.O_RDONLY | os.O_NONBLOCK)
    try:
        return shown(os.pread(fd, 1 << 22, 0))
    finally:
        os.close(fd)


@operation
@by_a_child
def surplus(actor, path):
    """How many bytes more can be read of a file than its size tells."""
    fd = os.open(actor.path(path), os.O_RDONLY | os.O_NONBLOCK)
    try:
        return len(os.pread(fd, 1 << 22, 0)) - os.fstat(fd).st_size
    finally:
        os.close(fd)


@operation
def write_file(actor, path, offset, length, fill, flags=("CREAT",), mode=0o644):
    fd = os.open(actor.path(path), flags_of(flags) | os.O_WRONLY | os.O_NONBLOCK, mode)
    try:
        return os.pwrite(fd, data(fill, length), offset)
    finally:
        os.close(fd)


@operation
def install_program(actor, path):
    shutil.copyfile("/bin/true", actor.path(path))
    os.chmod(actor.path(path), 0o755)


@operation
def execute(actor, path):
    """Run it; returns its exit code."""
    return subprocess.run([actor.path(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


@operation
def truncate(actor, path, length):
    os.truncate(actor.path(path), length)


@operation
def ftruncate(actor, slot, length):
    os.ftruncate(actor.fd(slot), length)


@operation
def fallocate(actor, slot, modes, offset, length):
    mode = sum(syscalls.FALLOC_FLAGS[name] for name in modes)
    fd = actor.fd(slot)
    syscalls.fallocate(fd, mode, offset, length)
    return os.fstat(fd).st_size


@operation
def copy_range(actor, source, source_offset, target, target_offset, length):
    return os.copy_file_range(actor.fd(source), actor.fd(target), length, source_offset, target_offset)


@operation
def copy_by_hand(actor, source, source_offset, target, target_offset, length):
    """Like copy_range, as a program does it where that cannot: through descriptors of its own, without O_DIRECT."""
    inward = os.open(f"/proc/self/fd/{actor.fd(source)}", os.O_RDONLY)
    outward = os.open(f"/proc/self/fd/{actor.fd(target)}", os.O_WRONLY)
    try:
        return os.pwrite(outward, os.pread(inward, length, source_offset), target_offset)
    finally:
        os.close(inward)
        os.close(outward)


@operation
def copy_through(actor, source, source_offset, target, target_offset, length):
    """Like copy_range, by a read and a write of the descriptors themselves."""
    return os.pwrite(actor.fd(target), os.pread(actor.fd(source), length, source_offset), target_offset)


@operation
def is_direct(actor, slot):
    return bool(fcntl.fcntl(actor.fd(slot), fcntl.F_GETFL) & os.O_DIRECT)


@operation
def sendfile(actor, source, offset, target, length):
    if os.path.sameopenfile(actor.fd(source), actor.fd(target)):
        return "one file"
    return os.sendfile(actor.fd(target), actor.fd(source), offset, length)


@operation
def clone(actor, source, target):
    fcntl.ioctl(actor.fd(target), syscalls.FICLONE, actor.fd(source))


@operation
def seek(actor, slot, offset, whence):
    return os.lseek(actor.fd(slot), offset, getattr(os, "SEEK_" + whence))


@operation
@by_a_child
def are_zeros(actor, slot, start, end=None):
    """Whether that part of a file, or all from there on, reads as zeros."""
    fd = os.open(f"/proc/self/fd/{actor.fd(slot)}", os.O_RDONLY | os.O_NONBLOCK)
    try:
        end = os.fstat(fd).st_size if end is None else end
        return not any(os.pread(fd, max(0, end - start), start))
    finally:
        os.close(fd)


@operation
def fsync(actor, slot):
    os.fsync(actor.fd(slot))


@operation
def fdatasync(actor, slot):
    os.fdatasync(actor.fd(slot))


@operation
def fsyncdir(actor, path):
    fd = os.open(actor.path(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@operation
def syncfs(actor, slot):
    syscalls.syncfs(actor.fd(slot))


# --- mappings


@operation
def map_(actor, slot, area, shared, writable, offset, length):
    protection = syscalls.PROT_READ | (syscalls.PROT_WRITE if writable else 0)
    fd = actor.fd(slot)
    actor.put_area(area, syscalls.Mapping(fd, shared, protection, offset, length), slot)


@operation
def map_read(actor, area, offset, length):
    mapping = actor.area(area)
    if offset >= mapping.length:
        raise NoSlot
    return shown(mapping.read(offset, min(length, mapping.length - offset)))


@operation
def map_write(actor, area, offset, length, fill):
    mapping = actor.area(area)
    if offset >= mapping.length:
        raise NoSlot
    end = min(mapping.length, actor.size_of_source(area) - mapping.offset)
    actor.wrote(area)
    mapping.fault_anew()
    return mapping.write(offset, data(fill, max(0, min(length, end - offset))))


@operation
def map_source(actor, area, offset, length):
    """What a mapping of a descriptor that only reads would show of the file if it were made now; "no slot" where nobody can tell.
    EBADF if the descriptor could write: such a mapping shows the file."""
    mapping = actor.area(area)
    return shown(os.pread(actor.source(area), min(length, mapping.length - offset), mapping.offset + offset))


@operation
def map_inside(actor, area, offset, length):
    """What it does show, as far as the file goes: what a mapping holds after the end is nobody's."""
    mapping = actor.area(area)
    rest = os.fstat(actor.source(area)).st_size - mapping.offset - offset
    return shown(mapping.read(offset, max(0, min(length, mapping.length - offset, rest))))


@operation
def write_areas_back(actor):
    actor.write_areas_back()


@operation
def mapped(actor):
    """The inode numbers of what the process has mapped."""
    return sorted(actor.mapped())


@operation
def inode(actor, slot):
    return os.fstat(actor.fd(slot)).st_ino


@operation
def msync(actor, area, how):
    actor.area(area).sync({"ASYNC": syscalls.MS_ASYNC, "SYNC": syscalls.MS_SYNC, "INVALIDATE": syscalls.MS_INVALIDATE}[how])


@operation
def unmap(actor, area):
    actor.take_area(area).close()


# --- names


@operation
def mkdir(actor, path, mode=0o755):
    os.mkdir(actor.path(path), mode)


@operation
def rmdir(actor, path):
    os.rmdir(actor.path(path))


@operation
def unlink(actor, path):
    os.unlink(actor.path(path))


@operation
def mknod(actor, path, kind, mode=0o644, major=0, minor=0):
    form = {name: bits for bits, name in trees.KINDS.items()}[kind]
    os.mknod(actor.path(path), form | mode, os.makedev(major, minor))


@operation
def symlink(actor, path, target):
    os.symlink(target, actor.path(path))


@operation
def link(actor, path, new, follow=False):
    syscalls.link(actor.path(path), actor.path(new), follow)


@operation
def link_descriptor(actor, slot, new):
    """Give a name to what is open, as a program does with its O_TMPFILE."""
    syscalls.link(f"/proc/self/fd/{actor.fd(slot)}", actor.path(new), follow=True)


@operation
def rename(actor, path, new, flags=()):
    syscalls.rename(actor.path(path), actor.path(new), sum(syscalls.RENAME_FLAGS[name] for name in flags))


@operation
def readlink(actor, path):
    return os.readlink(actor.path(path))


@operation
def readdir(actor, path, room=32768):
    """All entries, through a buffer of that size: names with their types, each as often as it came."""
    fd = os.open(actor.path(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        return sorted([name, kind] for name, kind, _ in _entries(fd, room))
    finally:
        os.close(fd)


def _entries(fd, room):
    while batch := syscalls.directory_entries(fd, room):
        for name, inode, kind in batch:
            yield name, kind, inode


@operation
def unfindable(actor, path):
    """The names that are listed and that nobody can find."""
    root = actor.path(path)
    return sorted(name for name in os.listdir(root) if not os.path.lexists(os.path.join(root, name)))


@operation
def readdir_inodes(actor, path):
    """The names whose d_ino is not their st_ino. A mount point and its parent are other file systems' business."""
    root = actor.path(path)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return sorted(name for name, _, inode in _entries(fd, 32768)
                      if name != ".." and os.lstat(os.path.join(root, name)).st_ino != inode)
    finally:
        os.close(fd)


@operation
def readdir_amid_changes(actor, path, make, remove):
    """Read half, change the directory, read on. POSIX leaves open whether what changed is seen, and nothing else: so the answer
    is what was lost of the names that stood throughout, and what came twice."""
    root = actor.path(path)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        seen = [name for name, _, _ in syscalls.directory_entries(fd, 280)]
        before = set(os.listdir(root))
        outcome = []
        for name in remove:
            outcome.append(perform(actor, {"op": "unlink", "path": os.path.join(path, name)}))
        for name in make:
            outcome.append(perform(actor, {"op": "write_file", "path": os.path.join(path, name), "offset": 0, "length": 3, "fill": 1}))
        seen += [name for name, _, _ in _entries(fd, 280)]
        stable = before & set(os.listdir(root)) - set(remove) - set(make)
        lost = sorted(stable - set(seen))
        twice = sorted({name for name in stable if seen.count(name) > 1})
        os.lseek(fd, 0, os.SEEK_SET)
        again = sorted(name for name, _, _ in _entries(fd, 280))
        return [outcome, lost, twice, again]
    finally:
        os.close(fd)


# --- attributes


@operation
def stat_(actor, path, follow=True):
    return actor.describe(os.stat(actor.path(path), follow_symlinks=follow))


@operation
def fstat(actor, slot):
    return actor.describe(os.fstat(actor.fd(slot)))


@operation
def statx(actor, path):
    """The fields that stat lacks. The birth time is a clock's; that there is one is what counts."""
    found = syscalls.statx(actor.path(path), follow=False)
    born = bool(found.mask & syscalls.STATX_BTIME)
    return {"basic": found.mask & syscalls.STATX_BASIC_STATS, "birth": born and found.birth > 0}


@operation
def access(actor, path, mode):
    return os.access(actor.path(path), mode)


@operation
def statvfs(actor, path):
    return os.statvfs(actor.path(path)).f_namemax


@operation
def chmod(actor, mode, path=None, slot=None):
    os.chmod(actor.subject(path, slot), mode)


@operation
def chown(actor, uid, gid, path=None, slot=None, follow=False):
    if path is None:
        os.fchown(actor.fd(slot), uid, gid)
    else:
        os.chown(actor.path(path), uid, gid, follow_symlinks=follow)


@operation
def utimens(actor, atime, mtime, path=None, slot=None):
    """Nanoseconds, or None for now. Returns both as they read back."""
    if atime is None and mtime is None:
        os.utime(actor.subject(path, slot), **_nofollow(path))
    else:
        os.utime(actor.subject(path, slot), ns=(atime, mtime), **_nofollow(path))
    status = os.stat(actor.subject(path, slot), **_nofollow(path))
    return [actor.clock.told(status.st_atime_ns), actor.clock.told(status.st_mtime_ns)]


def _nofollow(path):
    return {} if path is None else {"follow_symlinks": False}


@operation
def settle(actor):
    """Give every file of a new layer an old time of its own, so that a copy-up that forgets times shows."""
    for path, full, status in reversed(list(trees.walk(actor.root))):
        if isinstance(status, OSError):
            continue
        number = random.Random(path.encode("utf-8", "surrogateescape")).randrange(10**9)
        os.utime(full, ns=(number * 10**9 + 7, (number + 5) * 10**9 + number), follow_symlinks=False)


@operation
def setxattr(actor, name, value, path=None, slot=None, flags=()):
    os.setxattr(actor.subject(path, slot), name, bytes.fromhex(value), flags_of(flags, "XATTR_"), **_nofollow(path))


@operation
def getxattr(actor, name, path=None, slot=None):
    return os.getxattr(actor.subject(path, slot), name, **_nofollow(path)).hex()


@operation
def listxattr(actor, path=None, slot=None):
    return sorted(os.listxattr(actor.subject(path, slot), **_nofollow(path)))


@operation
def removexattr(actor, name, path=None, slot=None):
    os.removexattr(actor.subject(path, slot), name, **_nofollow(path))


@operation
def get_flags(actor, slot):
    raw = fcntl.ioctl(actor.fd(slot), syscalls.FS_IOC_GETFLAGS, b"\0" * 8)
    return hex(struct.unpack_from("<I", raw)[0] & SHOWN_INODE_FLAGS)


@operation
@by_a_child
def protected(actor, path=None, slot=None):
    """Whether it may not be changed, or only grow."""
    if path is None:
        fd = os.open(f"/proc/self/fd/{actor.fd(slot)}", os.O_RDONLY | os.O_NONBLOCK)
    else:
        fd = os.open(actor.path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        raw = fcntl.ioctl(fd, syscalls.FS_IOC_GETFLAGS, b"\0" * 8)
    finally:
        os.close(fd)
    return bool(struct.unpack_from("<I", raw)[0] & 0x30)


@operation
def set_flags(actor, slot, flags):
    """Change the flags that users set; the others must be handed back as they are."""
    fd = actor.fd(slot)
    raw = fcntl.ioctl(fd, syscalls.FS_IOC_GETFLAGS, b"\0" * 8)
    kept = struct.unpack_from("<I", raw)[0] & ~SHOWN_INODE_FLAGS
    fcntl.ioctl(fd, syscalls.FS_IOC_SETFLAGS, struct.pack("<Q", kept | flags))


# --- locks; never blocking, since both sides go on only together


@operation
def flock(actor, slot, how, wait=False):
    fcntl.flock(actor.fd(slot), getattr(fcntl, "LOCK_" + how) | (0 if wait else fcntl.LOCK_NB))


@operation
def set_lock(actor, slot, kind, start, length, open_file=False, wait=False):
    command = (F_OFD_SETLK if open_file else fcntl.F_SETLK) + wait  # F_SETLKW and F_OFD_SETLKW come next
    fcntl.fcntl(actor.fd(slot), command, struct.pack(LOCK_LAYOUT, getattr(fcntl, "F_" + kind), os.SEEK_SET, start, length, 0))


@operation
def get_lock(actor, slot, kind, start, length, open_file=False):
    command = F_OFD_GETLK if open_file else fcntl.F_GETLK
    asked = struct.pack(LOCK_LAYOUT, getattr(fcntl, "F_" + kind), os.SEEK_SET, start, length, 0)
    found, whence, start, length, pid = struct.unpack(LOCK_LAYOUT, fcntl.fcntl(actor.fd(slot), command, asked))
    if found == fcntl.F_UNLCK:
        return "free"
    return [found, whence, start, length, actor.who(pid)]


# --- the process itself, and the whole tree


@operation
def umask(actor, mask):
    os.umask(mask)


@operation
def close_all(actor):
    actor.close_all()


@operation
def listing(actor):
    """Path to type of everything, for the generator of operations."""
    return {path: trees.kind_of(status.st_mode) for path, _, status in trees.walk(actor.root) if isinstance(status, os.stat_result)}


@operation
def snapshot(actor):
    return trees.merged(actor.root, actor.clock)


@operation
def inodes(actor):
    return trees.inodes(actor.root)
