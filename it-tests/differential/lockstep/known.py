"""The differences from the kernel's overlayfs that are no fault of the system under test, all of them, each with its reason.

There are six kinds, and nothing is loosened elsewhere: what is never tried, options that mean something else when they are left
out, what is asked of the reference in other words, what is tried on the system under test alone, since the reference would go on
with another tree, what is left out by what is open, for the same reason, and which pairs of results count as equal.
"""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from .actors import ROLES

FUSE = frozenset({"samepage", "samepage-nopassthrough", "samepage-partial", "samepage-page", "samepage-libfuse", "fuse-overlayfs"})
SAMEPAGE = frozenset({"samepage", "samepage-nopassthrough", "samepage-partial", "samepage-page", "samepage-libfuse"})
CACHED = frozenset({"samepage-nopassthrough", "samepage-libfuse"})
LIBFUSE = frozenset({"samepage-libfuse"})
PARTIAL = frozenset({"samepage-partial", "samepage-page"})
PAGED = frozenset({"samepage-page"})

# What the virtual file system answers by itself, before it asks any file system.
_EARLIER_ERRORS = ("EBADF", "EPERM", "EISDIR", "ENODEV", "ESPIPE", "EINVAL", "EFBIG", "EXDEV", "ETXTBSY", "no slot")

# What the walk along a path answers.
_PATH_ERRORS = ("ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG", "EROFS")

NEVER_TRIED = {
    "hard links in lower layers, with index off":
        "the kernel then breaks a lower file's links at copy-up; samepage keeps them together. With index=on both keep them.",
    "index=on with userxattr":
        "the kernel mounts it once, then fails: it cannot keep user.* attributes on the devices in its index.",
    "writes through a mapping after the end of the file":
        "whether they show once the file has grown is nobody's promise: file systems differ, and the FUSE client keeps them.",
    "times set while data that were written through a mapping are not in the file yet":
        "the FUSE client has a file system tell the time when they get there, others when they were written.",
    "writes through a mapping to a page that was only read through it before, without a fault":
        "tmpfs maps such a page for writing at once (vma_wants_writenotify()), and then sees no write that it could tell the time of.",
    "sendfile within one file":
        "the pipe holds pages of the file that it is written to, so that what is written changes what is yet to be written.",
    "names that begin with .wh.":
        "samepage reads the whiteouts of AUFS and OCI in lower layers; to the kernel they are ordinary files.",
    "the size of a directory": "says how the backing file system stores the directory.",
    "st_blocks, and times that nobody set": "say how and when the backing file system stored the file.",
}


# What samepage does when the option is left out, told to the kernel in so many words.
DEFAULTS = {
    "redirect_dir": "on",  # whoever renames a directory wants it renamed; the kernel follows redirects unless it is told not to
}


@dataclass(frozen=True)
class SaidOtherwise:
    """Operations that the kernel's overlayfs refuses and the system under test does: the reference is asked for the same outcome."""

    name: str
    reason: str
    systems: frozenset
    concerns: Callable
    instead: Callable


SAID_OTHERWISE = [
    SaidOtherwise(
        "RENAME_WHITEOUT", "ovl_rename() refuses all flags but NOREPLACE and EXCHANGE; to see, what is left is a name that is gone",
        SAMEPAGE, lambda op: op["op"] == "rename" and op["flags"] == ["WHITEOUT"], lambda op: {**op, "flags": []}),
]


@dataclass(frozen=True)
class TriedAlone:
    """Operations that a FUSE file system cannot be asked for: each must fail on it, and is kept from the reference."""

    name: str
    reason: str
    systems: frozenset
    concerns: Callable
    allowed: tuple


