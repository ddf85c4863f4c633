"""The differences from the kernel's overlayfs that are no fault of the system under test, all of them, each with its reason.

There are three kinds, and nothing is loosened elsewhere: what is never tried, what is tried on the system under test alone, since
the reference would go on with another tree, and which pairs of results count as equal.
"""

from collections.abc import Callable
from dataclasses import dataclass

FUSE = frozenset({"samepage", "samepage-nopassthrough", "fuse-overlayfs"})
SAMEPAGE = frozenset({"samepage", "samepage-nopassthrough"})

# What the virtual file system answers by itself, before it asks any file system.
_EARLIER_ERRORS = ("EBADF", "EPERM", "EISDIR", "ENODEV", "ESPIPE", "EINVAL", "EFBIG", "EXDEV", "ETXTBSY", "no slot")

NEVER_TRIED = {
    "hard links in lower layers, with index off":
        "the kernel then breaks a lower file's links at copy-up; samepage keeps them together. With index=on both keep them.",
    "index=on with userxattr":
        "the kernel mounts it once, then fails: it cannot keep user.* attributes on the devices in its index.",
    "names that begin with .wh.":
        "samepage reads the whiteouts of AUFS and OCI in lower layers; to the kernel they are ordinary files.",
    "the size of a directory": "says how the backing file system stores the directory.",
    "st_blocks, and times that nobody set": "say how and when the backing file system stored the file.",
}


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
]


@dataclass(frozen=True)
class CountsAsEqual:
    """Pairs of results of one operation that both are right."""

    name: str
    reason: str
    systems: frozenset
    accepts: Callable


COUNTS_AS_EQUAL = []


def tried_alone(system, op):
    return next((known for known in TRIED_ALONE if system in known.systems and known.concerns(op)), None)


def counts_as_equal(system, op, reference, other):
    return any(system in known.systems and known.accepts(op, reference, other) for known in COUNTS_AS_EQUAL)
