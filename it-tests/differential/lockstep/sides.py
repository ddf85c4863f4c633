"""One of the two sides: its copy of the layers, its mount, and the processes that work in it."""

import errno
import fcntl
import os
import shutil
import struct
from dataclasses import replace

from oracle import mounts, syscalls, trees

from . import actors, operations

_UNCHANGEABLE = 0x10 | 0x20  # IMMUTABLE and APPEND


class Side:
    """Directories of its own below every place of the store; one mount point; one process for each role."""

    def __init__(self, name, store, clock, system, system_options=None, mutant=None):
        self.name = name
        self.layers = []
        self.stack = None
        self.by_kernel = False
        self.kernel_options = {}  # for mounts by the kernel, beside those of the stack
        self._store = store
        self._clock = clock
        self._system = system
        self._system_options = system_options or {}
        self._mutant = mutant
        self._directories = []
        self.target = os.path.join(store.root, "mount-" + name)
        os.makedirs(self.target, exist_ok=True)
        self._processes = {role: actors.Process(role, mutant.perform if mutant else operations.perform) for role in actors.ROLES}

    def directory(self, place, name):
        """A directory of that name on that place, new at the first call."""
        path = os.path.join(self._store.place(place), self.name, name)
        os.makedirs(path, exist_ok=True)
        self._directories.append(os.path.dirname(path))
        return path

    def attach(self, root, under_test=False):
        """From now on the processes work in that tree. Only what is under test has a mutant's fault."""
        pids = [process.pid for process in self._processes.values()]
        for process in self._processes.values():
            process.attach(root, self._clock, pids, under_test)

    def start(self, op):
        self._processes[op.get("by", "root")].start(op)

    def result(self, op):
        return self._processes[op.get("by", "root")].result()

    def perform(self, op):
        self.start(op)
        return self.result(op)

    def close_descriptors(self):
        for role in self._processes:
            self.perform({"op": "close_all", "by": role})

    def mount(self, by_kernel=False):
        """Mount the stack, by the side's own system or by the kernel, and let the processes work there."""
        stack, system = self.stack, mounts.Kernel() if by_kernel else self._system
        if stack.upper:
            # A volatile mount leaves this mark, by which the next one refuses; its user says so that nothing was lost.
            shutil.rmtree(os.path.join(stack.work, "work", "incompat"), ignore_errors=True)
        if by_kernel or system.name == "kernel":
            stack = replace(stack, options={**stack.options, **self.kernel_options})
        if not by_kernel:
            stack = replace(stack, options={**stack.options, **self._system_options})
        system.mount(stack)
        self.by_kernel = by_kernel
        self.attach(stack.target, under_test=not by_kernel)

    def unmount(self):
        self.close_descriptors()
        (mounts.Kernel() if self.by_kernel else self._system).unmount(self.stack)
        if self._mutant and not self.by_kernel:
            self._mutant.unmounted(self.stack)

    def end(self):
        """Leave nothing behind, hung or not."""
        mounts.release(self.target)
        for process in self._processes.values():
            process.end()
        for directory in set(self._directories):
            _remove(directory)


def _remove(directory):
    try:
        while os.path.lexists(directory):
            try:
                shutil.rmtree(directory)
            except OSError as failure:
                # A daemon whose connection was ended may still be at work on it, until it ends.
                if failure.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                    raise
    except PermissionError:
        for _, full, status in trees.walk(directory):
            if trees.kind_of(status.st_mode) in ("file", "directory"):
                _make_changeable(full)
        shutil.rmtree(directory)


def _make_changeable(path):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        flags, = struct.unpack_from("<I", fcntl.ioctl(fd, syscalls.FS_IOC_GETFLAGS, b"\0" * 8))
        if flags & _UNCHANGEABLE:
            fcntl.ioctl(fd, syscalls.FS_IOC_SETFLAGS, struct.pack("<Q", flags & ~_UNCHANGEABLE))
    finally:
        os.close(fd)
