"""Short stories: operations that mean something only one after another, as programs and users do them.

Each takes the random generator and a path, mostly of an existing file, and returns operations; other ones do not come between them.
Slots 10 and up are theirs.
"""

from . import values

_FIRST, _SECOND, _THIRD = 10, 11, 12


def read_across_copy_up(rng, path):
    """A descriptor opened for reading before a copy-up reads what is written after it, at once and after a rename."""
    writer = rng.choice(["root", "peer"])
    return [
        _open(path, _FIRST, "RDONLY"),
        {"op": "pread", "slot": _FIRST, "offset": 0, "length": 5000},
        {"op": "fstat", "slot": _FIRST},
        {"op": "write_file", "path": path, "offset": rng.choice([0, 100, 4096]), "length": rng.choice([1, 100, 9000]),
         "fill": rng.randrange(10**6), "flags": rng.choice([[], ["TRUNC"], ["APPEND"]]), "by": writer},
        {"op": "pread", "slot": _FIRST, "offset": 0, "length": 20000},
        {"op": "fstat", "slot": _FIRST},
        {"op": "seek", "slot": _FIRST, "offset": 0, "whence": "END"},
        {"op": "read_file", "path": path},
        {"op": "close", "slot": _FIRST},
    ]


def map_across_copy_up(rng, path):
    """A mapping made before a copy-up, and one made after it from the descriptor opened before."""
    return [
        _open(path, _FIRST, "RDONLY"),
        _open(path, _SECOND, "RDWR"),
        {"op": "map", "slot": _SECOND, "area": _FIRST, "shared": True, "writable": True, "offset": 0, "length": 8192},
        {"op": "map", "slot": _FIRST, "area": _SECOND, "shared": rng.random() < 0.5, "writable": False, "offset": 0, "length": 8192},
        {"op": "map_write", "area": _FIRST, "offset": rng.choice([0, 10, 4090]), "length": 20, "fill": rng.randrange(10**6)},
        {"op": "map_read", "area": _SECOND, "offset": 0, "length": 5000},
        {"op": "pwrite", "slot": _SECOND, "offset": 5, "length": 50, "fill": rng.randrange(10**6)},
        {"op": "map_read", "area": _FIRST, "offset": 0, "length": 5000},
        {"op": "pread", "slot": _FIRST, "offset": 0, "length": 5000},
        {"op": "unmap", "area": _FIRST},
        {"op": "unmap", "area": _SECOND},
        {"op": "stat", "path": path},
        {"op": "close", "slot": _FIRST},
        {"op": "close", "slot": _SECOND},
    ]


def use_after_unlink(rng, path):
    """A descriptor outlives the name."""
    return [
        _open(path, _FIRST, rng.choice(["RDONLY", "RDWR"])),
        rng.choice([{"op": "unlink", "path": path}, {"op": "rename", "path": path, "new": path + "2", "flags": []}]),
        {"op": "fstat", "slot": _FIRST},
        {"op": "pread", "slot": _FIRST, "offset": 0, "length": 5000},
        {"op": "pwrite", "slot": _FIRST, "offset": 0, "length": 100, "fill": rng.randrange(10**6)},
        {"op": "ftruncate", "slot": _FIRST, "length": 50},
        {"op": "fstat", "slot": _FIRST},
        {"op": "stat", "path": path},
        {"op": "close", "slot": _FIRST},
    ]


def replace_and_remove(rng, path):
    """As editors save: a new file beside it, renamed over it; then it goes."""
    fresh = path[:-1] + "~"
    return [
        {"op": "write_file", "path": fresh, "offset": 0, "length": 10, "fill": rng.randrange(10**6), "flags": ["CREAT", "TRUNC"]},
        {"op": "rename", "path": fresh, "new": path, "flags": []},
        {"op": "read_file", "path": path},
        {"op": "unlink", "path": path},
        {"op": "stat", "path": path},
        {"op": "drop_caches"},
        {"op": "stat", "path": path},
    ]


def nameless_file_gets_a_name(rng, path):
    """O_TMPFILE, then linkat."""
    directory, _, _ = path.rpartition("/")
    return [
        {"op": "tmpfile", "path": directory, "flags": ["RDWR"], "mode": rng.choice(values.MODES), "slot": _FIRST},
        {"op": "pwrite", "slot": _FIRST, "offset": 0, "length": rng.choice(values.SIZES), "fill": rng.randrange(10**6)},
        {"op": "link_descriptor", "slot": _FIRST, "new": (directory + "/" if directory else "") + values.name(rng)},
        {"op": "fstat", "slot": _FIRST},
        {"op": "close", "slot": _FIRST},
    ]


