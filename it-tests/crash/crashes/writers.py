"""The load: processes that each work in a directory of their own and log every operation before and after it."""

import errno
import json
import mmap
import os
import posixpath
import random

from oracle import syscalls

from . import model

_SLOTS = 4
_NAMES = ["a", "b", "c", "d", "e", "f", "dir", "sub"]
_MODES = [0o644, 0o600, 0o755, 0o640]
# What an operation says whose daemon dies under it, or has died. Who hears it earlier ends earlier, which is complained about.
_DEAD = {errno.ENOTCONN, errno.ECONNABORTED, errno.EIO, errno.ESTALE, errno.EINTR, errno.EFAULT}
_MAXIMUM_BLOCKS = 64


def initial(rng, number):
    """The model of a writer's directory as its lower layers have it."""
    tree = model.Model()
    version = number << 32
    for _ in range(14):
        parent = rng.choice(["", *tree.paths("directory")])
        path = posixpath.join(parent, rng.choice(_NAMES))
        if path in tree.nodes or path.count("/") > 3:
            continue
        if rng.random() < 0.3:
            tree.apply({"op": "mkdir", "path": path, "mode": 0o755})
            continue
        version += 1
        tree.apply({"op": "create", "path": path, "mode": rng.choice(_MODES), "slot": 0})
        tree.apply({"op": "write", "slot": 0, "at": 0, "count": rng.choice([1, 2, 8, 40, 1024]), "version": version})
        tree.apply({"op": "close", "slot": 0})
    return tree


def lay_down(rng, tree, roots):
    """Make the files of a model, each in one of the layers, and the directories in all of them."""
    for path, node in tree.nodes.items():
        if node.kind == "directory":
            for root in roots:
                os.makedirs(os.path.join(root, path), exist_ok=True)
                os.chmod(os.path.join(root, path), node.mode)
            continue
        full = os.path.join(rng.choice(roots), path)
        with open(full, "wb") as file:
            for version in node.blocks:
                file.write(model.block(version))
        os.chmod(full, node.mode)


