"""The overlays that can be mounted: the kernel's own, samepage, and Debian's fuse-overlayfs, each with a time limit."""

import errno
import json
import os
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import syscalls, trees

MOUNT_SECONDS = 30
REPOSITORY = Path(__file__).resolve().parents[2]
CONNECTIONS = "/sys/fs/fuse/connections"


class MountFailed(Exception):
    """The mount or unmount command failed; its output is the message."""


@dataclass(frozen=True)
class Stack:
    """What is mounted where: layers from the topmost lower one down, and the options beside them."""

    lowers: tuple
    upper: str | None
    work: str | None
    target: str
    options: dict = field(default_factory=dict)

    def option_string(self, extra=()):
        """As for mount(8); what is extra goes before an option of the same name."""
        parts = ["lowerdir=" + ":".join(self.lowers)]
        if self.upper:
            parts += ["upperdir=" + self.upper, "workdir=" + self.work]
        for name, value in {**self.options, **dict(extra)}.items():
            parts.append(name if value is None else f"{name}={value}")
        return ",".join(parts)


class Kernel:
    """The kernel's overlayfs: the reference."""

    name = "kernel"
    is_fuse = False

    def mount(self, stack):
        try:
            syscalls.mount("overlay", stack.target, "overlay", 0, stack.option_string())
        except OSError as failure:
            raise MountFailed(f"overlayfs: {failure} ({stack.option_string()})") from failure

    def unmount(self, stack):
        try:
            syscalls.umount(stack.target)
        except OSError as failure:
            raise MountFailed(f"umount {stack.target}: {failure}") from failure


class _Fuse:
    is_fuse = True

    def unmount(self, stack):
        try:
            _command(self._unmount_command(stack))
        except MountFailed:
            release(stack.target)
            raise


class Samepage(_Fuse):
    """The program under test. Where files are copied up page by page, unmounting completes what has not been completed."""

    # Counters of `samepage status` by which a run shows that it tried what it is for.
    exercises = ()

    def __init__(self, name="samepage", *extra):
        self.name = name
        self.exercised = dict.fromkeys(self.exercises, 0)
        self._extra = list(extra)
        self.program = os.environ.get("SAMEPAGE", str(REPOSITORY / "scripts" / "samepage"))

    def copying_whole_files(self):
        """The same, but that the upper directory has all of a file as soon as any of it is written."""
        if not any(name == "partial" for name, _ in self._extra):
            self._extra.append(("partial", "off"))
        return self

    def mount(self, stack):
        _command([self.program, "mount", "-o", stack.option_string(self._extra), stack.target])
        if not mounted(stack.target):
            raise MountFailed("samepage mount returned 0, and nothing is mounted")

    def mount_in_foreground(self, stack):
        """Begin to mount, and return the process that does it and then serves the mount."""
        with open("/dev/null", "r+b") as nothing:
            return subprocess.Popen([self.program, "mount", "-f", "-o", stack.option_string(self._extra), stack.target],
                                    stdin=nothing, stdout=nothing, stderr=nothing)

    def status(self, stack):
        """What the daemon says of the mount."""
        said = subprocess.run([self.program, "status", stack.target, "--json"], capture_output=True, timeout=MOUNT_SECONDS, check=True)
        found = json.loads(said.stdout)
        while not (isinstance(found, dict) and "pid" in found):  # one mount, or a list of mounts, bare or in an object
            found = found["mounts"] if isinstance(found, dict) else found[0]
        return found

    def daemon(self, stack):
        """The process that serves the mount."""
        return int(self.status(stack)["pid"])

    def complete(self, stack):
        _command([self.program, "complete", stack.upper, stack.work])

    def unmount(self, stack):
        if self.exercised:
            counters = self.status(stack)
            for name in self.exercised:
                self.exercised[name] += counters[name]
        super().unmount(stack)
        if stack.upper and {**stack.options, **dict(self._extra)}.get("partial", "off") != "off":
            # what a volatile mount leaves, by which it is refused: nothing was lost
            shutil.rmtree(os.path.join(stack.work, "work", "incompat"), ignore_errors=True)
            self.complete(stack)

    def _unmount_command(self, stack):
        return [self.program, "umount", stack.target]