def two_lockers(rng, path):
    """Two processes want the same locks, before and after a copy-up and a rename."""
    kind = rng.choice(["RDLCK", "WRLCK"])
    between = rng.choice([
        {"op": "chmod", "path": path, "mode": 0o644},
        {"op": "write_file", "path": path, "offset": 0, "length": 10, "fill": 1, "flags": []},
        {"op": "setxattr", "path": path, "name": "user.a", "value": "00"},
        {"op": "drop_caches"},
    ])
    return [
        {**_open(path, _FIRST, rng.choice(["RDONLY", "RDWR"]))},
        {"op": "flock", "slot": _FIRST, "how": "EX"},
        {"op": "set_lock", "slot": _FIRST, "kind": kind, "start": 10, "length": 20},
        between,
        {**_open(path, _SECOND, "RDWR"), "by": "peer"},
        {"op": "flock", "slot": _SECOND, "how": rng.choice(["SH", "EX"]), "by": "peer"},
        {"op": "get_lock", "slot": _SECOND, "kind": "WRLCK", "start": 0, "length": 0, "by": "peer"},
        {"op": "set_lock", "slot": _SECOND, "kind": rng.choice(["RDLCK", "WRLCK"]), "start": 25, "length": 10, "by": "peer"},
        {"op": "set_lock", "slot": _SECOND, "kind": "WRLCK", "start": 30, "length": 0, "by": "peer", "open_file": rng.random() < 0.3},
        {"op": "get_lock", "slot": _FIRST, "kind": "WRLCK", "start": 0, "length": 0},
        {"op": "flock", "slot": _FIRST, "how": "UN"},
        {"op": "flock", "slot": _SECOND, "how": "EX", "by": "peer"},
        # Any descriptor's close drops the process's fcntl locks on the file, by POSIX.
        _open(path, _THIRD, "RDONLY"),
        {"op": "close", "slot": _THIRD},
        {"op": "set_lock", "slot": _SECOND, "kind": "WRLCK", "start": 0, "length": 100, "by": "peer"},
        {"op": "close", "slot": _SECOND, "by": "peer"},
        {"op": "flock", "slot": _FIRST, "how": "EX"},
        {"op": "close", "slot": _FIRST},
    ]


def user_writes_setuid_file(rng, path):
    """A write by somebody without privilege takes the setuid bit and the capability away."""
    return [
        {"op": "chmod", "path": path, "mode": rng.choice([0o6777, 0o4666, 0o2777, 0o2767])},
        {"op": "setxattr", "path": path, "name": "security.capability", "value": values.capability()},
        {"op": "stat", "path": path},
        rng.choice([
            {"op": "write_file", "path": path, "offset": 0, "length": 10, "fill": 5, "flags": [], "by": "user"},
            {"op": "truncate", "path": path, "length": 5, "by": "user"},
            {"op": "write_file", "path": path, "offset": 0, "length": 10, "fill": 5, "flags": ["TRUNC"], "by": "user"},
            {"op": "chown", "path": path, "uid": -1, "gid": 1001, "by": "root"},
        ]),
        {"op": "stat", "path": path},
        {"op": "getxattr", "path": path, "name": "security.capability"},
    ]


def children_of_default_acl(rng, path):
    """What is made below a default ACL takes it over, and the umask does nothing there."""
    directory, _, _ = path.rpartition("/")
    inside = (directory + "/" if directory else "") + values.name(rng)
    return [
        {"op": "setxattr", "path": directory, "name": "system.posix_acl_default", "value": values.access_list(rng)},
        {"op": "umask", "mask": rng.choice([0, 0o022, 0o077, 0o777])},
        rng.choice([
            {"op": "mkdir", "path": inside, "mode": rng.choice(values.MODES)},
            {"op": "write_file", "path": inside, "offset": 0, "length": 1, "fill": 1, "flags": ["CREAT", "EXCL"], "mode": 0o666},
            {"op": "mknod", "path": inside, "kind": "fifo", "mode": 0o666},
            {"op": "tmpfile", "path": directory, "flags": ["RDWR"], "mode": 0o666, "slot": _FIRST},
        ]),
        {"op": "stat", "path": inside},
        {"op": "getxattr", "path": inside, "name": "system.posix_acl_access"},
        {"op": "getxattr", "path": inside, "name": "system.posix_acl_default"},
        {"op": "umask", "mask": 0o022},
    ]


def directory_over_directory(rng, path):
    """A directory is emptied, removed, made again: what lies below it must not come back."""
    directory, _, _ = path.rpartition("/")
    if not directory:
        return []
    away = rng.choice(["a", "e", "dir"])
    return [
        {"op": "rename", "path": directory, "new": away, "flags": []},
        {"op": "mkdir", "path": directory, "mode": 0o755},
        {"op": "readdir", "path": directory},
        {"op": "readdir", "path": away},
        rng.choice([
            {"op": "rename", "path": directory, "new": away, "flags": ["EXCHANGE"]},
            {"op": "rmdir", "path": directory},
            {"op": "drop_caches"},
        ]),
        {"op": "readdir", "path": directory},
        {"op": "readdir", "path": away},
    ]


def _open(path, slot, flag):
    return {"op": "open", "path": path, "flags": [flag], "mode": 0o644, "slot": slot}


PLANS = [read_across_copy_up, map_across_copy_up, use_after_unlink, replace_and_remove, nameless_file_gets_a_name, two_lockers,
         user_writes_setuid_file, children_of_default_acl, directory_over_directory]