TRIED_ALONE = [
    TriedAlone(
        "fallocate that moves data", "the kernel's FUSE client refuses COLLAPSE_RANGE, INSERT_RANGE and UNSHARE_RANGE", FUSE,
        lambda op: op["op"] == "fallocate" and {"COLLAPSE_RANGE", "INSERT_RANGE", "UNSHARE_RANGE"} & set(op["modes"]),
        ("ENOTSUP", *_EARLIER_ERRORS)),
    TriedAlone(
        "FICLONE", "the protocol has no request for it; copy_file_range does the same where the backing file systems can", FUSE,
        lambda op: op["op"] == "clone", ("ENOTSUP", "ENOTTY", *_EARLIER_ERRORS)),
    TriedAlone(
        "O_TMPFILE", "FUSE_TMPFILE is of protocol 7.37, and libfuse 2 speaks 7.19", LIBFUSE,
        lambda op: op["op"] == "tmpfile", ("ENOTSUP", *_PATH_ERRORS, *_EARLIER_ERRORS)),
    TriedAlone(
        "the flags of renameat2(2)", "FUSE_RENAME2 is of protocol 7.23, and libfuse 2 speaks 7.19: the kernel refuses by itself", LIBFUSE,
        lambda op: op["op"] == "rename" and op["flags"] and op["path"] != op["new"],
        ("EEXIST", "ENOTEMPTY", "EBUSY", *_PATH_ERRORS, *_EARLIER_ERRORS)),
]


@dataclass(frozen=True)
class Ask:
    """How to find out more: functions that perform an operation on one side."""

    reference: Callable
    other: Callable


@dataclass(frozen=True)
class LeftOut:
    """Operations that neither side does, since the reference would do more than it is asked for. `concerns` is given the operation and
    an Ask."""

    name: str
    reason: str
    systems: frozenset
    concerns: Callable


def _removed_lower_special_file(op, ask):
    if op["op"] not in ("chmod", "chown", "utimens", "setxattr", "removexattr") or op.get("slot") is None:
        return False
    status = {"op": "fstat", "slot": op["slot"], **_by(op)}
    other = ask.other(status).get("ok", {})
    # As long as it is lower the reference shows the links of the lower file: see _removed_lower_file.
    return (other.get("type") in ("fifo", "char", "block") and other.get("nlink") == 0
            and ask.reference(status).get("ok", {}).get("nlink", 0) > 0)


LEFT_OUT = [
    LeftOut(
        "a change of an open lower fifo or device whose name was removed",
        "ovl_copy_up_workdir() renames the copy over the whiteout, and so the name is back; samepage copies it up without a name", SAMEPAGE,
        _removed_lower_special_file),
]


@dataclass(frozen=True)
class CountsAsEqual:
    """Pairs of results of one operation that both are right. `accepts` is given the operation, both results, and an Ask."""

    name: str
    reason: str
    systems: frozenset
    accepts: Callable
    # To the operations that both sides do afterwards, so that they are equal again; given what did not fail, too.
    undo: Callable | None = None


def _owner_of_open_file_lock(op, reference, other, ask):
    shown = reference.get("ok"), other.get("ok")
    return (op["op"] == "get_lock" and all(isinstance(lock, list) for lock in shown)
            and (shown[0][-1] == "nobody" or (op.get("open_file") and shown[1][-1] == "nobody")) and shown[0][:-1] == shown[1][:-1])


def _mapping_of_old_file(op, reference, other, ask):
    if op["op"] not in ("map_read", "map_write"):
        return False
    where = {"area": op["area"], "offset": op["offset"], "length": op["length"], **_by(op)}
    now = ask.reference({"op": "map_source", **where})
    return now == {"err": "no slot"} or (op["op"] == "map_read" and now == ask.other({"op": "map_inside", **where}))


def _unfindable_names(op, reference, other, ask):
    if op["op"] not in ("readdir", "readdir_inodes", "readdir_amid_changes"):
        return False
    names = ask.reference({"op": "unfindable", "path": op["path"], **_by(op)}).get("ok")
    if not names:
        return False
    if op["op"] == "readdir_inodes":
        return other == {"ok": []}
    return _without(names, reference) == _without(names, other)


def _by(op):
    return {"by": op["by"]} if "by" in op else {}