class SamepagePage(Samepage):
    """With files that are alike in part shared page by page, be they ever so small. What can be shared is so from the first
    operation on: a daemon finds it out in the background, and leaves alone what was changed within the last seconds."""

    exercises = ("paged_opens", "partial_copy_ups")

    def __init__(self):
        super().__init__("samepage-page", ("sharing", "page"), ("page_min", "1"), ("page_likeness", "1"))

    def mount(self, stack):
        newest = max((status.st_ctime for lower in stack.lowers for _, status in _alike(lower)), default=0)
        time.sleep(max(0, newest + _SETTLED_SECONDS - time.time()))
        super().mount(stack)
        asked = [os.open(path, os.O_RDONLY | os.O_NOATIME) for path, _ in _alike(stack.target)]
        for fd in asked:
            os.close(fd)
        # Nothing may be left to find out, since it is in the upper layer.
        end = time.monotonic() + _SETTLED_SECONDS
        while asked and time.monotonic() < end and not self._is_idle(stack):
            time.sleep(0.05)

    def _is_idle(self, stack):
        counters = self.status(stack)
        return counters["full_scans"] > 0 and counters["files_queued"] == 0


# A file that was changed less long ago is not hashed (Identification.SETTLED_NANOS), and a bit.
_SETTLED_SECONDS = 2.3


def _alike(root):
    """The files of a tree that may be shared in part."""
    for _, path, status in trees.walk(root):
        if isinstance(status, os.stat_result) and stat.S_ISREG(status.st_mode) and status.st_size > 4096 and not status.st_mode & 0o111:
            yield path, status


class FuseOverlayfs(_Fuse):
    """Debian's fuse-overlayfs: its known faults show that the test can fail."""

    name = "fuse-overlayfs"
    _known_options = {"userxattr"}

    def mount(self, stack):
        kept = {name: value for name, value in stack.options.items() if name in self._known_options}
        _command(["fuse-overlayfs", "-o", Stack(stack.lowers, stack.upper, stack.work, stack.target, kept).option_string(
            [("allow_other", None), ("default_permissions", None)]), stack.target])

    def _unmount_command(self, stack):
        return ["umount", stack.target]


SYSTEMS = {
    "kernel": Kernel,
    "samepage": Samepage,
    "samepage-nopassthrough": lambda: Samepage("samepage-nopassthrough", ("passthrough", "off")),
    # all files are copied up page by page, be they ever so small
    "samepage-partial": lambda: Samepage("samepage-partial", ("partial", "1")),
    "samepage-page": SamepagePage,
    "samepage-libfuse": lambda: Samepage("samepage-libfuse", ("transport", "libfuse")),
    "fuse-overlayfs": FuseOverlayfs,
}


def _command(arguments):
    """Run one mount command. Its stderr is a file, since a daemon that keeps it open must not keep us waiting."""
    with open("/dev/null", "rb") as nothing, os.fdopen(os.memfd_create("output"), "w+b") as output:
        process = subprocess.Popen(arguments, stdin=nothing, stdout=output, stderr=output)
        try:
            code = process.wait(MOUNT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise MountFailed(f"{arguments[0]} {arguments[1]}: no end after {MOUNT_SECONDS} s") from None
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if code != 0:
        raise MountFailed(f"{' '.join(arguments)}: exit {code}: {said}")


def _device(target):
    """The device number of what is mounted there, found without a call that a dead file system could hang; None if nothing is."""
    wanted = str(target)
    found = None
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.split()
            if fields[4] == wanted:
                found = fields[2]
    return found


def mounted(target):
    return _device(target) is not None


def abort(target):
    """End the FUSE connection of a mount that hangs: every call that waits for it returns with an error."""
    device = _device(target)
    if device is None:
        return
    handle = Path(CONNECTIONS, device.split(":")[1], "abort")
    if not handle.exists() and not os.path.ismount(CONNECTIONS):
        syscalls.mount("fusectl", CONNECTIONS, "fusectl")
    if handle.exists():
        handle.write_text("1\n", encoding="ascii")


def release(target):
    """Get rid of whatever is mounted there, alive or not."""
    abort(target)
    while mounted(target):
        try:
            syscalls.umount(target, syscalls.MNT_DETACH)
        except OSError as failure:
            if failure.errno != errno.EINVAL:  # a daemon whose connection has ended unmounts by itself, just now perhaps
                raise


def detach(target):
    """Take a mount whose daemon is dead out of the tree."""
    syscalls.umount(target, syscalls.MNT_DETACH)
