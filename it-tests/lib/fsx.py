#!/usr/bin/env python3
"""A random reader and writer of one file, which knows what the file has to be.

    fsx.py [--seed S] [--operations N] [--limit BYTES] [--whole] [--model MODEL] FILE

FILE is there already; what it holds is where the model begins. Each operation is done to the file and to the model, and what is
read is compared. --whole: also those operations that end a partial copy-up (chmod, rename, link, holes). --model: goes on
with the model in this file if it is there, and keeps it there at the end. Prints the seed; exits with 1 at the first difference.
"""

import argparse
import ctypes
import errno
import mmap
import os
import random
import sys

PAGE = 4096
LIBC = ctypes.CDLL(None, use_errno=True)
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16


class Different(Exception):
    pass


class Exerciser:
    def __init__(self, path, model, limit, rng):
        self.path, self.model, self.limit, self.rng = path, model, limit, rng
        self.log = []
        self.fd = os.open(path, os.O_RDWR)

    def place(self, beyond=0):
        """An offset and a length, at pages or not, small or not."""
        end = len(self.model) + beyond
        offset = self.rng.randrange(max(1, end))
        length = self.rng.choice([1, 7, 100, PAGE, 3 * PAGE, 20 * PAGE, 64 * PAGE])
        length = self.rng.randrange(length) + 1
        if self.rng.random() < 0.4:
            offset -= offset % PAGE
        if self.rng.random() < 0.4:
            length += -length % PAGE
        return offset, min(length, self.limit - offset)

    def same(self, offset, there):
        here = bytes(self.model[offset:offset + len(there)])
        if there != here:
            at = next((i for i, (a, b) in enumerate(zip(there, here)) if a != b), min(len(there), len(here)))
            raise Different(f"byte {offset + at} (page {(offset + at) // PAGE}) is {there[at:at + 8].hex()}, not {here[at:at + 8].hex()}")

    def put(self, offset, data):
        if offset > len(self.model):
            self.model.extend(bytes(offset - len(self.model)))
        self.model[offset:offset + len(data)] = data

    def read(self):
        offset, length = self.place(2 * PAGE)
        there = os.pread(self.fd, length, offset)
        if len(there) != max(0, min(length, len(self.model) - offset)):
            raise Different(f"read {len(there)} of {length} bytes at {offset}, size {len(self.model)}")
        self.same(offset, there)
        return offset, length

    def write(self):
        offset, length = self.place(3 * PAGE)
        data = self.rng.randbytes(length)
        if os.pwrite(self.fd, data, offset) != length:
            raise Different("short write")
        self.put(offset, data)
        return offset, length

    def map_write(self):
        if not self.model:
            return None
        offset, length = self.place()
        length = min(length, len(self.model) - offset)
        data = self.rng.randbytes(length)
        with mmap.mmap(self.fd, len(self.model)) as memory:
            self.same(offset, memory[offset:offset + length])
            memory[offset:offset + length] = data
            if self.rng.random() < 0.5:
                memory.flush()
        self.put(offset, data)
        return offset, length

    def map_read(self):
        if not self.model:
            return None
        offset, length = self.place()
        with mmap.mmap(self.fd, len(self.model), prot=mmap.PROT_READ) as memory:
            self.same(offset, memory[offset:min(offset + length, len(self.model))])
        return offset, length

    def size(self):
        size = self.rng.randrange(self.limit) if self.rng.random() < 0.3 else min(self.limit, self.place(3 * PAGE)[0])
        if self.rng.random() < 0.8:
            size = max(size, len(self.model) // 2)
        os.ftruncate(self.fd, size) if self.rng.random() < 0.5 else os.truncate(self.path, size)
        del self.model[size:]
        self.put(size, b"")
        return size

    def copy(self):
        if not self.model:
            return None
        source, length = self.place()
        length = min(length, len(self.model) - source)
        target = self.place(PAGE)[0]
        if abs(source - target) < length:
            return None
        done = os.copy_file_range(self.fd, self.fd, length, source, target)
        self.put(target, bytes(self.model[source:source + done]))
        return source, target, length, done

    def seek(self):
        if not self.model:
            return None
        at = 0
        while True:
            try:
                data = os.lseek(self.fd, at, os.SEEK_DATA)
            except OSError as e:
                if e.errno != errno.ENXIO:
                    raise
                data = len(self.model)
            if any(self.model[at:data]):
                raise Different(f"data in a hole from {at} to {data}")
            if data >= len(self.model):
                return None
            at = os.lseek(self.fd, data, os.SEEK_HOLE)
            if at <= data:
                raise Different(f"a hole at {at}, where data are")

    def sync(self):
        os.fsync(self.fd)

    def reopen(self):
        os.close(self.fd)
        self.fd = os.open(self.path, os.O_RDWR)

    def whole(self):
        with open(self.path, "rb") as file:
            there = file.read()
        if len(there) != len(self.model):
            raise Different(f"{len(there)} bytes, not {len(self.model)}")
        self.same(0, there)

    def allocate(self):
        offset, length = self.place()
        mode = self.rng.choice([KEEP_SIZE | PUNCH_HOLE, ZERO_RANGE | KEEP_SIZE, 0])
        if LIBC.fallocate(self.fd, mode, ctypes.c_long(offset), ctypes.c_long(length)):
            raise OSError(ctypes.get_errno(), "fallocate")
        if mode == 0:
            self.put(max(len(self.model), offset + length), b"")
        else:
            end = min(offset + length, len(self.model))
            self.model[offset:end] = bytes(max(0, end - offset))
        return mode, offset, length

    def mode(self):
        os.chmod(self.path, self.rng.choice([0o600, 0o644, 0o640]))

    def rename(self):
        os.rename(self.path, self.path + ".x")
        os.rename(self.path + ".x", self.path)

    def link(self):
        os.link(self.path, self.path + ".l")
        os.unlink(self.path + ".l")

    def run(self, operations, all_kinds):
        kinds = [self.read] * 8 + [self.write] * 8 + [self.map_write] * 4 + [self.map_read] * 3 + [self.size] * 2
        kinds += [self.copy] * 2 + [self.seek, self.sync, self.reopen, self.whole]
        rare = [self.allocate, self.mode, self.rename, self.link]
        for number in range(operations):
            kind = self.rng.choice(rare) if all_kinds and self.rng.random() < 0.02 else self.rng.choice(kinds)
            self.log.append(f"{number}: {kind.__name__} …")
            self.log[-1] = f"{number}: {kind.__name__} {kind()}"
        self.whole()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=4 << 20)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("file")
    options = parser.parse_args()
    print(f"fsx: seed {options.seed}", flush=True)
    begin = options.model if options.model and os.path.exists(options.model) else options.file
    with open(begin, "rb") as file:
        model = bytearray(file.read())
    exerciser = Exerciser(options.file, model, options.limit, random.Random(options.seed))
    try:
        exerciser.run(options.operations, options.whole)
    except (Different, OSError) as e:
        print(f"fsx: seed {options.seed}: {e}", "the last operations:", *exerciser.log[-12:], sep="\n    ")
        sys.exit(1)
    if options.model:
        with open(options.model, "wb") as file:
            file.write(exerciser.model)


if __name__ == "__main__":
    main()
