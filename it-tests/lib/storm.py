#!/usr/bin/env python3
"""Writes that a crash interrupts, and what may be left of them.

    storm.py write FILE LOG     writes to FILE until that fails, and notes in LOG what begins and what is acknowledged; it ends after
                                a number of writes, since those to a complete file go on when the daemon is killed
    storm.py check FILE LOG OLD each page of FILE is that of the last write to it that was acknowledged, or of the one that was
                                under way, and of OLD if there was none

A write fills a run of whole pages with its number; some are only parts of a page, and are then followed in the same page.
"""

import random
import struct
import sys

PAGE = 4096
MOST = 20_000


def record(number, offset, length):
    return (struct.pack("<QQ", number, offset) * (length // 16 + 1))[:length]


def write(path, log):
    rng = random.Random()
    with open(log, "ab", buffering=0) as notes, open(path, "r+b", buffering=0) as file:
        pages = file.seek(0, 2) // PAGE
        for number in range(1, MOST):
            first, count = rng.randrange(pages), rng.choice([1, 1, 1, 2, 5, 32])
            count = min(count, pages - first)
            part = rng.random() < 0.3
            offset = first * PAGE + (1024 if part else 0)
            length = 512 if part else count * PAGE
            notes.write(struct.pack("<cQQQ", b"b", number, offset, length))
            try:
                file.seek(offset)
                if file.write(record(number, offset, length)) != length:
                    return
            except OSError:
                return
            notes.write(struct.pack("<cQQQ", b"a", number, offset, length))


def check(path, log, old):
    with open(log, "rb") as file:
        notes = file.read()
    size = struct.calcsize("<cQQQ")
    done, begun = [], None
    for at in range(0, len(notes) // size * size, size):
        kind, number, offset, length = struct.unpack_from("<cQQQ", notes, at)
        begun = (number, offset, length)
        if kind == b"a":
            done.append(begun)
            begun = None
    with open(old, "rb") as file:
        model = bytearray(file.read())
    for number, offset, length in done:
        model[offset:offset + length] = record(number, offset, length)
    with open(path, "rb") as file:
        there = file.read()
    if len(there) != len(model):
        sys.exit(f"{len(there)} bytes, not {len(model)}")
    both = bytearray(model)
    if begun:
        number, offset, length = begun
        both[offset:offset + length] = record(*begun)
    wrong = [at for at in range(0, len(model), PAGE)
             if there[at:at + PAGE] not in (bytes(model[at:at + PAGE]), bytes(both[at:at + PAGE]))]
    if wrong:
        sys.exit(f"{len(wrong)} pages are neither old nor new, the first at {wrong[0]}; {len(done)} writes were acknowledged")
    print(f"{len(done)} writes were acknowledged, {'one was' if begun else 'none was'} under way")


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
