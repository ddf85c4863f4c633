"""One scenario, run on two sides in lockstep; the first difference ends it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from oracle import mounts, trees

from . import known
from .actors import ROLES, Hung
from .scenario import shortened
from .sequences import Sequence
from .sides import Side

_SHOWN_DIFFERENCES = 12


@dataclass
class Difference(Exception):
    """Where the sides part. `signature` tells kinds of difference apart, for the minimiser."""

    part: str
    index: int
    what: str
    lines: list
    signature: tuple

    def __str__(self):
        return "\n".join([f"{self.what} ({self.part}, operation {self.index})", *("    " + shortened(line) for line in self.lines)])


class Contest:
    """Runs a scenario. With a random generator it makes up the operations of rounds and main part on the way, and records them."""

    def __init__(self, scenario, system, store, *, rng=None, lengths=(0, 0), favoured=(), mutant=None):
        self._scenario = scenario
        self._system = system
        self._rng = rng
        self._round_length, self._main_length = lengths
        self._favoured = favoured
        clock = trees.Clock(int(time.time()))
        self._reference = Side("reference", store, clock, mounts.Kernel())
        options = scenario.system_options if system.name in known.SAMEPAGE else {}
        self._other = Side("other", store, clock, system, options, mutant)
        self._keeps_inodes = system.name in known.SAMEPAGE
        self._sides = (self._reference, self._other)
        self._ask = known.Ask(self._reference.perform, self._other.perform)
        self._part, self._index = "setup", 0

    def run(self):
        """Returns the Difference, or None where there is none."""
        try:
            self._run()
        except Difference as difference:
            return difference
        except Hung:
            return self._difference("an operation hangs", [], ("hung",))
        except mounts.MountFailed as failure:
            return self._difference("mount or unmount failed", [str(failure)], ("mount",))
        finally:
            for side in reversed(self._sides):
                side.end()
        return None

    # --- the phases

    def _run(self):
        scenario = self._scenario
        for number, layer in enumerate(scenario.layers):
            self._part = f"layer {number}"
            if layer.kind == "raw":
                self._build(number, layer)
            else:
                self._round(number, layer)
        self._part, self._index = "main", 0
        if scenario.upper == "none":
            uppers = [None] * 2
        elif scenario.upper == "last":
            uppers = [side.layers.pop() for side in self._sides]
        else:
            uppers = [side.directory(scenario.upper_place, "upper") for side in self._sides]
        place = scenario.layers[-1].place if scenario.upper == "last" else scenario.upper_place
        before = [[trees.exact(layer) for layer in side.layers] for side in self._sides]
        self._mount(uppers, place, scenario.options)
        self._play(scenario.operations, self._main_length, hard_links=True, driver_operations=True)
        self._compare_trees("the merged trees differ")
        self._unmount()
        self._lower_layers_unchanged(before)
        if scenario.upper != "none":
            for side in self._sides:
                side.mount(by_kernel=True)
            self._compare_trees("mounted by the kernel, the trees differ")
            self._unmount()

    def _build(self, number, layer):
        for side in self._sides:
            directory = side.directory(layer.place, f"layer{number}")
            side.layers.append(directory)
            side.attach(directory)
        for self._index, op in enumerate(layer.operations):
            self._step(op)
        for side in self._sides:
            side.close_descriptors()

    def _round(self, number, layer):
        uppers = [side.directory(layer.place, f"layer{number}") for side in self._sides]
        self._mount(uppers, layer.place, layer.options, by_kernel=True)
        self._play(layer.operations, self._round_length, hard_links=self._scenario.hard_links_below, driver_operations=False)
        self._compare_trees("the merged trees differ")
        self._unmount()
        for side, upper in zip(self._sides, uppers):
            side.layers.append(upper)

    def _mount(self, uppers, place, options, by_kernel=False):
        for side, upper in zip(self._sides, uppers):
            work = side.directory(place, "work-" + os.path.basename(upper)) if upper else None
            side.stack = mounts.Stack(tuple(reversed(side.layers)), upper, work, side.target, options)
            side.kernel_options = {} if by_kernel else known.default_options(self._system.name, options)
            side.mount(by_kernel)

    def _unmount(self):
        for side in self._sides:
            side.unmount()

    def _play(self, operations, length, **kinds):
        if self._rng is None:
            for self._index, op in enumerate(operations):
                self._step(op)
            return
        source = Sequence(self._rng, userxattr="userxattr" in self._scenario.options, favoured=self._favoured, **kinds)
        source.begin(self._reference.perform({"op": "listing"})["ok"])
        for self._index in range(length):
            op = source.next()
            operations.append(op)
            result = self._step(op)
            if op["op"] == "remount":
                source.forget_descriptors()
            if op["op"] in ("remount", "check"):
                source.begin(self._reference.perform({"op": "listing"})["ok"])
            if result is not None:
                source.observe(op, result)

    # --- one operation

    def _step(self, op):
        """Returns the reference's result; None where it has none."""
        own = {"remount": self._remount, "drop_caches": self._drop_caches, "check": self._check}.get(op["op"])
        if own:
            return own(op)
        system = self._under_test()
        alone = known.tried_alone(system, op)
        if alone and self._part == "main":
            result = self._other.perform(op)
            if result.get("err") not in alone.allowed:
                raise self._difference(f"{op['op']}: {alone.name} should fail", [f"other: {result}"], ("alone", op["op"]))
            return None
        if self._part == "main" and known.left_out(system, op, self._ask):
            return None
        if op["op"] == "utimens":
            self._write_mappings_back()
        asked = known.for_reference(system, op) if self._part == "main" else op
        self._reference.start(asked)
        self._other.start(op)
        reference, other = self._reference.result(asked), self._other.result(op)
        if "bug" in reference or "died" in reference.get("err", ""):
            raise RuntimeError(f"the test itself is wrong: {op}: {reference}")
        kept = reference.pop("inode kept", None), other.pop("inode kept", None)
        equal = reference == other or self._count_as_equal(system, op, reference, other)
        if not equal:
            raise self._difference(f"{op['op']}: results differ", [f"reference: {reference}", f"other:     {other}"],
                                   ("result", op["op"], reference.get("err"), other.get("err")))
        if kept[1] is False and (kept[0] or self._keeps_inodes and not self._other.by_kernel):
            raise self._difference(f"{op['op']}: the inode number changed", [], ("inode", op["op"]))
        return reference

    def _count_as_equal(self, system, op, reference, other):
        exception = known.counts_as_equal(system, op, reference, other, self._ask)
        if exception and exception.undo:
            for undone in exception.undo(op, other if "ok" in other else reference):
                for side in self._sides:
                    side.perform(undone)
        return exception is not None

    def _write_mappings_back(self):
        """See known.NEVER_TRIED: all of them, since a file may be mapped by others than who sets its time."""
        for side in self._sides:
            for role in ROLES:
                side.perform({"op": "write_areas_back", "by": role})

    def _under_test(self):
        """Who does the operations of the other side at this moment."""
        return "kernel" if self._other.by_kernel else self._system.name

    def _remount(self, op):
        """Unmount and mount again, at times both by the kernel. A file whose inode number the reference keeps, keeps it."""
        by_kernel = op["with"] == "kernel"
        stays_its_own = self._keeps_inodes and not by_kernel and not self._other.by_kernel
        before = [side.perform({"op": "inodes"})["ok"] for side in self._sides]
        for side in self._sides:
            side.unmount()
            side.mount(by_kernel)
        after = [side.perform({"op": "inodes"})["ok"] for side in self._sides]
        changed = [{path for path, inode in old.items() if new.get(path) != inode} for old, new in zip(before, after)]
        lost = changed[1] - (set() if stays_its_own else changed[0])
        if by_kernel:
            # It lists a directory with a damaged name in it, or answers EIO, by what it happens to have in its cache.
            unlisted = tuple(path.lstrip("/") for path, inode in after[1].items() if inode is None and path.endswith("/"))
            lost = {path for path in lost if not path.startswith(unlisted)}
        if lost:
            lost -= known.numbers_that_change(self._scenario.options, self._other.perform({"op": "listing"})["ok"])
        if lost and (stays_its_own or self._one_file_system()):
            raise self._difference("inode numbers changed over a remount", sorted(map(repr, lost)), ("inode", "remount"))

    def _one_file_system(self):
        """Only then does the kernel promise inode numbers that stay, and everybody has the same ones; samepage's stay always."""
        return len({self._scenario.upper_place, *(layer.place for layer in self._scenario.layers)}) == 1

    def _drop_caches(self, op):
        Path("/proc/sys/vm/drop_caches").write_text("2\n", encoding="ascii")

    def _check(self, op):
        self._compare_trees("the merged trees differ")

    def _compare_trees(self, what):
        for side in self._sides:
            side.start({"op": "snapshot"})
        results = [side.result({"op": "snapshot"}) for side in self._sides]
        for side, result in zip(self._sides, results):
            if "ok" not in result:
                raise self._difference(f"no snapshot of {side.name}", [str(result)], ("snapshot",))
        found = self._differences(results)
        if found and known.may_show_later(self._under_test(), found, results[1]["ok"]):
            for role in ROLES:
                self._other.perform({"op": "write_areas_back", "by": role})
            results[1] = self._other.perform({"op": "snapshot"})
            found = self._differences(results)
        if found:
            raise self._difference(what, _shown(found), ("trees", what, found[0][1]))

    def _differences(self, snapshots):
        return trees.differences(*known.comparable(self._system.name, *(result["ok"] for result in snapshots)))

    def _lower_layers_unchanged(self, before):
        for side, earlier in zip(self._sides, before):
            for layer, snapshot in zip(side.layers, earlier):
                if found := trees.differences(snapshot, trees.exact(layer)):
                    raise self._difference(f"a lower layer of {side.name} has changed", _shown(found), ("lower", side.name))

    def _difference(self, what, lines, signature):
        return Difference(self._part, self._index, what, lines, signature)


def _shown(found):
    lines = [f"{path!r}: {field}: reference {left!r}, other {right!r}" for path, field, left, right in found[:_SHOWN_DIFFERENCES]]
    if len(found) > _SHOWN_DIFFERENCES:
        lines.append(f"... and {len(found) - _SHOWN_DIFFERENCES} more")
    return lines
