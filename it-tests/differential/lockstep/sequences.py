"""Random operations, chosen with an eye on what the tree and the open descriptors have become, so that most of them do something.

What is known of the tree comes from the reference side alone: the operations of a seed do not depend on the system under test.
"""

import os
import posixpath

from . import plans, values
from .actors import ROLES

_SLOTS = 5
_AREAS = 3
_ROLE_WEIGHTS = [70, 10, 20]
_FALLOCATE_MODES = [[], ["KEEP_SIZE"], ["PUNCH_HOLE", "KEEP_SIZE"], ["ZERO_RANGE"], ["ZERO_RANGE", "KEEP_SIZE"], ["COLLAPSE_RANGE"],
                    ["INSERT_RANGE"], ["UNSHARE_RANGE"], ["PUNCH_HOLE"]]
_BLOCK = 4096
_PLAN_SHARE = 0.03
_COPYING_UP = {"open", "write_file", "truncate", "chmod", "chown", "utimens", "setxattr", "link", "ftruncate", "pwrite"}


class Sequence:
    """A source of operations for one mount. Tell it what each did (`observe`), and at the start what is there (`begin`). Half of
    the files that operations choose are of those that are favoured, where some are."""

    def __init__(self, rng, *, hard_links, driver_operations, userxattr, favoured=()):
        self._rng = rng
        self._favoured = favoured
        self._tree = {}
        self._recent = []
        self._open = {role: {} for role in ROLES}
        self._areas = {role: {} for role in ROLES}
        self._role = "root"
        self._planned = []
        self._attributes = []
        overlay = "user.overlay." if userxattr else "trusted.overlay."
        self._attributes_of_overlays = [overlay + "opaque", overlay + "redirect", overlay + "x", "user.overlay.y",
                                        "trusted.overlay.y"]
        self._choices = [
            (9, self._open_file), (2, self._open_directory), (2, self._close), (1, self._reopen), (2, self._tmpfile),
            (4, self._pread), (2, self._read), (7, self._pwrite), (3, self._write), (4, self._read_file), (6, self._write_file),
            (2, self._direct_read), (2, self._direct_write), (1, self._execute), (3, self._truncate), (2, self._ftruncate), (4, self._fallocate),
            (3, self._copy_range), (1, self._sendfile), (0.5, self._clone), (4, self._seek), (1, self._fsync), (0.5, self._fdatasync),
            (0.5, self._fsyncdir), (0.3, self._syncfs),
            (3, self._map), (4, self._map_read), (4, self._map_write), (2, self._msync), (1, self._unmap),
            (5, self._mkdir), (3, self._rmdir), (6, self._unlink), (3, self._mknod), (3, self._symlink), (12, self._rename),
            (1, self._readlink), (4, self._readdir), (1, self._readdir_inodes), (1, self._readdir_amid_changes),
            (5, self._stat), (3, self._fstat), (1, self._statx), (2, self._access), (0.2, self._statvfs),
            (5, self._chmod), (4, self._chown), (4, self._utimens),
            (6, self._setxattr), (3, self._getxattr), (2, self._listxattr), (2, self._removexattr),
            (1, self._get_flags), (0.5, self._set_flags),
            (3, self._flock), (3, self._set_lock), (3, self._get_lock), (1, self._umask),
        ]
        if favoured:  # what is done with them is mostly open, read and write
            self._choices += [(12, self._open_file), (8, self._pread), (8, self._read_file), (6, self._pwrite)]
        self._hard_links = hard_links
        self._driver_operations = driver_operations
        if hard_links:
            self._choices += [(4, self._link), (2, self._link_descriptor)]
        if driver_operations:
            self._choices += [(0.7, self._remount), (0.8, self._drop_caches), (2, self._check)]
        self._makers = [maker for _, maker in self._choices]
        self._weights = [weight for weight, _ in self._choices]

    # --- what is known

    def begin(self, listing):
        self._tree = dict(listing)
        self._recent = [path for path in self._recent if path in self._tree]

    def forget_descriptors(self):
        for role in ROLES:
            self._open[role].clear()
            self._areas[role].clear()

    def next(self):
        if self._planned:
            return self._planned.pop(0)
        if self._rng.random() < _PLAN_SHARE:
            self._plan()
            return self.next()
        while True:
            self._role = self._rng.choices(ROLES, _ROLE_WEIGHTS)[0]
            op = self._rng.choices(self._makers, self._weights)[0]()
            if op is not None:
                if self._role != "root":
                    op["by"] = self._role
                if op["op"] in _COPYING_UP and self._rng.random() < 0.3:
                    op["watch"] = True
                return op

    def _plan(self):
        self._role = "root"
        plan = self._rng.choice(plans.PLANS)(self._rng, self._existing("file"))
        self._planned = [op for op in plan if (self._driver_operations or op["op"] != "drop_caches")
                         and (self._hard_links or op["op"] != "link_descriptor")]

    def observe(self, op, result):
        """Keep the model near the truth. It need not be exact: an operation on what is not there is a test as well."""
        path = op.get("path")
        if isinstance(path, str) and "ok" in result:
            self._recent = [path, *self._recent[:7]]
        handler = getattr(self, "_did_" + op["op"], None)
        if handler and "ok" in result:
            handler(op, result["ok"])

    def _did_open(self, op, facts):
        if op["slot"] < _SLOTS:
            self._open[op.get("by", "root")][op["slot"]] = {"path": op["path"], "type": facts["type"], "flags": op["flags"]}
        self._tree.setdefault(op["path"], facts["type"])

    def _did_tmpfile(self, op, facts):
        if op["slot"] < _SLOTS:
            self._open[op.get("by", "root")][op["slot"]] = {"path": None, "type": "file", "flags": op["flags"]}

    def _did_reopen(self, op, facts):
        self._open[op.get("by", "root")][op["new"]] = {"path": None, "type": facts["type"], "flags": op["flags"]}

    def _did_close(self, op, _):
        self._open[op.get("by", "root")].pop(op["slot"], None)

    def _did_map(self, op, _):
        if op["area"] < _AREAS:
            self._areas[op.get("by", "root")][op["area"]] = op["writable"]

    def _did_unmap(self, op, _):
        self._areas[op.get("by", "root")].pop(op["area"], None)

    def _did_setxattr(self, op, _):
        self._attributes.append(({"path": op["path"]} if "path" in op else {"slot": op["slot"]}, op["name"]))

    def _did_write_file(self, op, _):
        self._tree.setdefault(op["path"], "file")

    def _did_mkdir(self, op, _):
        self._tree[op["path"]] = "directory"

    def _did_mknod(self, op, _):
        self._tree[op["path"]] = op["kind"]

    def _did_symlink(self, op, _):
        self._tree[op["path"]] = "symlink"

    def _did_link(self, op, _):
        self._tree[op["new"]] = self._tree.get(op["path"], "file")
        self._recent.insert(0, op["new"])

    def _did_link_descriptor(self, op, _):
        self._tree[op["new"]] = "file"

    def _did_unlink(self, op, _):
        self._tree.pop(op["path"], None)

    _did_rmdir = _did_unlink

    def _did_rename(self, op, _):
        old, new = op["path"], op["new"]
        if old == new:
            return
        moved = self._take_subtree(old)
        replaced = self._take_subtree(new)
        self._put_subtree(moved, old, new)
        if "EXCHANGE" in op.get("flags", ()):
            self._put_subtree(replaced, new, old)
        self._recent.insert(0, new)

    def _take_subtree(self, path):
        return {name: self._tree.pop(name) for name in list(self._tree) if name == path or name.startswith(path + "/")}

    def _put_subtree(self, entries, old, new):
        self._tree.update({new + name[len(old):]: kind for name, kind in entries.items()})

    # --- choices

    def _directory(self):
        directories = [path for path, kind in self._tree.items() if kind == "directory"]
        return self._rng.choice(directories) if directories else ""

    def _new(self):
        """A path that is most likely free, in a directory that is there; at times one that cannot be."""
        chance = self._rng.random()
        if chance < 0.01:
            return posixpath.join(self._directory(), "y" * 256)
        if chance < 0.03:
            return posixpath.join(self._existing(), "a", "b")
        return self._within(posixpath.join(self._directory(), values.name(self._rng)))

    def _existing(self, *kinds):
        """A path that is most likely there."""
        favoured = [path for path in self._favoured if self._tree.get(path) == "file"] if "file" in kinds else []
        if favoured and self._rng.random() < 0.5:
            return self._within(self._rng.choice(favoured))
        recent = [path for path in self._recent if not kinds or self._tree.get(path) in kinds]
        if recent and self._rng.random() < 0.35:
            return self._within(self._rng.choice(recent))
        paths = [path for path, kind in self._tree.items() if not kinds or kind in kinds]
        return self._within(self._rng.choice(paths)) if paths else values.name(self._rng)

    def _any(self, *kinds):
        return self._existing(*kinds) if self._rng.random() < 0.85 else self._new()

    def _within(self, path):
        """The same path, at times relative to an open descriptor of a directory on the way."""
        if path.startswith("@") or self._rng.random() > 0.15:
            return path
        for slot, opened in self._open[self._role].items():
            if opened["type"] == "directory" and opened["path"] is not None and path.startswith(opened["path"] + "/"):
                return f"@{slot}/{path[len(opened['path']) + 1:]}"
        return path

    def _slot(self, *kinds):
        """An open slot of the role; None where there is none."""
        slots = [slot for slot, opened in self._open[self._role].items() if not kinds or opened["type"] in kinds]
        return self._rng.choice(slots) if slots else None

    def _writable(self):
        return self._opened_for("RDWR", "WRONLY")

    def _readable(self):
        return self._opened_for("RDWR", "RDONLY")

    def _opened_for(self, *access):
        slots = [slot for slot, opened in self._open[self._role].items() if opened["type"] == "file" and set(access) & set(opened["flags"])]
        return self._rng.choice(slots) if slots and self._rng.random() < 0.93 else self._slot()

    def _target(self, *kinds):
        """Either a path or a slot, as arguments."""
        slot = self._slot()
        if slot is not None and self._rng.random() < 0.3:
            return {"slot": slot}
        return {"path": self._any(*kinds)}

    def _offset(self):
        chance = self._rng.random()
        if chance < 0.7:
            return self._rng.choice(values.OFFSETS)
        return self._rng.randrange(200000) if chance < 0.97 else self._rng.randrange(3 << 20)

    def _length(self):
        return self._rng.choice(values.SIZES) if self._rng.random() < 0.7 else self._rng.randrange(30000)

    def _fill(self):
        return self._rng.randrange(10**6)

    def _mode(self):
        return self._rng.choice(values.MODES)

    # --- opening and closing

    def _open_file(self):
        rng = self._rng
        flags = [rng.choice(["RDONLY", "RDONLY", "RDWR", "RDWR", "RDWR", "WRONLY"])]
        for flag, chance in (("CREAT", 0.3), ("EXCL", 0.06), ("TRUNC", 0.12), ("APPEND", 0.15), ("DIRECT", 0.12), ("NOFOLLOW", 0.05),
                             ("DIRECTORY", 0.02), ("PATH", 0.04), ("SYNC", 0.03), ("NOATIME", 0.02)):
            if rng.random() < chance:
                flags.append(flag)
        if "RDONLY" in flags and "TRUNC" in flags:
            flags.remove("TRUNC")  # unspecified by POSIX
        path = self._new() if "CREAT" in flags and rng.random() < 0.6 else self._any("file", "file", "symlink", "fifo", "char")
        return {"op": "open", "path": path, "flags": flags, "mode": self._mode(), "slot": rng.randrange(_SLOTS)}

    def _open_directory(self):
        return {"op": "open", "path": self._existing("directory"), "flags": ["RDONLY", "DIRECTORY"],
                "slot": self._rng.randrange(_SLOTS)}

    def _close(self):
        slot = self._slot()
        return None if slot is None else {"op": "close", "slot": slot}

    def _reopen(self):
        slot = self._slot()
        if slot is None:
            return None
        return {"op": "reopen", "slot": slot, "flags": [self._rng.choice(["RDONLY", "RDWR", "WRONLY"])],
                "new": self._rng.randrange(_SLOTS)}

    def _tmpfile(self):
        flags = [self._rng.choice(["RDWR", "WRONLY"])] + (["EXCL"] if self._rng.random() < 0.1 else [])
        return {"op": "tmpfile", "path": self._existing("directory"), "flags": flags, "mode": self._mode(),
                "slot": self._rng.randrange(_SLOTS)}

    # --- data

    def _pread(self):
        slot = self._readable()
        return None if slot is None else {"op": "pread", "slot": slot, "offset": self._offset(), "length": self._length()}

    def _read(self):
        slot = self._readable()
        return None if slot is None else {"op": "read", "slot": slot, "length": self._length()}

    def _pwrite(self):
        slot = self._writable()
        if slot is None:
            return self._open_file()
        return {"op": "pwrite", "slot": slot, "offset": self._offset(), "length": self._length(), "fill": self._fill()}

    def _write(self):
        slot = self._writable()
        return None if slot is None else {"op": "write", "slot": slot, "length": self._length(), "fill": self._fill()}

    def _aligned(self):
        """Mostly whole blocks, as O_DIRECT wants them; at times what it does not want."""
        if self._rng.random() < 0.9:
            return self._rng.randrange(10) * _BLOCK, self._rng.randrange(1, 6) * _BLOCK
        return self._rng.randrange(50) * 512, self._rng.randrange(1, 50) * 512

    def _direct(self):
        slots = [slot for slot, opened in self._open[self._role].items() if "DIRECT" in opened["flags"]]
        return self._rng.choice(slots) if slots else self._slot("file")

    def _direct_read(self):
        slot, (offset, length) = self._direct(), self._aligned()
        return None if slot is None else {"op": "direct_read", "slot": slot, "offset": offset, "length": length}

    def _direct_write(self):
        slot, (offset, length) = self._direct(), self._aligned()
        return None if slot is None else {"op": "direct_write", "slot": slot, "offset": offset, "length": length, "fill": self._fill()}

    def _read_file(self):
        return {"op": "read_file", "path": self._any("file", "symlink")}

    def _execute(self):
        programs = [path for path in self._tree if posixpath.basename(path) == values.PROGRAM]
        return {"op": "execute", "path": self._rng.choice(programs) if programs and self._rng.random() < 0.7 else self._any("file")}

    def _write_file(self):
        flags = [flag for flag, chance in (("CREAT", 0.6), ("EXCL", 0.05), ("TRUNC", 0.25), ("APPEND", 0.1))
                 if self._rng.random() < chance]
        path = self._new() if "CREAT" in flags and self._rng.random() < 0.3 else self._any("file")
        return {"op": "write_file", "path": path, "offset": self._offset(), "length": self._length(), "fill": self._fill(),
                "flags": flags, "mode": self._mode()}

    def _truncate(self):
        return {"op": "truncate", "path": self._any("file"), "length": self._offset()}

    def _ftruncate(self):
        slot = self._writable()
        return None if slot is None else {"op": "ftruncate", "slot": slot, "length": self._offset()}

    def _fallocate(self):
        slot = self._writable()
        if slot is None:
            return None
        modes = self._rng.choice(_FALLOCATE_MODES)
        offset, length = self._offset(), max(self._length(), 1)
        if modes in (["COLLAPSE_RANGE"], ["INSERT_RANGE"]) and self._rng.random() < 0.8:
            offset, length = offset // _BLOCK * _BLOCK, (length // _BLOCK + 1) * _BLOCK
        return {"op": "fallocate", "slot": slot, "modes": modes, "offset": offset, "length": length}

    def _copy_range(self):
        source, target = self._readable(), self._writable()
        if source is None or target is None:
            return None
        return {"op": "copy_range", "source": source, "source_offset": self._offset(), "target": target,
                "target_offset": self._offset(), "length": self._length()}

    def _sendfile(self):
        source, target = self._readable(), self._writable()
        if source is None or target is None:
            return None
        return {"op": "sendfile", "source": source, "offset": self._offset(), "target": target, "length": self._length()}

    def _clone(self):
        source, target = self._readable(), self._writable()
        return None if source is None or target is None else {"op": "clone", "source": source, "target": target}

    def _seek(self):
        slot = self._slot("file")
        if slot is None:
            return None
        return {"op": "seek", "slot": slot, "offset": self._offset(), "whence": self._rng.choice(["HOLE", "DATA", "HOLE", "DATA", "END",
                                                                                                "SET"])}

    def _fsync(self):
        slot = self._slot()
        return None if slot is None else {"op": "fsync", "slot": slot}

    def _fdatasync(self):
        slot = self._slot()
        return None if slot is None else {"op": "fdatasync", "slot": slot}

    def _fsyncdir(self):
        return {"op": "fsyncdir", "path": self._any("directory")}

    def _syncfs(self):
        slot = self._slot()
        return None if slot is None else {"op": "syncfs", "slot": slot}

    # --- mappings

    def _map(self):
        slot = self._readable()
        if slot is None:
            return None
        opened_for_writing = "RDWR" in self._open[self._role][slot]["flags"]
        shared = self._rng.random() < 0.7
        return {"op": "map", "slot": slot, "area": self._rng.randrange(_AREAS), "shared": shared,
                "writable": self._rng.random() < (0.7 if opened_for_writing or not shared else 0.1),
                "offset": self._rng.choice([0, 0, 0, _BLOCK]), "length": self._rng.choice([_BLOCK, 3 * _BLOCK, 8 * _BLOCK])}

    def _area(self, writable=False):
        areas = [area for area, may_write in self._areas[self._role].items() if may_write or not writable or self._rng.random() < 0.1]
        return self._rng.choice(areas) if areas else None

    def _map_read(self):
        area = self._area()
        if area is None:
            return self._map()
        return {"op": "map_read", "area": area, "offset": self._rng.randrange(3 * _BLOCK), "length": self._rng.randrange(1, 5000)}

    def _map_write(self):
        area = self._area(writable=True)
        if area is None:
            return self._map()
        return {"op": "map_write", "area": area, "offset": self._rng.randrange(3 * _BLOCK), "length": self._rng.randrange(1, 5000),
                "fill": self._fill()}

    def _msync(self):
        area = self._area()
        return None if area is None else {"op": "msync", "area": area, "how": self._rng.choice(["SYNC", "SYNC", "ASYNC", "INVALIDATE"])}

    def _unmap(self):
        area = self._area()
        return None if area is None else {"op": "unmap", "area": area}

    # --- names

    def _mkdir(self):
        return {"op": "mkdir", "path": self._new(), "mode": self._rng.choice([0o755, 0o777, 0o700, 0o1777, 0o2775, 0o555])}

    def _rmdir(self):
        parents = {posixpath.dirname(path) for path in self._tree if path}
        empty = [path for path, kind in self._tree.items() if kind == "directory" and path not in parents]
        if empty and self._rng.random() < 0.6:
            return {"op": "rmdir", "path": self._rng.choice(empty)}
        return {"op": "rmdir", "path": self._any("directory")}

    def _unlink(self):
        return {"op": "unlink", "path": self._any() if self._rng.random() < 0.3 else self._any("file", "symlink", "fifo", "char")}

    def _mknod(self):
        if self._rng.random() < 0.05:
            return {"op": "mknod", "path": self._new(), "kind": "char", "mode": 0o600, "major": 0, "minor": 0}
        return {"op": "mknod", "path": self._new(), **values.special(self._rng)}

    def _symlink(self):
        return {"op": "symlink", "path": self._new(), "target": values.symlink_target(self._rng)}

    def _link(self):
        return {"op": "link", "path": self._any("file", "symlink", "fifo", "char"), "new": self._new(),
                "follow": self._rng.random() < 0.2}

    def _link_descriptor(self):
        slot = self._slot()
        return None if slot is None else {"op": "link_descriptor", "slot": slot, "new": self._new()}

    def _rename(self):
        rng = self._rng
        flags = rng.choices([[], ["NOREPLACE"], ["EXCHANGE"], ["WHITEOUT"]], [65, 10, 20, 3])[0]
        kinds = rng.choice([(), ("file",), ("directory",), ("directory",)])
        new = self._any() if flags == ["EXCHANGE"] or rng.random() < 0.45 else self._new()
        return {"op": "rename", "path": self._any(*kinds), "new": new, "flags": flags}

    def _readlink(self):
        return {"op": "readlink", "path": self._any("symlink")}

    def _readdir(self):
        return {"op": "readdir", "path": self._any("directory"), "room": self._rng.choice([280, 300, 1024, 32768])}

    def _readdir_inodes(self):
        return {"op": "readdir_inodes", "path": self._any("directory")}

    def _readdir_amid_changes(self):
        path = self._existing("directory")
        names = [name[len(path) + 1:] for name, kind in self._tree.items()
                 if kind != "directory" and posixpath.dirname(name) == path and path]
        return {"op": "readdir_amid_changes", "path": path, "make": [values.name(self._rng)],
                "remove": self._rng.sample(names, min(len(names), 2))}

    # --- attributes

    def _stat(self):
        return {"op": "stat", "path": self._any(), "follow": self._rng.random() < 0.5}

    def _fstat(self):
        slot = self._slot()
        return None if slot is None else {"op": "fstat", "slot": slot}

    def _statx(self):
        return {"op": "statx", "path": self._any()}

    def _access(self):
        return {"op": "access", "path": self._any(), "mode": self._rng.choice([os.F_OK, os.R_OK, os.W_OK, os.X_OK, os.R_OK | os.W_OK])}

    def _statvfs(self):
        return {"op": "statvfs", "path": self._any()}

    def _chmod(self):
        return {"op": "chmod", **self._target(), "mode": self._mode()}

    def _chown(self):
        owner = self._rng.choice([*values.OWNERS, -1])
        return {"op": "chown", **self._target(), "uid": owner, "gid": self._rng.choice([*values.GROUPS, -1]),
                "follow": self._rng.random() < 0.3}

    def _utimens(self):
        if self._rng.random() < 0.1:
            return {"op": "utimens", **self._target(), "atime": None, "mtime": None}
        return {"op": "utimens", **self._target(), "atime": values.old_time(self._rng), "mtime": values.old_time(self._rng)}

    def _setxattr(self):
        name, value = values.attribute(self._rng)
        if self._rng.random() < 0.08:
            name = self._rng.choice(self._attributes_of_overlays)
        flags = self._rng.choice([[], [], [], ["CREATE"], ["REPLACE"]])
        return {"op": "setxattr", **self._target("file", "directory"), "name": name, "value": value, "flags": flags}

    def _attribute_name(self):
        return self._rng.choice([*values.ATTRIBUTES, "system.posix_acl_access", "system.posix_acl_default", "security.capability",
                                 *self._attributes_of_overlays[:2]])

    def _set_attribute(self):
        """Arguments that name an attribute set before, most likely still there."""
        subject, name = self._rng.choice(self._attributes[-12:])
        return {**subject, "name": name}

    def _getxattr(self):
        if self._attributes and self._rng.random() < 0.6:
            return {"op": "getxattr", **self._set_attribute()}
        return {"op": "getxattr", **self._target("file", "directory"), "name": self._attribute_name()}

    def _listxattr(self):
        return {"op": "listxattr", **self._target()}

    def _removexattr(self):
        if self._attributes and self._rng.random() < 0.5:
            return {"op": "removexattr", **self._set_attribute()}
        return {"op": "removexattr", **self._target("file", "directory"), "name": self._attribute_name()}

    def _get_flags(self):
        slot = self._slot("file", "directory")
        return None if slot is None else {"op": "get_flags", "slot": slot}

    def _set_flags(self):
        slot = self._slot("file", "directory")
        if slot is None:
            return None
        return {"op": "set_flags", "slot": slot, "flags": self._rng.choice([0, 0, 0x40, 0x80, 0x20, 0x10, 0x8])}

    # --- locks and the process

    def _flock(self):
        slot = self._slot()
        return None if slot is None else {"op": "flock", "slot": slot, "how": self._rng.choice(["SH", "EX", "EX", "UN"])}

    def _lock_arguments(self):
        slot = self._slot("file")
        if slot is None:
            return None
        return {"slot": slot, "kind": self._rng.choice(["RDLCK", "WRLCK", "WRLCK", "UNLCK"]), "start": self._rng.choice([0, 10, 100, 4096]),
                "length": self._rng.choice([0, 1, 50, 200]), "open_file": self._rng.random() < 0.25}

    def _set_lock(self):
        arguments = self._lock_arguments()
        return None if arguments is None else {"op": "set_lock", **arguments}

    def _get_lock(self):
        arguments = self._lock_arguments()
        if arguments is None:
            return None
        if arguments["kind"] == "UNLCK":
            arguments["kind"] = "RDLCK"
        return {"op": "get_lock", **arguments}

    def _umask(self):
        return {"op": "umask", "mask": self._rng.choice([0, 0o002, 0o022, 0o027, 0o077, 0o777])}

    # --- what the driver does itself

    def _remount(self):
        self._role = "root"
        return {"op": "remount", "with": self._rng.choice(["system", "system", "kernel"])}

    def _drop_caches(self):
        self._role = "root"
        return {"op": "drop_caches"}

    def _check(self):
        self._role = "root"
        return {"op": "check"}
