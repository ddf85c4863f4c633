"""What one writer's tree holds: kept by the writer as it works, and made again from its log by the judge.

File content tells what it is: every block is one line, repeated, that names the write it came from. A block that is half of one write
and half of another is no write's block.
"""

import copy
import os
import posixpath
import stat
from dataclasses import dataclass, field

BLOCK = 4096
HOLE = 0
TORN = -1
ATTRIBUTE = "user.version"
_LINE = 32


def block(version):
    """The 4096 bytes that a write of that number puts into one block."""
    return (f"{version:0{_LINE - 1}d}\n".encode() * (BLOCK // _LINE))


def versions(content):
    """The write that each block came from; TORN for what no write wrote."""
    return [_version(content[at:at + BLOCK]) for at in range(0, len(content), BLOCK)]


def _version(piece):
    if not any(piece):
        return HOLE if len(piece) == BLOCK else TORN
    line = piece[:_LINE]
    if len(piece) != BLOCK or piece != line * (BLOCK // _LINE):
        return TORN
    try:
        return int(line)
    except ValueError:
        return TORN


@dataclass
class Node:
    """A file, directory or symbolic link. Links of one file share their node."""

    kind: str
    mode: int = 0o644
    blocks: list = field(default_factory=list)
    target: str | None = None
    attribute: str | None = None


class Model:
    """Path to node, below one directory that is the writer's own."""

    def __init__(self):
        self.nodes = {"": Node("directory", 0o755)}
        self.open = {}

    def copy(self):
        return copy.deepcopy(self)

    def paths(self, *kinds):
        return [path for path, node in self.nodes.items() if path and node.kind in kinds]

    def children(self, path):
        return [name for name in self.nodes if name and posixpath.dirname(name) == path]

    def apply(self, op):
        """The effect of an operation that succeeded."""
        getattr(self, "_" + op["op"])(**{name: value for name, value in op.items() if name != "op"})

    def _create(self, path, mode, slot):
        self.nodes[path] = self.open[slot] = Node("file", mode)

    def _open(self, path, slot, truncate):
        self.open[slot] = self.nodes[path]
        if truncate:
            self.open[slot].blocks.clear()

    def _write(self, slot, at, count, version):
        blocks = self.open[slot].blocks
        blocks += [HOLE] * (at + count - len(blocks))
        blocks[at:at + count] = [version] * count

    def _map_write(self, slot, at, version):
        self.open[slot].blocks[at] = version

    def _fsync(self, slot):
        pass

    def _close(self, slot):
        del self.open[slot]

    def _truncate(self, path, count):
        blocks = self.nodes[path].blocks
        del blocks[count:]
        blocks += [HOLE] * (count - len(blocks))

    def _mkdir(self, path, mode):
        self.nodes[path] = Node("directory", mode)

    def _symlink(self, path, target):
        self.nodes[path] = Node("symlink", 0o777, target=target)

    def _unlink(self, path):
        del self.nodes[path]

    _rmdir = _unlink

    def _link(self, path, new):
        self.nodes[new] = self.nodes[path]

    def _rename(self, path, new):
        if self.nodes[path] is self.nodes.get(new):
            return  # two links of one file: rename does nothing
        moved = self._take(path)
        self._take(new)
        self._put(moved, path, new)

    def _exchange(self, path, new):
        there, here = self._take(new), self._take(path)
        self._put(there, new, path)
        self._put(here, path, new)

    def _take(self, path):
        return {name: self.nodes.pop(name) for name in list(self.nodes) if name == path or name.startswith(path + "/")}

    def _put(self, nodes, old, new):
        self.nodes.update({new + name[len(old):]: node for name, node in nodes.items()})

    def _chmod(self, path, mode):
        self.nodes[path].mode = mode

    def _setxattr(self, path, value):
        self.nodes[path].attribute = value


def observed(root):
    """What a directory holds, as path to Node."""
    found = {}
    pending = [""]
    while pending:
        path = pending.pop()
        full = os.path.join(root, path) if path else root
        status = os.lstat(full)
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            found[path] = Node("directory", mode)
            pending += [posixpath.join(path, name) for name in os.listdir(full)]
        elif stat.S_ISLNK(status.st_mode):
            found[path] = Node("symlink", mode, target=os.readlink(full))
        elif stat.S_ISREG(status.st_mode):
            with open(full, "rb") as file:
                found[path] = Node("file", mode, versions(file.read()))
            try:
                found[path].attribute = os.getxattr(full, ATTRIBUTE).decode()
            except OSError:
                pass
        else:
            found[path] = Node("something else", mode)
    return found


def complaints(acknowledged, pending, found):
    """Why what was found is neither what was acknowledged nor that plus the operation in flight; empty where it is."""
    before = _mismatches(acknowledged, found)
    if not before or pending is None:
        return before
    later = acknowledged.copy()
    later.apply(pending)
    after = _mismatches(later, found)
    if not after:
        return []
    if pending["op"] == "write":
        # Many blocks in one call: each is old or new, and the file has grown by some of them.
        node, new = acknowledged.open[pending["slot"]], later.open[pending["slot"]]
        return _mismatches(acknowledged, found, (node, new))
    return [f"in flight: {pending}"] + ["old: " + line for line in before] + ["new: " + line for line in after]


def _mismatches(model, found, in_flight=None):
    lines = []
    for path in sorted(model.nodes.keys() | found.keys()):
        want, have = model.nodes.get(path), found.get(path)
        if want is None or have is None:
            lines.append(f"{path!r} {'should not be there' if want is None else 'is lost'}")
        elif in_flight and want is in_flight[0]:
            if not _between(*in_flight, have):
                lines.append(f"{path!r}: a write in flight left blocks that are neither old nor new: {have.blocks}")
        elif want != have:
            lines.append(f"{path!r}: {_how(want, have)}")
    return lines


def _between(old, new, have):
    if not len(old.blocks) <= len(have.blocks) <= len(new.blocks):
        return False
    return all(block in (old.blocks[at:at + 1] or [HOLE]) or block == new.blocks[at] for at, block in enumerate(have.blocks))


def _how(want, have):
    parts = []
    for name in ("kind", "mode", "target", "attribute"):
        if getattr(want, name) != getattr(have, name):
            parts.append(f"{name} should be {getattr(want, name)!r}, is {getattr(have, name)!r}")
    if want.blocks != have.blocks:
        wrong = [at for at, (left, right) in enumerate(zip(want.blocks, have.blocks)) if left != right][:3]
        parts.append(f"{len(want.blocks)} blocks wanted, {len(have.blocks)} there" + "".join(
            f", block {at} should be {want.blocks[at]}, is {have.blocks[at]}" for at in wrong))
    return "; ".join(parts)
