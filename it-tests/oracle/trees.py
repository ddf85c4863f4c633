"""A snapshot of a directory tree, and the differences between two."""

import errno
import hashlib
import os
import stat

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
         stat.S_IFCHR: "char", stat.S_IFBLK: "block"}
_MARGIN_SECONDS = 2  # the kernel stamps files with a clock that may lag by one tick


def kind_of(mode):
    return KINDS.get(stat.S_IFMT(mode), "unknown")


class Clock:
    """Tells a time that somebody set from a time that the file system took from its clock.

    Two runs of the same operations take different times from their clocks; what was set is equal. The tests set only times well
    before they start or far in the future.
    """

    def __init__(self, start):
        self._from = (start - _MARGIN_SECONDS) * 10**9
        self._to = (start + 86400) * 10**9

    def told(self, nanoseconds):
        return "now" if self._from <= nanoseconds <= self._to else nanoseconds


class NoClock(Clock):
    """For two looks at the same files: every time must be equal."""

    def __init__(self):
        super().__init__(0)
        self._from = self._to = -2**63


def described(status, clock):
    """What of a stat result must be equal on two sides."""
    kind = kind_of(status.st_mode)
    facts = {
        "type": kind,
        "mode": oct(stat.S_IMODE(status.st_mode)),
        "uid": status.st_uid,
        "gid": status.st_gid,
        "nlink": status.st_nlink,
        "mtime": clock.told(status.st_mtime_ns),
    }
    if kind in ("file", "symlink"):
        facts["size"] = status.st_size
    if kind in ("char", "block"):
        facts["rdev"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return facts


def xattrs_of(path):
    """Name to value, in hex; an attribute that is listed and cannot be read shows its error."""
    found = {}
    for name in os.listxattr(path, follow_symlinks=False):
        try:
            found[name] = os.getxattr(path, name, follow_symlinks=False).hex()
        except OSError as failure:
            found[name] = errno.errorcode[failure.errno]
    return found


def content_of(path):
    """As far as the size goes: of a metacopy of a longer file the kernel's overlayfs reads more."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while block := file.read(min(left, 1 << 20)):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()[:16]


def walk(root):
    """Every path under root and root itself (as ""), parents first, names in byte order, with lstat results or errors."""
    pending = [""]
    while pending:
        path = pending.pop()
        full = os.path.join(root, path) if path else root
        try:
            status = os.lstat(full)
        except OSError as failure:
            yield path, full, failure
            continue
        yield path, full, status
        if stat.S_ISDIR(status.st_mode):
            try:
                names = sorted(os.listdir(full), key=os.fsencode, reverse=True)
            except OSError as failure:
                yield path + "/", full, failure
                continue
            pending += [os.path.join(path, name) for name in names]


def merged(root, clock):
    """What users see of a tree, path to facts; links of one file share a group, named after its first path."""
    snapshot, groups = {}, {}
    for path, full, status in walk(root):
        if isinstance(status, OSError):
            snapshot[path] = {"error": errno.errorcode.get(status.errno, status.errno)}
            continue
        facts = described(status, clock)
        try:
            facts["xattrs"] = xattrs_of(full)
            if facts["type"] == "file":
                facts["content"] = content_of(full)
            elif facts["type"] == "symlink":
                facts["target"] = os.readlink(full)
        except OSError as failure:
            facts["error"] = errno.errorcode[failure.errno]
        facts["same inode as"] = groups.setdefault((status.st_dev, status.st_ino), path)
        snapshot[path] = facts
    return snapshot


def exact(root):
    """Everything about a tree that must not change while it is a lower layer. Only reading may show: in access times, and on tmpfs in
    the blocks that a mapping of a hole takes."""
    snapshot = {}
    for path, full, status in walk(root):
        facts = {name: getattr(status, name) for name in (
            "st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size", "st_rdev", "st_mtime_ns", "st_ctime_ns")}
        facts["xattrs"] = xattrs_of(full)
        if stat.S_ISREG(status.st_mode):
            facts["content"] = content_of(full)
        elif stat.S_ISLNK(status.st_mode):
            facts["target"] = os.readlink(full)
        snapshot[path] = facts
    return snapshot


def inodes(root):
    """Path to inode number; None for what cannot be looked at, and for a directory that cannot be listed, under its path with a slash."""
    return {path: None if isinstance(status, OSError) else status.st_ino for path, _, status in walk(root)}


def differences(reference, other):
    """Lines that tell where two snapshots differ, as (path, field, reference value, other value)."""
    found = []
    for path in sorted(reference.keys() | other.keys()):
        left, right = reference.get(path), other.get(path)
        if left is None or right is None:
            found.append((path, "exists", left is not None, right is not None))
            continue
        for name in sorted(left.keys() | right.keys()):
            if left.get(name) != right.get(name):
                found.append((path, name, left.get(name), right.get(name)))
    return found