class Writer:
    """One such process. `run` goes on until the mount dies. Paths are relative to the current directory, which stays in the dead mount
    when that is taken out of the tree."""

    def __init__(self, number, seed, tree, log, exchanges=True):
        self._exchanges = exchanges
        self._rng = random.Random(seed)
        self._tree = tree
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._descriptors = {}
        self._version = (number << 32) + (1 << 24)
        self._planned = []

    def run(self):
        while True:
            op = self._planned.pop(0) if self._planned else self._choose()
            if op is None:
                continue
            self._say({"begin": op})
            try:
                getattr(self, "_do_" + op["op"])(**{name: value for name, value in op.items() if name != "op"})
            except OSError as failure:
                dead = failure.errno in _DEAD
                self._say({"dead" if dead else "failed": errno.errorcode[failure.errno]})
                if dead:
                    return
                self._planned.clear()
                continue
            self._say({"done": True})
            self._tree.apply(op)

    def _say(self, record):
        os.write(self._log, json.dumps(record).encode() + b"\n")

    # --- what to do next

    def _choose(self):
        rng, tree = self._rng, self._tree
        files, directories = tree.paths("file"), tree.paths("directory")
        self._version += 1
        kind = rng.choices(
            ["create", "open", "write", "map_write", "fsync", "close", "truncate", "mkdir", "symlink", "unlink", "rmdir", "link", "rename",
             "rename directory", "exchange", "chmod", "setxattr", "replace"],
            [8, 8, 20, 4, 3, 6, 2, 4, 2, 6, 3, 3, 6, 5, 2, 4, 3, 6])[0]
        slot = rng.randrange(_SLOTS)
        opened = rng.choice(list(tree.open)) if tree.open else None
        new = posixpath.join(rng.choice(["", *directories]), rng.choice(_NAMES))
        free = new not in tree.nodes and new.count("/") < 5
        file = rng.choice(files) if files else None
        directory = rng.choice(directories) if directories else None
        if kind in ("create", "open") and slot in tree.open:
            kind, opened = "close", slot
        if kind == "create" and free:
            return {"op": "create", "path": new, "mode": rng.choice(_MODES), "slot": slot}
        if kind == "open" and file:
            return {"op": "open", "path": file, "slot": slot, "truncate": rng.random() < 0.1}
        if kind == "write" and opened is not None:
            return {"op": "write", "slot": opened, "at": rng.randrange(_MAXIMUM_BLOCKS), "count": rng.choice([1, 1, 1, 3, 16]),
                    "version": self._version}
        if kind == "map_write" and opened is not None and tree.open[opened].blocks:
            return {"op": "map_write", "slot": opened, "at": rng.randrange(len(tree.open[opened].blocks)), "version": self._version}
        if kind in ("fsync", "close") and opened is not None:
            return {"op": kind, "slot": opened}
        if kind == "truncate" and file:
            return {"op": "truncate", "path": file, "count": rng.randrange(_MAXIMUM_BLOCKS)}
        if kind == "mkdir" and free:
            return {"op": "mkdir", "path": new, "mode": 0o755}
        if kind == "symlink" and free:
            return {"op": "symlink", "path": new, "target": f"to {self._version}"}
        if kind == "unlink" and (files or tree.paths("symlink")):
            return {"op": "unlink", "path": rng.choice(files + tree.paths("symlink"))}
        if kind == "rmdir" and directory and not tree.children(directory):
            return {"op": "rmdir", "path": directory}
        if kind == "link" and file and free:
            return {"op": "link", "path": file, "new": new}
        if kind == "rename" and file and (free or tree.nodes.get(new) and tree.nodes[new].kind == "file"):
            return {"op": "rename", "path": file, "new": new}
        if kind == "rename directory" and directory and free and not new.startswith(directory + "/"):
            return {"op": "rename", "path": directory, "new": new}
        if kind == "exchange" and self._exchanges and len(files) > 1:
            return {"op": "exchange", "path": file, "new": rng.choice(files)}
        if kind == "chmod" and file:
            return {"op": "chmod", "path": file, "mode": rng.choice(_MODES)}
        if kind == "setxattr" and file:
            return {"op": "setxattr", "path": file, "value": str(self._version)}
        if kind == "replace" and file and file + "~" not in tree.nodes and slot not in tree.open:
            return self._replacement(file, slot)
        return None

    def _replacement(self, file, slot):
        """As careful programs save: a new file, written, synced, renamed over the old one."""
        fresh = file + "~"
        self._planned = [
            {"op": "write", "slot": slot, "at": 0, "count": self._rng.randrange(1, 20), "version": self._version},
            {"op": "fsync", "slot": slot},
            {"op": "close", "slot": slot},
            {"op": "rename", "path": fresh, "new": file},
        ]
        return {"op": "create", "path": fresh, "mode": 0o644, "slot": slot}

    # --- doing it

    def _do_create(self, path, mode, slot):
        self._descriptors[slot] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def _do_open(self, path, slot, truncate):
        self._descriptors[slot] = os.open(path, os.O_RDWR | (os.O_TRUNC if truncate else 0))

    def _do_write(self, slot, at, count, version):
        content = model.block(version) * count
        if os.pwrite(self._descriptors[slot], content, at * model.BLOCK) != len(content):
            raise OSError(errno.EIO, "a short write")

    def _do_map_write(self, slot, at, version):
        # Not by mmap's own slices: a mapping that has lost its file answers those with a signal.
        mapping = syscalls.Mapping(self._descriptors[slot], True, mmap.PROT_READ | mmap.PROT_WRITE, at * model.BLOCK, model.BLOCK)
        try:
            if mapping.write(0, model.block(version)) != model.BLOCK:
                raise OSError(errno.EIO, "a short store")
            mapping.sync(syscalls.MS_SYNC)
        finally:
            mapping.close()

    def _do_fsync(self, slot):
        os.fsync(self._descriptors[slot])

    def _do_close(self, slot):
        os.close(self._descriptors.pop(slot))

    def _do_truncate(self, path, count):
        os.truncate(path, count * model.BLOCK)

    def _do_mkdir(self, path, mode):
        os.mkdir(path, mode)

    def _do_symlink(self, path, target):
        os.symlink(target, path)

    def _do_unlink(self, path):
        os.unlink(path)

    def _do_rmdir(self, path):
        os.rmdir(path)

    def _do_link(self, path, new):
        os.link(path, new)

    def _do_rename(self, path, new):
        os.rename(path, new)

    def _do_exchange(self, path, new):
        syscalls.rename(path, new, syscalls.RENAME_FLAGS["EXCHANGE"])

    def _do_chmod(self, path, mode):
        os.chmod(path, mode)

    def _do_setxattr(self, path, value):
        os.setxattr(path, model.ATTRIBUTE, value.encode())


def replay(tree, log):
    """Apply a log's acknowledged operations to the initial tree. Returns (how many, the operation in flight or None, complaints)."""
    pending, acknowledged, wrong = None, 0, []
    with open(log, "rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break  # the writer was killed while it said so
            record = json.loads(line)
            if "begin" in record:
                pending = record["begin"]
            elif "done" in record:
                tree.apply(pending)
                pending, acknowledged = None, acknowledged + 1
            elif "failed" in record:
                if not (record["failed"] == "EXDEV" and pending["op"] in ("rename", "exchange")):
                    wrong.append(f"{pending} failed with {record['failed']}")
                pending = None
    return acknowledged, pending, wrong