def _without(names, value):
    """A result without those names, wherever they stand in it."""
    if isinstance(value, dict):
        return {key: _without(names, part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without(names, part) for part in value
                if not (part in names if isinstance(part, str) else isinstance(part, list) and part and part[0] in names)]
    return value


def _right_inode_numbers(op, reference, other, ask):
    return (op["op"] == "readdir_inodes" and "ok" in reference and "ok" in other and set(other["ok"]) <= set(reference["ok"]))


def _mapping_of_append_only_file(op, reference, other, ask):
    return op["op"] == "map" and op["shared"] and reference == {"err": "EACCES"} and "ok" in other


def _removed_lower_file(op, reference, other, ask):
    if op["op"] not in ("fstat", "reopen") or "ok" not in reference or "ok" not in other or other["ok"].get("nlink") != 0:
        return False
    return {**reference["ok"], "nlink": 0} == other["ok"]


def _hole_that_was_kept(op, reference, other, ask):
    """Nothing but zeros where the reference has data and the other side has none."""
    if op["op"] != "seek" or op["whence"] not in ("DATA", "HOLE") or other.get("err", "ENXIO") != "ENXIO":
        return False
    same = {"slot": op["slot"], **_by(op)}
    if op["whence"] == "DATA":
        start, end = reference.get("ok"), other.get("ok")
    else:
        start = other.get("ok")
        end = None if start is None else ask.other({"op": "seek", "offset": start, "whence": "DATA", **same}).get("ok")
    return start is not None and ask.reference({"op": "are_zeros", "start": start, "end": end, **same}) == {"ok": True}


def _all_is_data(op, reference, other, ask):
    """What the kernel answers by itself (generic_file_llseek_size())."""
    return op["op"] == "seek" and op["whence"] in ("DATA", "HOLE") and ("ok" in other or other == {"err": "ENXIO"})


def _two_names_of_one_file(op, reference, other, ask):
    if op["op"] != "rename" or op["flags"] or reference != {"ok": None} or other.get("err") not in ("EACCES", "EPERM"):
        return False
    inodes = ask.reference({"op": "inodes"})["ok"]
    return op["path"] in inodes and inodes[op["path"]] == inodes.get(op["new"])


def _protected(op, reference, other, ask):
    if reference != {"err": "EPERM"} or other.get("err") not in ("EACCES", "ENOTDIR", "EISDIR"):
        return False
    paths = [op[path] for path in ("path", "new") if op.get(path) is not None]
    subjects = [{"path": path} for path in (*paths, *map(posixpath.dirname, paths))]
    if not subjects and "slot" in op:
        subjects = [{"slot": op["slot"], **_by(op)}]
    return any(ask.reference({"op": "protected", **subject}) == {"ok": True} for subject in subjects)


def _copy_between_file_systems(op, reference, other, ask):
    return op["op"] == "copy_range" and reference == {"err": "EXDEV"} and ("ok" in other or other == {"err": "EINVAL"})


def _copy_into_immutable_file(op, reference, other, ask):
    return (op["op"] == "copy_range" and reference == {"err": "EPERM"} and "ok" in other
            and ask.reference({"op": "protected", "slot": op["target"], **_by(op)}) == {"ok": True})


def _metacopy_of_a_longer_file(op, reference, other, ask):
    if op["op"] not in ("write_file", "open", "truncate") or reference != {"err": "EIO"} or "ok" not in other:
        return False
    return ask.reference({"op": "surplus", "path": op["path"]}).get("ok", 0) > 0


def _content_of_longer_file(op, reference, other, ask):
    return (op["op"] == "read_file" and "ok" in reference and "ok" in other
            and ask.reference({"op": "surplus", "path": op["path"]}).get("ok", 0) > 0
            and ask.other({"op": "surplus", "path": op["path"]}) == {"ok": 0})


def _directory_not_copied_up(op, reference, other, ask):
    kernels, others = reference.get("ok"), other.get("ok")
    return (isinstance(kernels, dict) and isinstance(others, dict) and kernels.get("type") == "directory" and kernels.get("nlink") == 1
            and {**others, "nlink": 1} == kernels)


def _still_mapped(op, reference, other, ask):
    return op["op"] == "execute" and reference != other == {"err": "ETXTBSY"}


def _direct_copy(op, reference, other, ask):
    if op["op"] != "copy_range" or reference != {"err": "EINVAL"} or "ok" not in other:
        return False
    return any(ask.reference({"op": "is_direct", "slot": op[slot], **_by(op)}) == {"ok": True} for slot in ("source", "target"))


def _size_of_superseded_file(op, reference, other, ask):
    """Once it has been asked for the size, the other side does the same."""
    if op["op"] != "copy_range" or "ok" not in other:
        return False
    ask.other({"op": "fstat", "slot": op["source"], **_by(op)})
    return ask.other(op) == reference


def _direct(op, reference, other, ask):
    if op["op"] not in ("read", "pread", "direct_read", "write", "pwrite", "direct_write"):
        return False
    return ({"err": "EINVAL"} in (reference, other) and "ok" in {**reference, **other}
            and ask.reference({"op": "is_direct", "slot": op["slot"], **_by(op)}) == {"ok": True})


def _undo_direct(op, result):
    """What one side wrote both write; both are at the same place of the file."""
    place = {"slot": op["slot"], **_by(op)}
    if op["op"] == "read":
        return [{"op": "seek", "offset": 0, "whence": "SET", **place}]
    if op["op"] == "write":
        count, end = result["ok"]
        return [{"op": "write_by_hand", "offset": end - count, "length": op["length"], "fill": op["fill"], **place},
                {"op": "seek", "offset": end, "whence": "SET", **place}]
    return [{**op, "op": "write_by_hand"}] if "fill" in op else []


def _time_of_mapped_write(op, reference, other, ask):
    """Once all mappings have been written back, both sides agree."""
    if op["op"] not in ("stat", "fstat", "open", "reopen") or reference.get("ok", {}).get("mtime") != "now" or "ok" not in other:
        return False
    if {**other["ok"], "mtime": "now"} != reference["ok"]:
        return False
    for role in ROLES:
        ask.other({"op": "write_areas_back", "by": role})
    again = {"op": "fstat", "slot": op.get("new", op["slot"]), **_by(op)} if op["op"] in ("open", "reopen") else op
    return ask.other(again) == reference


def _fifo_of_several_names(op, reference, other, ask):
    facts = reference.get("ok")
    return op["op"] == "open" and other == {"err": "ENXIO"} and isinstance(facts, dict) and facts["type"] == "fifo" and facts["nlink"] > 1


def _written_through_a_mapping_of_another_name(op, reference, other, ask):
    if op["op"] not in ("read_file", "pread", "direct_read") or "ok" not in reference or "ok" not in other:
        return False
    status = {"op": "stat", "path": op["path"]} if "path" in op else {"op": "fstat", "slot": op["slot"]}
    if ask.other({**status, **_by(op)}).get("ok", {}).get("nlink", 1) < 2:
        return False
    for role in ROLES:
        ask.other({"op": "write_areas_back", "by": role})
    return ask.other(op) == reference


def _end_set_by_another_name(op, reference, other, ask):
    """Once the sizes of all names have been asked for, both sides agree."""
    if op["op"] not in ("map_read", "map_write") or ({"err": "EFAULT"} == reference) == ({"err": "EFAULT"} == other):
        return False
    ask.other({"op": "inodes"})
    return ask.other(op) == reference


def _lock_of_mapped_file(op, reference, other, ask):
    if op["op"] not in ("flock", "set_lock") or "ok" not in reference or other != {"err": "EAGAIN"}:
        return False
    inode = ask.other({"op": "inode", "slot": op["slot"], **_by(op)}).get("ok")
    return any(inode in ask.other({"op": "mapped", "by": role})["ok"] for role in ROLES)


def _unlock(op, result):
    return [{**op, "how": "UN"} if op["op"] == "flock" else {**op, "kind": "UNLCK"}]


def _lock_of_closed_file(op, reference, other, ask):
    """Whoever waits gets it; where somebody really has it, this hangs, which is told."""
    if op["op"] not in ("flock", "set_lock") or "ok" not in reference or other != {"err": "EAGAIN"}:
        return False
    return ask.other({**op, "wait": True}) == reference


def _name_taken(op, reference, other, ask):
    if "slot" not in op or reference != {"err": "EEXIST"} or "ok" not in other:
        return False
    return ask.other({"op": "fstat", "slot": op.get("new", op["slot"]), **_by(op)}).get("ok", {}).get("nlink") == 0


def _reopened(op, reference, other, ask):
    # The kernel's overlayfs may have its own reason not to: see _name_taken.
    return (op["op"] in ("reopen", "get_flags", "set_flags") and ("ok" in reference or reference == {"err": "EEXIST"})
            and other == {"err": "ESTALE"})


def _both_reasons(op, reference, other, ask):
    return op["op"] == "rename" and reference == {"err": "EXDEV"} and other == {"err": "ENOTEMPTY"}


def _undo_reopened(op, result):
    if "err" in result:
        return []
    if op["op"] == "reopen":
        return [{"op": "close", "slot": op["new"], **_by(op)}]
    return [{**op, "flags": 0}] if op["op"] == "set_flags" else []


_NAMES_APART = ("libfuse 2 makes an inode of each name, with pages of its own: what is in those of one, through a mapping, is in those of "
                "another once it has been written back")

COUNTS_AS_EQUAL = [
    CountsAsEqual(
        "a file that is read from another one's pages, opened by a link in /proc for writing, or once it was written",
        "its mode of I/O cannot change while it is open, and where there is no name to look up again ESTALE reaches the caller; "
        "fuse_fileattr_get() opens what is open once more", PAGED, _reopened, _undo_reopened),
    CountsAsEqual(
        "a directory whose redirect would be too long, over one that is not empty",
        "ovl_rename() sets the redirect, or fails to (EXDEV), before vfs_rename() looks into an upper directory; samepage looks first",
        SAMEPAGE, _both_reasons),
    CountsAsEqual(
        "a change of an open lower file whose name another file has now",
        "ovl_copy_up_one() copies it up under its old name, which is taken: EEXIST; samepage copies it up without a name", SAMEPAGE,
        _name_taken, lambda op, result: [{"op": "close", "slot": op.get("new", op["slot"]), **_by(op)}]),
    CountsAsEqual(
        "holes that copy-up keeps",
        "ovl_copy_up_file() looks for a hole once in a MiB and fills all others; samepage keeps them", SAMEPAGE, _hole_that_was_kept,
        lambda op, result: [{"op": "seek", "slot": op["slot"], "offset": op["offset"], "whence": "SET", **_by(op)}]),
    CountsAsEqual(
        "no birth time", "FUSE_STATX is of protocol 7.39, and libfuse 2 speaks 7.19", LIBFUSE,
        lambda op, reference, other, ask: op["op"] == "statx" and other == {"ok": {**reference.get("ok", {}), "birth": False}}),
    CountsAsEqual(
        "a rename of one name of a file over another by who may not", "vfs_rename() does nothing for two names of one inode before it asks "
        "for permission; libfuse 2 makes an inode of each name", LIBFUSE, _two_names_of_one_file),
    CountsAsEqual(
        "SEEK_HOLE and SEEK_DATA in a file that is all data",
        "FUSE_LSEEK is of protocol 7.24, and libfuse 2 speaks 7.19: the kernel takes all of a file for data", LIBFUSE, _all_is_data,
        lambda op, result: [{"op": "seek", "slot": op["slot"], "offset": op["offset"], "whence": "SET", **_by(op)}]),
    CountsAsEqual(
        "copy_file_range into an immutable file that was open before",
        "FUSE_COPY_FILE_RANGE is of protocol 7.28, and libfuse 2 speaks 7.19: the kernel reads and writes, which is allowed there",
        LIBFUSE, _copy_into_immutable_file, lambda op, result: [{**op, "op": "copy_through"}]),
    CountsAsEqual(
        "another reason to refuse a change of an immutable file or directory",
        "may_delete() and inode_permission() look at S_IMMUTABLE of the inode before its type and mode, and the protocol has nothing that "
        "could set it on a FUSE inode", FUSE, _protected),
    CountsAsEqual(
        "the content of a metacopy of a file that is longer",
        "ovl_read_iter() reads the file below to its own end; through the cache nothing is read after the size that stat(2) shows",
        CACHED, _content_of_longer_file),
    CountsAsEqual(
        "the links of a directory in which a file is open for writing",
        "ovl_copy_up() brings up the directories above as well, and of those that are merged links are not counted; page by page they are "
        "brought up when the file is complete", PARTIAL, _directory_not_copied_up),
    CountsAsEqual(
        "a program that is mapped by who could write it and has closed it",
        "ovl_mmap() has the mapping hold the file below, and passthrough does, so that nobody has the overlay's open for writing; a file that "
        "is copied up page by page is mapped through the cache", CACHED | PARTIAL, _still_mapped),
    CountsAsEqual(
        "copy_file_range of an odd range through O_DIRECT",
        "ovl_copy_file_range() splices through files that are open with O_DIRECT; samepage's daemon copies without", SAMEPAGE,
        _direct_copy, lambda op, result: [{**op, "op": "copy_by_hand"}]),
    CountsAsEqual(
        "copy_file_range through a descriptor that was open before the file was written, and has been made longer since",
        "generic_copy_file_checks() goes by the size that the FUSE client has seen last of the inode, which is an earlier one",
        SAMEPAGE, _size_of_superseded_file, lambda op, result: [{**op, "op": "copy_through"}]),
    CountsAsEqual(
        "what must be aligned for O_DIRECT where the daemon reads and writes",
        "fuse_direct_io() tells it no address; and iomap_dio_rw() looks at offset and length only where a file has data, the daemon always",
        SAMEPAGE, _direct, _undo_direct),
    CountsAsEqual(
        "the time of a file that is written through a mapping",
        "the FUSE client keeps what is written in its cache, and tells the file system when it writes it back; fuse_page_mkwrite() sets no "
        "time (S_NOCMTIME), where ovl_mmap() has the file below do it at once", CACHED | PARTIAL, _time_of_mapped_write),
    CountsAsEqual(
        "the other end of a fifo, by another name", "libfuse 2 makes an inode of each name, and so the kernel a pipe", LIBFUSE,
        _fifo_of_several_names, lambda op, result: [{"op": "close", "slot": op["slot"], **_by(op)}]),
    CountsAsEqual(
        "what is written through a mapping of one name and read by another", _NAMES_APART, LIBFUSE,
        _written_through_a_mapping_of_another_name),
    CountsAsEqual(
        "where a mapping of one name ends, when another name has made the file longer or shorter",
        "libfuse 2 makes an inode of each name: filemap_fault() goes by the size that was last asked for, and only truncate_pagecache(), "
        "when the kernel sees a smaller one, takes what is private to a mapping", LIBFUSE, _end_set_by_another_name),
    CountsAsEqual(
        "a lock that somebody held who has closed the file, and has it mapped",
        "a mapping holds the open file, and so its lock; ovl_mmap() has it hold the file below, and so does passthrough, but not what is "
        "opened while the last RELEASE of a reader through the cache is on its way", FUSE, _lock_of_mapped_file, _unlock),
    CountsAsEqual(
        "a lock that somebody held who has closed the file",
        "fuse_file_put() queues RELEASE, and close() does not wait for it", FUSE, _lock_of_closed_file),
    CountsAsEqual(
        "copy_file_range between two file systems below",
        "fuse_copy_file_range() takes EXDEV for a reason to splice, which O_DIRECT may forbid with EINVAL; it does not let it through",
        FUSE, _copy_between_file_systems, lambda op, result: [{**op, "op": "copy_by_hand"}]),
    CountsAsEqual(
        "a metacopy of a file that is longer and begins with a hole",
        "ovl_copy_up_file() subtracts the hole from the metacopy's size, goes below zero and fails with EIO", SAMEPAGE,
        _metacopy_of_a_longer_file,
        lambda op, result: [{"op": "close", "slot": op.get("slot"), **_by(op)}] * (op["op"] == "open") + [{"op": "unlink", "path": op["path"]}]),
    CountsAsEqual(
        "a removed lower file that is still open has no links",
        "ovl_getattr() shows the links of the lower file, which keeps its name in its layer", SAMEPAGE, _removed_lower_file),
    CountsAsEqual(
        "a shared mapping of a file that may only be appended to, through a descriptor that can write",
        "do_mmap() looks at S_APPEND of the inode, and the protocol has nothing that could set it on a FUSE inode", FUSE,
        _mapping_of_append_only_file, lambda op, result: [{"op": "unmap", "area": op["area"], **_by(op)}]),
    CountsAsEqual(
        "d_ino that is st_ino, where the kernel's is not",
        "ovl_getattr() maps an inode number into a number space that ovl_iterate_real() does not map it into, over several file systems",
        SAMEPAGE, _right_inode_numbers),
    CountsAsEqual(
        "who holds an open file description's lock",
        "fuse_setlk() tells the daemon the process and not whether the lock is F_OFD_SETLK's, which the kernel shows as nobody's; and the "
        "answer to F_OFD_GETLK keeps FL_OFDLCK of the question, so that locks_translate_pid() shows nobody", FUSE,
        _owner_of_open_file_lock),
    CountsAsEqual(
        "a mapping through a descriptor that was opened before the copy-up",
        "ovl_mmap() maps the file that was opened, so that the mapping keeps what read() of the same descriptor no longer returns; where "
        "samepage reads through the cache of one inode, both show the file as it is", SAMEPAGE, _mapping_of_old_file),
    CountsAsEqual(
        "names that are listed and cannot be found",
        "ovl_dir_is_real(): the kernel lists a directory that is not merged as it is, with whiteouts; samepage does not", SAMEPAGE,
        _unfindable_names),
]


def default_options(system, options):
    """What the kernel must be told beside the options, so that it does what the system does by itself."""
    if system not in SAMEPAGE or "userxattr" in options:
        return {}
    return {name: value for name, value in DEFAULTS.items() if name not in options}


def for_reference(system, op):
    """The operation as the reference is to perform it."""
    return next((known.instead(op) for known in SAID_OTHERWISE if system in known.systems and known.concerns(op)), op)


def comparable(system, reference, other):
    """Two snapshots without the names of _unfindable_names, and with one number for all names of one file.

    The kernel shows a symlink or special file that was copied up, where it can have no user.overlay.origin, under the lower file's
    number; and under its own by names that were linked afterwards (ovl_getattr() goes by what lies below the name), or once it has
    forgotten the inode.
    """
    if system in SAMEPAGE:
        lost = {path for path, facts in reference.items() if facts == {"error": "ENOENT"} and other.get(path, facts) == facts}
        reference, other = ({path: facts for path, facts in side.items() if path not in lost} for side in (reference, other))
    if system in PARTIAL:
        other = {path: {**facts, "nlink": 1} if facts.get("type") == "directory" and reference.get(path, facts).get("nlink") == 1 else facts
                 for path, facts in other.items()}
    for path, facts in reference.items():
        group = other.get(path, facts).get("same inode as")
        if facts.get("type") not in ("file", "directory") and facts.get("nlink", 1) > 1 and group in reference:
            if {**reference[group], "same inode as": ""} == {**facts, "same inode as": ""}:
                reference[path] = {**facts, "same inode as": group}
    return reference, other


def numbers_that_change(options, kinds):
    """The paths that may have another inode number once they have been forgotten: with userxattr nothing says of what a copied-up symlink
    or special file was made, since it can have no user.* attribute. `kinds` are the types of all there is."""
    return {path for path, kind in kinds.items() if "userxattr" in options and kind not in ("file", "directory")}


def may_show_later(system, found, other):
    """Whether all of the differences `found` between two snapshots may be gone when the other side's mappings have been written back:
    see _NAMES_APART and _time_of_mapped_write."""
    return all(
        (system in LIBFUSE and field in ("content", "mtime") and other.get(path, {}).get("nlink", 1) > 1)
        or (system in CACHED | PARTIAL and field == "mtime" and left == "now")
        for path, field, left, _ in found)


def left_out(system, op, ask):
    return next((known for known in LEFT_OUT if system in known.systems and known.concerns(op, ask)), None)


def tried_alone(system, op):
    return next((known for known in TRIED_ALONE if system in known.systems and known.concerns(op)), None)


def counts_as_equal(system, op, reference, other, ask):
    return next((known for known in COUNTS_AS_EQUAL if system in known.systems and known.accepts(op, reference, other, ask)), None)
