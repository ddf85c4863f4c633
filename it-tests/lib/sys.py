#!/usr/bin/python3 -IS
"""System calls that shell tools do not offer, for the bats tests.

    sys.py OP ARGS... [, OP ARGS...]...

One process runs a sequence of operations, separated by a lone comma, on
descriptors that have names, so that a test can hold files open across what
other operations, or other commands (the operation `sh`), do:

    sys.py open r f rdonly , sh "chmod 600 f" , is 600 fstat r mode

An operation that fails prints its errno's name and ends the sequence with
status 1. Prefixes say what a test expects:

    fails ERRNO OP...    the operation must fail, with this errno
    is VALUE OP...       what the operation prints must be VALUE
    isnt VALUE OP...     ... must not be VALUE
    soon PREFIX ...      ... within ten seconds; it is tried again until then

In arguments, {NAME} stands for the number of the descriptor NAME. Data are
written with Python's escapes (\\n, \\x00), or as COUNT*CHARACTER; what is read
is printed the same way. File names are bytes and pass through unchanged.
"""

# The suite starts this some thousand times: what takes long to import (re,
# hashlib, subprocess, ...) is imported where it is needed.
import errno
import fcntl
import mmap
import os
import stat
import struct
import sys
import time



class Lazy:
    """Loaded at its first use: most operations need no ctypes."""

    def __init__(self, name, load):
        self.name, self.load = name, load

    def __getattr__(self, attribute):
        globals()[self.name] = self.load()
        return getattr(globals()[self.name], attribute)


def load_libc():
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


ctypes = Lazy("ctypes", lambda: __import__("ctypes"))
libc = Lazy("libc", load_libc)
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_SYMLINK_FOLLOW = 0x400

descriptors = {}
mappings = {}
operations = {}


class Failed(Exception):
    """An expectation that was not met, or wrong usage."""


def op(function):
    operations[function.__name__.rstrip("_")] = function
    return function


