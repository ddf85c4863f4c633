"""Faults put in on purpose: the second side is the kernel's overlayfs as well, but lies. Each must be found."""

import os
import stat

from . import operations


class Mutant:
    """A side without a fault; its heirs have one each."""

    def perform(self, actor, op):
        return operations.perform(actor, op)

    def unmounted(self, stack):
        """Called when the side's mount has gone."""


class ShortWrite(Mutant):
    """Of a large write, the last byte does not arrive."""

    def perform(self, actor, op):
        if op["op"] in ("pwrite", "write_file") and op["length"] > 5000:
            result = super().perform(actor, {**op, "length": op["length"] - 1})
            return {"ok": op["length"]} if "ok" in result else result
        return super().perform(actor, op)


class KeptSetuid(Mutant):
    """chown does not clear the setuid bit."""

    def perform(self, actor, op):
        if op["op"] != "chown" or "path" not in op:
            return super().perform(actor, op)
        before = super().perform(actor, {"op": "stat", "path": op["path"], "follow": False})
        result = super().perform(actor, op)
        if "ok" in result and before.get("ok", {}).get("type") == "file":
            os.chmod(actor.path(op["path"]), int(before["ok"]["mode"], 8))
        return result


class LostAttribute(Mutant):
    """One xattr in three is accepted and forgotten."""

    def perform(self, actor, op):
        if op["op"] == "setxattr" and len(op["value"]) % 3 == 1:
            return {"ok": None}
        return super().perform(actor, op)


class WrongError(Mutant):
    """rmdir of a full directory says EEXIST, as some systems do, and not ENOTEMPTY."""

    def perform(self, actor, op):
        result = super().perform(actor, op)
        return {"err": "EEXIST"} if result == {"err": "ENOTEMPTY"} else result


class IgnoredNoreplace(Mutant):
    """RENAME_NOREPLACE replaces."""

    def perform(self, actor, op):
        if op["op"] == "rename" and "NOREPLACE" in op["flags"]:
            op = {**op, "flags": []}
        return super().perform(actor, op)


class TouchedTime(Mutant):
    """chmod changes the modification time."""

    def perform(self, actor, op):
        result = super().perform(actor, op)
        if op["op"] == "chmod" and "ok" in result and op.get("path"):
            os.utime(actor.path(op["path"]))
        return result


class DoubledName(Mutant):
    """readdir shows one name twice."""

    def perform(self, actor, op):
        result = super().perform(actor, op)
        if op["op"] == "readdir" and "ok" in result:
            result["ok"].insert(0, result["ok"][0])
        return result


class NoLocks(Mutant):
    """Locks are granted to everybody."""

    def perform(self, actor, op):
        if op["op"] in ("flock", "set_lock"):
            return {"ok": None}
        return super().perform(actor, op)


class ForgottenUmask(Mutant):
    """The umask does nothing."""

    def perform(self, actor, op):
        return {"ok": None} if op["op"] == "umask" else super().perform(actor, op)


class LostWhiteout(Mutant):
    """A whiteout does not reach the disk: what was unlinked is back on the next mount."""

    def unmounted(self, stack):
        for path, names, files in os.walk(stack.upper or stack.target):
            for name in files:
                full = os.path.join(path, name)
                status = os.lstat(full)
                if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                    os.unlink(full)


class WritesBelow(Mutant):
    """A lower layer is changed."""

    def unmounted(self, stack):
        with open(os.path.join(stack.lowers[0], "intruder"), "w", encoding="ascii"):
            pass


class ChangedInode(Mutant):
    """A copy-up changes the inode number."""

    def perform(self, actor, op):
        result = super().perform(actor, op)
        if op["op"] == "chmod" and result.get("inode kept"):
            result["inode kept"] = False
        return result


class Dies(Mutant):
    """The process is killed by an operation."""

    def perform(self, actor, op):
        if op["op"] == "map_write":
            os._exit(3)
        return super().perform(actor, op)


MUTANTS = {mutant.__name__: mutant for mutant in Mutant.__subclasses__()}
