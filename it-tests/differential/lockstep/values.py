"""Random values that several kinds of operation need: names, modes, times, attributes, access control lists."""

import os
import struct

from .actors import GROUP, OTHER_GROUP, USER

# Few, so that layers and operations meet at the same paths. Names are bytes: one is not UTF-8, one is as long as can be.
NAMES = ["a", "b", "c", "d", "e", "dir", "sub", "file.txt", "\u00e9t\u00e9", os.fsdecode(b"\xff\xfe"), "new\nline", " ", "x" * 255]
_NAME_WEIGHTS = [8, 8, 6, 6, 4, 6, 5, 4, 2, 2, 1, 1, 1]
OWNERS = [0, 0, USER, USER, OTHER_GROUP, 12345]
GROUPS = [0, GROUP, GROUP, OTHER_GROUP, 12345]
PROGRAM = "tool"
MODES = [0o644, 0o600, 0o755, 0o666, 0o777, 0o444, 0o400, 0o000, 0o640,
         0o4755, 0o2755, 0o6777, 0o2644, 0o1777, 0o1755, 0o2775, 0o3777]
SIZES = [0, 1, 10, 100, 511, 512, 513, 4095, 4096, 4097, 5000, 8192, 12288, 20000, 65536, 70001]
OFFSETS = [0, 0, 0, 1, 100, 511, 512, 4000, 4095, 4096, 4097, 8192, 10000, 16384, 50000, 65536, 131072]
ATTRIBUTES = ["user.a", "user.b", "user." + "n" * 100, "trusted.t", "security.s"]
USER_OBJ, NAMED_USER, GROUP_OBJ, NAMED_GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
_NOBODY = 0xFFFFFFFF


def name(rng):
    return rng.choices(NAMES, _NAME_WEIGHTS)[0]


def old_time(rng):
    """Nanoseconds of a time that no clock shows while the test runs: long ago, before 1970 at times, or in a hundred years."""
    seconds = rng.choice([rng.randrange(10**9), rng.randrange(10**9), -rng.randrange(10**8), 4 * 10**9 + rng.randrange(10**6)])
    return seconds * 10**9 + rng.choice([0, 1, 999999999, rng.randrange(10**9)])


def access_list(rng):
    """A valid POSIX ACL in the form of its xattr, in hex."""
    entries = [(USER_OBJ, rng.randrange(8), _NOBODY)]
    if rng.random() < 0.7:
        entries.append((NAMED_USER, rng.randrange(8), USER))
    entries.append((GROUP_OBJ, rng.randrange(8), _NOBODY))
    if rng.random() < 0.5:
        entries.append((NAMED_GROUP, rng.randrange(8), rng.choice([OTHER_GROUP, 12345])))
    if any(tag in (NAMED_USER, NAMED_GROUP) for tag, _, _ in entries):
        entries.append((MASK, rng.randrange(8), _NOBODY))
    entries.append((OTHER, rng.randrange(8), _NOBODY))
    return (struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)).hex()


def capability():
    """security.capability with cap_net_bind_service=ep: the kernel drops it when the file is written or given away."""
    return struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0).hex()


def attribute(rng):
    """A (name, value in hex) that may be set on something."""
    kind = rng.random()
    if kind < 0.16:
        return "system.posix_acl_access", access_list(rng)
    if kind < 0.30:
        return "system.posix_acl_default", access_list(rng)
    if kind < 0.36:
        return "security.capability", capability()
    return rng.choice(ATTRIBUTES), rng.randbytes(rng.choice([0, 1, 5, 20, 100])).hex()


def symlink_target(rng):
    """Never out of the tree: operations follow links."""
    return rng.choice(["a", "b", "dir", "dir/a", "a/b", "file.txt", "none", "/nonexistent/target", os.fsdecode(b"\xff\xfe"), "t" * 300])


def special(rng):
    """Arguments of mknod: a fifo, a socket, or a device that is safe to open."""
    kind = rng.choice(["fifo", "fifo", "socket", "char", "char", "block"])
    arguments = {"kind": kind, "mode": rng.choice([0o644, 0o600, 0o666])}
    if kind == "char":
        arguments["major"], arguments["minor"] = rng.choice([(1, 3), (1, 5), (240, 7)])
    elif kind == "block":
        arguments["major"], arguments["minor"] = 240, rng.choice([1, 300])
    return arguments
