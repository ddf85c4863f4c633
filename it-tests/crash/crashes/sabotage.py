"""Faults put in on purpose between the crash and the look at what is left: the checker must complain about each."""

import os

from . import model


def _upper_files(stack):
    for path, _, names in os.walk(stack.upper):
        for name in names:
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                yield full


def lost_file(stack):
    """A file that was acknowledged is gone from the upper directory."""
    os.unlink(next(_upper_files(stack)))


def torn_block(stack):
    """One block is half of one write and half of another."""
    for full in _upper_files(stack):
        if os.path.getsize(full) >= model.BLOCK:
            with open(full, "r+b") as file:
                file.seek(model.BLOCK // 2)
                file.write(model.block(7)[:model.BLOCK // 2])
            return


def old_content(stack):
    """A whole block has gone back to what no acknowledged write left there."""
    for full in _upper_files(stack):
        if os.path.getsize(full) >= model.BLOCK:
            with open(full, "r+b") as file:
                file.write(model.block(7))
            return


def undone_rename(stack):
    """A file has another name than the last rename gave it."""
    full = next(_upper_files(stack))
    os.rename(full, full + ".old")


def leftover_seen(stack):
    """A temporary file of the daemon shows in the tree."""
    with open(os.path.join(stack.upper, "writer0", "#leftover"), "w", encoding="ascii"):
        pass


def half_copy(stack):
    """A file has lost its second half, as a copy-up does that was cut off in place."""
    for full in _upper_files(stack):
        if os.path.getsize(full) > model.BLOCK:
            os.truncate(full, os.path.getsize(full) // 2 // model.BLOCK * model.BLOCK)
            return


def changed_lower(stack):
    """A lower layer was written to."""
    with open(os.path.join(stack.lowers[0], "writer0", "intruder"), "w", encoding="ascii"):
        pass


FAULTS = {fault.__name__: fault for fault in (
    lost_file, torn_block, old_content, undone_rename, leftover_seen, half_copy, changed_lower)}
