"""The system calls that Python's standard library does not offer, as thin functions that raise OSError."""

import ctypes
import os
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW = 0x100, 0x400

MNT_DETACH = 2

RENAME_FLAGS = {"NOREPLACE": 1, "EXCHANGE": 2, "WHITEOUT": 4}
FALLOC_FLAGS = {"KEEP_SIZE": 1, "PUNCH_HOLE": 2, "COLLAPSE_RANGE": 8, "ZERO_RANGE": 16, "INSERT_RANGE": 32, "UNSHARE_RANGE": 64}
MAP_SHARED, MAP_PRIVATE = 1, 2
PROT_READ, PROT_WRITE = 1, 2
MS_ASYNC, MS_INVALIDATE, MS_SYNC = 1, 2, 4
MADV_DONTNEED = 4
MAP_FAILED = ctypes.c_void_p(-1).value

FS_IOC_GETFLAGS, FS_IOC_SETFLAGS = 0x80086601, 0x40086602
FICLONE = 0x40049409

STATX_BTIME = 0x800
STATX_BASIC_STATS = 0x7FF

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4

_off = ctypes.c_int64


def _function(name, result, *arguments):
    function = getattr(LIBC, name)
    function.restype = result
    function.argtypes = arguments
    return function


_mount = _function("mount", ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_umount2 = _function("umount2", ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_renameat2 = _function("renameat2", ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_linkat = _function("linkat", ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_fallocate = _function("fallocate64", ctypes.c_int, ctypes.c_int, ctypes.c_int, _off, _off)
_syncfs = _function("syncfs", ctypes.c_int, ctypes.c_int)
_mmap = _function(
    "mmap64", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, _off)
_munmap = _function("munmap", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
_madvise = _function("madvise", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_msync = _function("msync", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_read = _function("read", ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
_write = _function("write", ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
_statx = _function(
    "statx", ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
_getdents64 = _function("getdents64", ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
_prctl = _function("prctl", ctypes.c_int, ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def _checked(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def mount(source, target, kind, flags=0, options=""):
    _checked(_mount(os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(options)))


def umount(target, flags=0):
    _checked(_umount2(os.fsencode(target), flags))


def rename(old, new, flags):
    _checked(_renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags))


def link(path, new, follow):
    """Python's os.link follows symbolic links only where the platform's link(2) does, and Linux's does not."""
    _checked(_linkat(AT_FDCWD, os.fsencode(path), AT_FDCWD, os.fsencode(new), AT_SYMLINK_FOLLOW if follow else 0))


def fallocate(fd, mode, offset, length):
    _checked(_fallocate(fd, mode, offset, length))


def syncfs(fd):
    _checked(_syncfs(fd))


def die_with_parent():
    """A helper must not outlive the process that drives it, whatever kills that one."""
    _prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def directory_entries(fd, room=32768):
    """One getdents64: a list of (name, inode number, type). Empty at the end."""
    buffer = ctypes.create_string_buffer(room)
    filled = _checked(_getdents64(fd, buffer, room))
    raw, at, entries = buffer.raw, 0, []
    while at < filled:
        inode, _, length, kind = struct.unpack_from("<QqHB", raw, at)
        name = raw[at + 19:at + length].split(b"\0", 1)[0]
        entries.append((os.fsdecode(name), inode, kind))
        at += length
    return entries


def become_readable():
    """After a change of uid: /proc/self belongs to root until the process says that it may be looked at."""
    _prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


class Statx:
    """What stat(2) does not tell: the mask of valid fields, the attributes, the birth time."""

    def __init__(self, raw):
        self.mask, _, self.attributes = struct.unpack_from("<IIQ", raw, 0)
        self.attributes_mask, = struct.unpack_from("<Q", raw, 56)
        self.birth, = struct.unpack_from("<q", raw, 80)


def statx(path, follow=True):
    raw = ctypes.create_string_buffer(256)
    _checked(_statx(AT_FDCWD, os.fsencode(path), 0 if follow else AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, raw))
    return Statx(raw.raw)


class Mapping:
    """A memory mapping whose pages are reached through a pipe: where a load would raise SIGBUS, a copy by the kernel says EFAULT."""

    def __init__(self, fd, shared, protection, offset, length):
        self.length = length
        self.offset = offset
        self._shared = shared
        self.address = _mmap(None, length, protection, MAP_SHARED if shared else MAP_PRIVATE, fd, offset)
        if self.address == MAP_FAILED:
            _checked(-1)
        self._out, self._in = os.pipe()

    def read(self, offset, length):
        """The bytes there, as many as can be read before the first page that is no longer in the file."""
        collected = b""
        while len(collected) < length:
            step = min(4096 - (offset + len(collected)) % 4096, length - len(collected))
            copied = _write(self._in, self.address + offset + len(collected), step)
            if copied < 0 and not collected:
                _checked(copied)
            if copied <= 0:
                break
            collected += os.read(self._out, copied)
        return collected

    def write(self, offset, data):
        """Store the bytes, page after page; returns how many were stored before the first fault."""
        stored = 0
        while stored < len(data):
            step = min(4096 - (offset + stored) % 4096, len(data) - stored)
            os.write(self._in, data[stored:stored + step])
            copied = _read(self._out, self.address + offset + stored, step)
            if copied != step:
                number = ctypes.get_errno()
                self._renew_pipe()
                if stored == 0 and copied < 0:
                    raise OSError(number, os.strerror(number))
                return stored + max(copied, 0)
            stored += step
        return stored

    def _renew_pipe(self):
        os.close(self._in)
        os.close(self._out)
        self._out, self._in = os.pipe()

    def fault_anew(self):
        """Have the next access to any page fault, as the first did; what is private to the mapping stays as it is."""
        if self._shared:
            _checked(_madvise(self.address, self.length, MADV_DONTNEED))

    def sync(self, flags):
        _checked(_msync(self.address, self.length, flags))

    def close(self):
        os.close(self._in)
        os.close(self._out)
        _checked(_munmap(self.address, self.length))