def call(function, *arguments):
    """A libc call: its result, or OSError. Never restarted, unlike Python's own."""
    result = function(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def b(path):
    return os.fsencode(path)


def run_shell(command):
    outward, inward = os.pipe()
    child = os.posix_spawn("/bin/bash", ["/bin/bash", "-ec", command], os.environ,
                           file_actions=[(os.POSIX_SPAWN_DUP2, inward, 1)])
    os.close(inward)
    with open(outward, "rb") as file:
        text = os.fsdecode(file.read()).rstrip("\n")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        print(text)
        raise Failed("status %d: %s" % (status, command))
    return text


def new_digest():
    try:
        from _sha1 import sha1  # without the detour through OpenSSL
    except ImportError:
        from hashlib import sha1
    return sha1()


def fd(name):
    if name not in descriptors:
        raise Failed("no descriptor %r" % name)
    return descriptors[name]


def data(text):
    times, star, character = text.partition("*")
    if star and times.isdigit() and len(character) == 1:
        return int(times) * b(character)
    return b(text).decode("latin-1").encode("latin-1").decode("unicode_escape").encode("latin-1")


def shown(octets):
    """Bytes as printable text; a long run of one byte as COUNT*CHARACTER."""
    if len(octets) > 64 and octets == octets[:1] * len(octets):
        return "%d*%s" % (len(octets), repr(octets[:1])[2:-1])
    return repr(octets)[2:-1].replace("\\'", "'").replace("\\\\", "\\")


def number(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    if text[-1:] in units:
        return int(text[:-1], 0) * units[text[-1]]
    return int(text, 0)


def flags(text):
    """rdwr+creat is O_RDWR|O_CREAT."""
    result = 0
    for word in text.split("+"):
        constant = "O_" + word.upper()
        if not hasattr(os, constant):
            raise Failed("no flag %s" % constant)
        result |= getattr(os, constant)
    return result


# --- descriptors -------------------------------------------------------------


@op
def open_(name, path, how, mode="666"):
    new = os.open(b(path), flags(how), int(mode, 8))
    if name in descriptors:
        os.close(descriptors[name])
    descriptors[name] = new


@op
def openat(name, directory, path, how, mode="666"):
    descriptors[name] = call(libc.openat, fd(directory), b(path), flags(how), int(mode, 8))


@op
def close(*names):
    for name in names:
        os.close(descriptors.pop(name))


@op
def dup(name, source):
    descriptors[name] = os.dup(fd(source))


@op
def read(name, count="1M"):
    return shown(os.read(fd(name), number(count)))


@op
def readall(name):
    pieces = []
    while True:
        piece = os.read(fd(name), 1 << 20)
        if not piece:
            return shown(b"".join(pieces))
        pieces.append(piece)


@op
def pread(name, offset, count):
    return shown(os.pread(fd(name), number(count), number(offset)))


@op
def write(name, text):
    os.write(fd(name), data(text))


@op
def writeshort(name, text):
    """How many bytes one write took."""
    return os.write(fd(name), data(text))


@op
def pwrite(name, offset, text):
    os.pwrite(fd(name), data(text), number(offset))


@op
def dwrite(name, offset, text):
    """A write from an aligned buffer, as O_DIRECT demands."""
    octets = data(text)
    buffer = mmap.mmap(-1, max(len(octets), 1))
    buffer.write(octets)
    return os.pwritev(fd(name), [buffer], number(offset))


@op
def dread(name, offset, count):
    buffer = mmap.mmap(-1, number(count))
    got = os.preadv(fd(name), [buffer], number(offset))
    return shown(buffer[:got])


@op
def fill(name, count, text="x"):
    """Writes COUNT bytes in pieces of 64 KiB; stops with the first error."""
    piece = b(text) * 65536
    left = number(count)
    while left:
        left -= os.write(fd(name), piece[: min(left, len(piece))])


@op
def lseek(name, offset, whence):
    return os.lseek(fd(name), number(offset), getattr(os, whence))


@op
def sendfile(target, source, count):
    return os.sendfile(fd(target), fd(source), 0, number(count))


@op
def splice(target, source, count):
    """File to file through a pipe."""
    outward, inward = os.pipe()
    moved = os.splice(fd(source), inward, number(count))
    moved = os.splice(outward, fd(target), moved)
    os.close(outward)
    os.close(inward)
    return moved


@op
def setfl(name, how):
    fcntl.fcntl(fd(name), fcntl.F_SETFL, flags(how))


@op
def access(path, mode):
    wanted = 0
    for letter in mode:
        wanted |= {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK, "f": os.F_OK}[letter]
    call(libc.access, b(path), wanted)


# --- size and space ------------------------------------------------------------


@op
def truncate(path, size):
    os.truncate(b(path), number(size))


@op
def ftruncate(name, size):
    os.ftruncate(fd(name), number(size))


FALLOC = {"default": 0, "keep": 1, "punch": 3, "collapse": 8, "zero": 0x10, "zerokeep": 0x11,
          "insert": 0x20, "unshare": 0x40, "punchnokeep": 2}


@op
def fallocate(name, mode, offset, length):
    call(libc.fallocate, fd(name), FALLOC[mode], ctypes.c_int64(number(offset)), ctypes.c_int64(number(length)))


@op
def copy_file_range(target, target_offset, source, source_offset, count):
    offset = ctypes.c_int64(number(source_offset))
    to = ctypes.c_int64(number(target_offset))
    libc.copy_file_range.restype = ctypes.c_ssize_t
    return call(libc.copy_file_range, fd(source), ctypes.byref(offset), fd(target), ctypes.byref(to),
                ctypes.c_size_t(number(count)), 0)


@op
def ficlone(target, source):
    fcntl.ioctl(fd(target), 0x40049409, fd(source))


@op
def extents(name):
    """The data extents of a sparse file, as SEEK_DATA and SEEK_HOLE tell them: START-END ..."""
    result, position, end = [], 0, os.fstat(fd(name)).st_size
    while position < end:
        try:
            start = os.lseek(fd(name), position, os.SEEK_DATA)
        except OSError as e:
            if e.errno != errno.ENXIO:
                raise
            break
        position = os.lseek(fd(name), start, os.SEEK_HOLE)
        result.append("%d-%d" % (start, position))
    return " ".join(result)


@op
def fiemapshared(path):
    """How many extents of the file are shared with another file (FIEMAP_EXTENT_SHARED)."""
    with open(b(path), "rb") as file:
        request = bytearray(struct.pack("=QQLLLL", 0, 0xFFFFFFFFFFFFFFFF, 1, 0, 64, 0) + bytes(64 * 56))
        fcntl.ioctl(file.fileno(), 0xC020660B, request)
    mapped = struct.unpack_from("=L", request, 20)[0]
    return sum(1 for n in range(mapped) if struct.unpack_from("=L", request, 32 + 56 * n + 40)[0] & 0x2000)


@op
def fsync(name):
    call(libc.fsync, fd(name))


@op
def fdatasync(name):
    call(libc.fdatasync, fd(name))


@op
def syncfs(name):
    call(libc.syncfs, fd(name))


@op
def sync_file_range(name, offset, count):
    call(libc.sync_file_range, fd(name), ctypes.c_int64(number(offset)), ctypes.c_int64(number(count)), 7)


# --- attributes ------------------------------------------------------------------

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "char", stat.S_IFBLK: "block"}


def field(status, name):
    if name == "mode":
        return "%o" % stat.S_IMODE(status.st_mode)
    if name == "type":
        return TYPES[stat.S_IFMT(status.st_mode)]
    if name == "rdev":
        return "%d:%d" % (os.major(status.st_rdev), os.minor(status.st_rdev))
    if name in ("atime", "mtime", "ctime"):
        nanoseconds = getattr(status, "st_%s_ns" % name)
        return "%d.%09d" % divmod(nanoseconds, 10**9)
    return str(getattr(status, "st_" + name))


def fields(status, names):
    return " ".join(field(status, name) for name in names.split(","))


@op
def stat_(path, names):
    return fields(os.stat(b(path)), names)


@op
def lstat(path, names):
    return fields(os.lstat(b(path)), names)


@op
def fstat(name, names):
    return fields(os.fstat(fd(name)), names)


@op
def statx(path, what):
    """btime, mnt_id, attributes or mask, by statx."""
    buffer = ctypes.create_string_buffer(256)
    call(libc.statx, AT_FDCWD, b(path), 0x100, 0x1FFF, buffer)
    mask = struct.unpack_from("=L", buffer, 0)[0]
    if what == "mask":
        return "%#x" % mask
    if what == "attributes":
        return "%#x" % struct.unpack_from("=Q", buffer, 8)[0]
    if what == "btime":
        if not mask & 0x800:
            return "none"
        seconds, nanoseconds = struct.unpack_from("=qL", buffer, 0x50)
        return "%d.%09d" % (seconds, nanoseconds)
    raise Failed("statx: unknown field " + what)


@op
def statfs(path, names):
    result = os.statvfs(b(path))
    return " ".join(str(getattr(result, "f_" + name)) for name in names.split(","))


UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2


def timespecs(access_time, modify_time):
    octets = b""
    for text in (access_time, modify_time):
        if text in ("now", "omit"):
            octets += struct.pack("=qq", 0, UTIME_NOW if text == "now" else UTIME_OMIT)
        else:
            seconds, _, fraction = text.partition(".")
            octets += struct.pack("=qq", int(seconds), int((fraction + "000000000")[:9]))
    return octets


@op
def utimens(path, access_time, modify_time, follow="follow"):
    call(libc.utimensat, AT_FDCWD, b(path), timespecs(access_time, modify_time), 0 if follow == "follow" else 0x100)


@op
def futimens(name, access_time, modify_time):
    call(libc.futimens, fd(name), timespecs(access_time, modify_time))


@op
def utimesnull(path):
    """utimensat with no times: now, allowed to whoever may write."""
    call(libc.utimensat, AT_FDCWD, b(path), None, 0)


@op
def chmod(path, mode):
    os.chmod(b(path), int(mode, 8))


@op
def fchmod(name, mode):
    os.fchmod(fd(name), int(mode, 8))


@op
def chown(path, uid, gid):
    os.chown(b(path), int(uid), int(gid))


@op
def lchown(path, uid, gid):
    os.lchown(b(path), int(uid), int(gid))


@op
def fchown(name, uid, gid):
    os.fchown(fd(name), int(uid), int(gid))


# FS_IOC_GETFLAGS and SETFLAGS
@op
def getflags(path):
    handle = os.open(b(path), os.O_RDONLY | os.O_NONBLOCK)
    try:
        buffer = bytearray(8)
        fcntl.ioctl(handle, 0x80086601, buffer)
        value = struct.unpack("=q", buffer)[0]
        letters = {0x10: "i", 0x20: "a", 0x80: "A", 0x40: "d", 0x8: "S"}
        return "".join(letter for bit, letter in letters.items() if value & bit) or "-"
    finally:
        os.close(handle)


@op
def setflags(path, letters):
    handle = os.open(b(path), os.O_RDONLY | os.O_NONBLOCK)
    try:
        buffer = bytearray(8)
        fcntl.ioctl(handle, 0x80086601, buffer)
        value = struct.unpack("=q", buffer)[0]
        for bit, letter in ((0x10, "i"), (0x20, "a"), (0x80, "A"), (0x40, "d"), (0x8, "S")):
            value = value | bit if letter in letters else value & ~bit
        fcntl.ioctl(handle, 0x40086602, struct.pack("=q", value))
    finally:
        os.close(handle)


@op
def ioctl(name, request):
    """An ioctl whose answer does not matter, only its errno."""
    fcntl.ioctl(fd(name), int(request, 0), bytearray(256))


# --- names -------------------------------------------------------------------------

RENAME = {"plain": 0, "noreplace": 1, "exchange": 2, "whiteout": 4, "noreplace|exchange": 3}


@op
def rename(old, new, how="plain"):
    call(libc.renameat2, AT_FDCWD, b(old), AT_FDCWD, b(new), RENAME[how] if how in RENAME else int(how, 0))


@op
def link(old, new, follow="nofollow"):
    call(libc.linkat, AT_FDCWD, b(old), AT_FDCWD, b(new), AT_SYMLINK_FOLLOW if follow == "follow" else 0)


@op
def linkfd(name, new):
    """Gives a name to an open file (O_TMPFILE)."""
    call(libc.linkat, AT_FDCWD, b"/proc/self/fd/%d" % fd(name), AT_FDCWD, b(new), AT_SYMLINK_FOLLOW)


@op
def linkempty(name, new):
    """The same with AT_EMPTY_PATH, which needs CAP_DAC_READ_SEARCH."""
    call(libc.linkat, fd(name), b"", AT_FDCWD, b(new), AT_EMPTY_PATH)


@op
def symlink(target, path):
    os.symlink(data(target) if "*" in target else b(target), b(path))


@op
def readlink(path):
    return shown(os.readlink(b(path)))


@op
def unlink(path):
    os.unlink(b(path))


@op
def rmdir(path):
    os.rmdir(b(path))


@op
def mkdir(path, mode="777"):
    os.mkdir(b(path), int(mode, 8))


@op
def mknod(path, kind, mode, device="0:0"):
    bits = {word: bit for bit, word in TYPES.items()}[kind]
    major, minor = (int(part) for part in device.split(":"))
    os.mknod(b(path), bits | int(mode, 8), os.makedev(major, minor))


@op
def bind(path):
    """A listening socket at PATH; it is kept open."""
    import socket

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(b(path))
    listener.listen(1)
    descriptors["listener"] = listener.detach()


@op
def connect(path):
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(b(path))


@op
def chdir(path):
    os.chdir(b(path))


@op
def fchdir(name):
    os.fchdir(fd(name))


@op
def getcwd():
    return os.fsdecode(os.getcwdb())


@op
def name(length, character="n"):
    """A name of LENGTH bytes."""
    return character * int(length)


@op
def descend(depth, component, make="make"):
    """Enters DEPTH nested directories one by one, so that no path is too long; makes them first."""
    for _ in range(int(depth)):
        if make == "make":
            os.mkdir(b(component))
        os.chdir(b(component))


@op
def ascend(depth):
    for _ in range(int(depth)):
        os.chdir("..")


@op
def unnest(depth, component):
    """The way back up, removing each directory that was left."""
    for _ in range(int(depth)):
        os.chdir("..")
        os.rmdir(b(component))


# --- extended attributes -----------------------------------------------------------------


def target(path):
    """PATH, or fd:NAME for an open file."""
    return fd(path[3:]) if path.startswith("fd:") else b(path)


def follow(how):
    return {} if how == "follow" else {"follow_symlinks": False}


@op
def setxattr(path, attribute, value, how="any", links="follow"):
    os.setxattr(target(path), b(attribute), data(value), {"any": 0, "create": 1, "replace": 2}[how], **follow(links))


@op
def getxattr(path, attribute, links="follow"):
    return shown(os.getxattr(target(path), b(attribute), **follow(links)))


@op
def listxattr(path, links="follow"):
    return " ".join(sorted(os.listxattr(target(path), **follow(links))))


@op
def removexattr(path, attribute, links="follow"):
    os.removexattr(target(path), b(attribute), **follow(links))


@op
def xattrsize(path, attribute, room):
    """getxattr with a buffer of ROOM bytes: the length it answers."""
    buffer = ctypes.create_string_buffer(max(int(room), 1))
    libc.getxattr.restype = ctypes.c_ssize_t
    return call(libc.getxattr, b(path), b(attribute), buffer, ctypes.c_size_t(int(room)))


@op
def listsize(path, room):
    buffer = ctypes.create_string_buffer(max(int(room), 1))
    libc.listxattr.restype = ctypes.c_ssize_t
    return call(libc.listxattr, b(path), buffer, ctypes.c_size_t(int(room)))


# --- memory maps ---------------------------------------------------------------------------


@op
def map_(name, descriptor, protection, kind, length, offset="0"):
    bits = (mmap.PROT_READ if "r" in protection else 0) | (mmap.PROT_WRITE if "w" in protection else 0)
    bits |= mmap.PROT_EXEC if "x" in protection else 0
    mappings[name] = mmap.mmap(fd(descriptor), number(length),
                               mmap.MAP_SHARED if kind == "shared" else mmap.MAP_PRIVATE,
                               bits, offset=number(offset))


def mapped(path):
    """A mapping of a file, with the page frame of each of its pages; they stay where they are while it is held."""
    descriptor = os.open(b(path), os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    area = mmap.mmap(descriptor, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    os.close(descriptor)
    for at in range(0, size, mmap.PAGESIZE):
        area[at]  # noqa: B018: it is the fault that is wanted
    start = ctypes.addressof(ctypes.c_char.from_buffer(area)) // mmap.PAGESIZE * 8
    with open("/proc/self/pagemap", "rb") as pagemap:
        pagemap.seek(start)
        entries = struct.unpack("=%dQ" % -(-size // mmap.PAGESIZE), pagemap.read(-(-size // mmap.PAGESIZE) * 8))
    if not all(entry >> 63 & 1 and entry & (1 << 55) - 1 for entry in entries):
        raise Failed("no page frame number for each page of %s" % shown(b(path)))
    return area, [entry & (1 << 55) - 1 for entry in entries]


@op
def frames(*paths):
    """Whether files, mapped at the same time, are on the same page frames: `equal`, `different`, or `partly`."""
    held = [mapped(path) for path in paths]
    same = [set(of_page) for of_page in zip(*(numbers for _, numbers in held))]
    if all(len(frame) == 1 for frame in same):
        return "equal"
    return "partly" if any(len(frame) == 1 for frame in same) else "different"


def files_below(top):
    for directory, subdirectories, names in os.walk(b(top)):
        subdirectories.sort()
        for text in sorted(names):
            path = os.path.join(directory, text)
            if stat.S_ISREG(os.lstat(path).st_mode) and os.lstat(path).st_size:
                yield path


@op
def together(*tops):
    """Files below the paths are on the same page frames if, and only if, their content is equal: how many files and contents."""
    held, groups, owners = [], {}, {}
    for top in tops:
        for path in files_below(top):
            area, numbers = mapped(path)
            held.append(area)
            groups.setdefault(bytes(area), []).append((path, numbers))
    for content, files in groups.items():
        first, wanted = files[0]
        for path, numbers in files:
            if numbers != wanted:
                raise Failed("%s and %s are equal and on different frames" % (shown(first), shown(path)))
        for frame in wanted:
            if owners.setdefault(frame, first) != first:
                raise Failed("%s and %s differ and are on the same frame" % (shown(first), shown(owners[frame])))
    return "%d files, %d contents" % (len(held), len(groups))


@op
def intact(mount, *lowers):
    """What is in the lower directories, whose names are all different, is what MOUNT shows under the same names."""
    for lower in lowers:
        for path in files_below(lower):
            shown_at = os.path.join(b(mount), os.path.relpath(path, b(lower)))
            with open(path, "rb") as one, open(shown_at, "rb") as other:
                if one.read() != other.read():
                    raise Failed("%s is not what %s is" % (shown(shown_at), shown(path)))


@op
def mget(name, offset, length):
    start = number(offset)
    return shown(mappings[name][start:start + number(length)])


@op
def mcopy(name, offset, length):
    """Like mget, but by the kernel: what is after the end of the file is EFAULT, and nobody is killed by SIGBUS."""
    start = number(offset)
    copied = os.memfd_create("copy")
    try:
        with memoryview(mappings[name])[start:start + number(length)] as part:
            os.write(copied, part)
        return shown(os.pread(copied, number(length), 0))
    finally:
        os.close(copied)


@op
def mput(name, offset, text):
    octets, start = data(text), number(offset)
    mappings[name][start:start + len(octets)] = octets


@op
def msync(name):
    mappings[name].flush()


@op
def unmap(name):
    mappings.pop(name).close()


# --- locks -----------------------------------------------------------------------------------

FLOCK = {"sh": 1, "ex": 2, "un": 8}
LOCK_TYPES = {"rd": 0, "wr": 1, "un": 2}
GETLK, SETLK, SETLKW, OFD_GETLK, OFD_SETLK, OFD_SETLKW = 5, 6, 7, 36, 37, 38
# struct flock of 64-bit Linux: type, whence, start, length, pid
FLOCK_STRUCT = "hhxxxxqqixxxx"


@op
def flock(name, how, wait="wait"):
    call(libc.flock, fd(name), FLOCK[how] | (0 if wait == "wait" else 4))


def record_lock(name, command, how, start, length):
    request = ctypes.create_string_buffer(struct.pack(FLOCK_STRUCT, LOCK_TYPES[how], 0, number(start), number(length), 0))
    call(libc.fcntl, fd(name), command, request)
    kind, _, first, count, pid = struct.unpack_from(FLOCK_STRUCT, request)
    return {v: k for k, v in LOCK_TYPES.items()}[kind], first, count, pid


@op
def lock(name, how, start="0", length="0", wait="nowait"):
    record_lock(name, SETLKW if wait == "wait" else SETLK, how, start, length)


@op
def ofd(name, how, start="0", length="0", wait="nowait"):
    record_lock(name, OFD_SETLKW if wait == "wait" else OFD_SETLK, how, start, length)


@op
def getlk(name, how, start="0", length="0"):
    """Who stands in the way: `un`, or TYPE START LENGTH."""
    kind, first, count, _ = record_lock(name, GETLK, how, start, length)
    return kind if kind == "un" else "%s %d %d" % (kind, first, count)


@op
def getlkpid(name, how, start="0", length="0"):
    return record_lock(name, GETLK, how, start, length)[3]


@op
def alarm(seconds):
    """A signal that interrupts (and does not restart) the call that is blocked then."""
    import signal

    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, True)
    signal.setitimer(signal.ITIMER_REAL, float(seconds))


@op
def lease(name, how):
    fcntl.fcntl(fd(name), 1024, {"rd": 0, "wr": 1, "un": 2}[how])


# --- directories --------------------------------------------------------------------------------

SYS_GETDENTS64 = {"x86_64": 217, "aarch64": 61}.get(os.uname().machine, 217)


def dents(handle, room=65536):
    """One getdents64: a list of (inode number, position after it, type, name)."""
    buffer = ctypes.create_string_buffer(room)
    got = call(libc.syscall, ctypes.c_long(SYS_GETDENTS64), ctypes.c_long(handle), buffer, ctypes.c_long(room))
    result, at = [], 0
    while at < got:
        inode, position, length, kind = struct.unpack_from("=QqHB", buffer, at)
        text = buffer.raw[at + 19:at + length].split(b"\0", 1)[0]
        result.append((inode, position, kind, text))
        at += length
    return result


def all_dents(handle, room=65536):
    while True:
        some = dents(handle, room)
        if not some:
            return
        yield from some


def entries(handle, room=65536):
    return [entry for entry in all_dents(handle, room) if entry[3] not in (b".", b"..")]


@op
def ls(path):
    """The names that readdir gives, sorted, each as often as it comes; `@NAME` for a descriptor."""
    if path.startswith("@"):
        return os.fsdecode(b" ".join(sorted(e[3] for e in entries(fd(path[1:])))))
    return os.fsdecode(b" ".join(sorted(os.listdir(b(path)))))


@op
def getdents(path):
    """The system call alone: C's readdir takes the ENOENT of a removed directory for its end."""
    handle = os.open(b(path), os.O_RDONLY | os.O_DIRECTORY)
    dents(handle)


@op
def count(path):
    return len(os.listdir(b(path)))


@op
def dino(path, wanted):
    """The inode number that readdir gives for a name."""
    handle = os.open(b(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        for inode, _, _, text in all_dents(handle):
            if text == b(wanted):
                return inode
    finally:
        os.close(handle)
    return "none"


@op
def checkdents(path):
    """Each entry once, with the inode number and the type that lstat gives; . and .. are there."""
    handle = os.open(b(path), os.O_RDONLY | os.O_DIRECTORY)
    seen = set()
    kinds = {8: "file", 4: "dir", 10: "link", 1: "fifo", 12: "socket", 2: "char", 6: "block"}
    wrong = []
    for inode, _, kind, text in all_dents(handle):
        if text in seen:
            wrong.append("%s comes twice" % shown(text))
        seen.add(text)
        if text == b"..":
            continue
        status = os.lstat(os.path.join(b(path), text))
        if inode != status.st_ino:
            wrong.append("%s: readdir says inode %d, lstat %d" % (shown(text), inode, status.st_ino))
        if kind != 0 and kinds.get(kind) != field(status, "type"):
            wrong.append("%s: readdir says type %d, lstat %s" % (shown(text), kind, field(status, "type")))
    os.close(handle)
    if b"." not in seen or b".." not in seen:
        wrong.append(". or .. is missing")
    if wrong:
        raise Failed("; ".join(wrong[:10]))


@op
def checkseek(path, room="512"):
    """Going back to any position that readdir gave continues with the entry that followed there."""
    handle = os.open(b(path), os.O_RDONLY | os.O_DIRECTORY)
    everything = list(all_dents(handle, int(room)))
    step = max(len(everything) // 40, 1)
    for at in list(range(0, len(everything) - 1, step)) + [len(everything) - 2]:
        os.lseek(handle, everything[at][1], os.SEEK_SET)
        rest = list(all_dents(handle, int(room)))
        if [e[3] for e in rest] != [e[3] for e in everything[at + 1:]]:
            raise Failed("after the entry %d of %d: %d entries, not %d" %
                         (at, len(everything), len(rest), len(everything) - at - 1))
    os.lseek(handle, 0, os.SEEK_SET)
    if len(list(all_dents(handle))) != len(everything):
        raise Failed("rewind")
    os.close(handle)
    return len(everything)


@op
def deleteall(path, room="1024"):
    """Unlinks what each small readdir gave before the next, as rm -r may: how many were seen."""
    handle = os.open(b(path), os.O_RDONLY | os.O_DIRECTORY)
    seen = 0
    while True:
        some = dents(handle, int(room))
        if not some:
            break
        for _, _, _, text in some:
            if text not in (b".", b".."):
                os.unlink(os.path.join(b(path), text))
                seen += 1
    os.close(handle)
    return seen


@op
def stable(path, command, room="1024"):
    """Entries that exist throughout come exactly once, whatever COMMAND adds and removes meanwhile."""
    handle = os.open(b(path), os.O_RDONLY | os.O_DIRECTORY)
    names = dents(handle, int(room))
    run_shell(command)
    names += list(all_dents(handle, int(room)))
    os.close(handle)
    kept = [e[3] for e in names if e[3].startswith(b"keep")]
    if len(kept) != len(set(kept)):
        raise Failed("an entry came twice")
    return len(kept)


@op
def many(path, total, prefix="f", text=""):
    """TOTAL files PREFIX0, PREFIX1, ... in an existing directory."""
    octets = data(text) if text else b""
    for n in range(int(total)):
        handle = os.open(os.path.join(b(path), b"%s%d" % (b(prefix), n)), os.O_WRONLY | os.O_CREAT, 0o644)
        if octets:
            os.write(handle, octets)
        os.close(handle)


@op
def distinct(*paths):
    """No two files below the paths have one st_dev and st_ino, hard links aside; all one st_dev."""
    owners = {}
    devices = set()
    for top in paths:
        for directory, subdirectories, files in os.walk(b(top)):
            for text in [b"."] + files:
                path = os.path.join(directory, text)
                status = os.lstat(path)
                devices.add(status.st_dev)
                identity = (status.st_dev, status.st_ino)
                if identity in owners:
                    raise Failed("%s and %s have the same inode number" % (shown(path), shown(owners[identity])))
                owners[identity] = path
    if len(devices) != 1:
        raise Failed("%d values of st_dev" % len(devices))
    return len(owners)


# --- listings -------------------------------------------------------------------------------------


def described(path, relative, merged):
    status = os.lstat(path)
    kind = field(status, "type")
    parts = [shown(relative), kind, field(status, "mode"), "%d:%d" % (status.st_uid, status.st_gid),
             field(status, "mtime")]
    if kind in ("char", "block"):
        parts.append(field(status, "rdev"))
    if kind != "dir":
        parts.append("size=%d" % status.st_size)
    if not merged:
        parts += [field(status, "ctime"), "ino=%d" % status.st_ino, "nlink=%d" % status.st_nlink]
    if kind == "file":
        with open(path, "rb", opener=lambda p, f: os.open(p, f | os.O_NOATIME)) as file:
            digest = new_digest()
            while True:
                piece = file.read(1 << 20)
                if not piece:
                    break
                digest.update(piece)
        parts.append(digest.hexdigest()[:16])
    elif kind == "link":
        parts.append("-> " + shown(os.readlink(path)))
    for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
        parts.append("%s=%s" % (attribute, shown(os.getxattr(path, attribute, follow_symlinks=False))))
    return " ".join(parts)


def described_tree(top, merged):
    """By steps of one name, since a path in a layer may be longer than PATH_MAX."""
    lines = []

    def walk(text, relative):
        lines.append(described(text, relative, merged))
        if stat.S_ISDIR(os.lstat(text).st_mode):
            here = os.open(".", os.O_PATH)
            os.chdir(text)
            for child in sorted(os.listdir(b".")):
                walk(child, child if relative == b"." else relative + b"/" + child)
            os.fchdir(here)
            os.close(here)

    start = os.open(".", os.O_PATH)
    os.chdir(b(top))
    walk(b".", b".")
    os.fchdir(start)
    os.close(start)
    return "\n".join(lines)


@op
def listing(path):
    """Everything about everything below PATH but the access times."""
    return described_tree(path, merged=False)


@op
def tree(path):
    """The same, but only what any two overlays of the same layers agree on."""
    return described_tree(path, merged=True)


@op
def listings(output, *paths):
    """Writes the listing of each path to OUTPUT/N, N from 0."""
    for n, path in enumerate(paths):
        with open(os.path.join(output, str(n)), "w") as file:
            file.write(described_tree(path, merged=False) + "\n")


@op
def unchanged(before, *paths):
    """The listings that `listings` wrote are still true; else the lines that differ."""
    for n, path in enumerate(paths):
        with open(os.path.join(before, str(n))) as file:
            old = file.read()
        new = described_tree(path, merged=False) + "\n"
        if new != old:
            was, now = old.splitlines(), new.splitlines()
            differ = ["< " + line for line in was if line not in now] + ["> " + line for line in now if line not in was]
            raise Failed("%s has changed:\n%s" % (path, "\n".join(differ[:40])))


@op
def sum_(path):
    digest = new_digest()
    with open(b(path), "rb") as file:
        while True:
            piece = file.read(1 << 20)
            if not piece:
                break
            digest.update(piece)
    return digest.hexdigest()


# --- the rest ---------------------------------------------------------------------------------------


@op
def as_(uid, gid="", groups=""):
    """From here on another user, with no capabilities."""
    gid = gid or uid
    os.setgroups([int(group) for group in groups.split(",") if group])
    os.setresgid(int(gid), int(gid), int(gid))
    os.setresuid(int(uid), int(uid), int(uid))


@op
def umask(mask):
    os.umask(int(mask, 8))


@op
def sh(command):
    """A command in bash, which inherits the descriptors: what it prints."""
    for handle in descriptors.values():
        os.set_inheritable(handle, True)
    return run_shell(command)


@op
def sleep(seconds):
    time.sleep(float(seconds))


@op
def await_(path, seconds="20"):
    """Waits until PATH exists."""
    end = time.monotonic() + float(seconds)
    while not os.path.lexists(b(path)):
        if time.monotonic() > end:
            raise Failed("%s did not appear" % path)
        time.sleep(0.01)


@op
def touch(path):
    os.close(os.open(b(path), os.O_WRONLY | os.O_CREAT))


@op
def watch(name, path, mask="0xfff"):
    """An inotify descriptor NAME that watches PATH."""
    handle = call(libc.inotify_init1, os.O_NONBLOCK)
    call(libc.inotify_add_watch, handle, b(path), int(mask, 0))
    descriptors[name] = handle


@op
def events(name):
    bits = {0x2: "modify", 0x4: "attrib", 0x8: "close_write", 0x40: "moved_from", 0x80: "moved_to",
            0x100: "create", 0x200: "delete", 0x400: "delete_self", 0x800: "move_self"}
    try:
        octets = os.read(fd(name), 65536)
    except BlockingIOError:
        return ""
    result, at = [], 0
    while at < len(octets):
        _, mask, _, length = struct.unpack_from("=iLLL", octets, at)
        text = octets[at + 16:at + 16 + length].split(b"\0", 1)[0]
        for bit, word in bits.items():
            if mask & bit:
                result.append(word + (":" + os.fsdecode(text) if text else ""))
        at += 16 + length
    return " ".join(result)


@op
def marked(mark):
    """The processes whose environment holds SAMEPAGE_TEST_MARK=MARK, exactly; the caller's ancestors aside.

    What it prints is killed: a mark that is not unique to one run of the suite is refused.
    """
    if "/samepage-it." not in mark:
        raise Failed("not a mark of one run: %r" % mark)
    ancestors, pid = set(), os.getpid()
    while pid > 1:
        ancestors.add(pid)
        with open("/proc/%d/stat" % pid) as file:
            pid = int(file.read().rsplit(")", 1)[1].split()[1])
    found = []
    for text in os.listdir("/proc"):
        if text.isdigit() and int(text) > 1 and int(text) not in ancestors:
            try:
                with open("/proc/%s/environ" % text, "rb") as file:
                    if b"SAMEPAGE_TEST_MARK=" + b(mark) in file.read().split(b"\0"):
                        found.append(text)
            except OSError:
                pass  # it has ended meanwhile
    return "\n".join(found)


@op
def daemon(run, target):
    """The process, started by this run of the suite, that serves the mount on TARGET."""
    wanted = b"SAMEPAGE_TEST_MARK=" + b(run) + b"/"
    for text in os.listdir("/proc"):
        try:
            if text.isdigit() and b(target) in open("/proc/%s/cmdline" % text, "rb").read().split(b"\0"):
                name = os.readlink("/proc/%s/exe" % text)
                environment = open("/proc/%s/environ" % text, "rb").read().split(b"\0")
                if name.endswith("/java") and any(variable.startswith(wanted) for variable in environment):
                    return text
        except OSError:
            pass  # it has ended meanwhile
    raise Failed("no daemon serves " + target)


@op
def json(path):
    """A value of the JSON on stdin, by keys joined with dots; a missing key is `none`."""
    import json as decoder

    value = decoder.load(sys.stdin)
    for key in path.split(".") if path else []:
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return value


def numbered(argument):
    for key, handle in descriptors.items():
        argument = argument.replace("{%s}" % key, str(handle))
    return argument


def run_soon(words):
    end = time.monotonic() + 10
    while True:
        try:
            return run(words)
        except Failed:
            if time.monotonic() > end:
                raise
        time.sleep(0.02)


def run(words):
    if words[0] == "soon":
        return run_soon(words[1:])
    expected, wanted, unwanted = None, None, None
    if words[0] == "fails":
        expected, words = words[1], words[2:]
    elif words[0] == "is":
        wanted, words = words[1], words[2:]
    elif words[0] == "isnt":
        unwanted, words = words[1], words[2:]
    text = " ".join(shown(b(word))[:80] for word in words)
    if words[0] not in operations:
        raise Failed("no operation %r" % words[0])
    try:
        result = operations[words[0]](*[numbered(word) for word in words[1:]])
    except OSError as e:
        got = errno.errorcode.get(e.errno, str(e.errno))
        got = {"ENOTSUP": "EOPNOTSUPP", "EDEADLOCK": "EDEADLK", "EWOULDBLOCK": "EAGAIN"}.get(got, got)
        if expected == got:
            return
        if expected:
            raise Failed("%s: %s instead of %s" % (text, got, expected)) from None
        raise Failed("%s: %s" % (text, got)) from None
    result = "" if result is None else str(result)
    if expected:
        raise Failed("%s: succeeded instead of %s %s" % (text, expected, result))
    if wanted is not None:
        if result != wanted:
            raise Failed("%s: %s instead of %s" % (text, result or "nothing", wanted))
    elif unwanted is not None:
        if result == unwanted:
            raise Failed("%s: still %s" % (text, result))
    elif result:
        sys.stdout.buffer.write(os.fsencode(result) + b"\n")
        sys.stdout.flush()


def main(arguments):
    words = []
    try:
        for argument in arguments + [","]:
            if argument != ",":
                words.append(argument)
            elif words:
                run(words)
                words = []
    except Failed as e:
        sys.stdout.flush()
        sys.stderr.buffer.write(b"sys: " + os.fsencode(str(e)) + b"\n")
        return 1
    return 0


sys.exit(main(sys.argv[1:]))
