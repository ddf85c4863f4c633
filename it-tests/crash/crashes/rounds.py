"""One round: writers work in a mount, its daemon is killed, and what is left is compared with what was acknowledged."""

import os
import random
import select
import signal
import stat
import subprocess
import time
import traceback
from dataclasses import dataclass, replace

from oracle import guard, mounts, syscalls, trees

from . import model, writers

WRITERS = 4
LONGEST_LOAD_SECONDS = 0.8
WAIT_SECONDS = 20
LOOK_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """What came of a round."""

    acknowledged: int
    options: dict
    complaints: list


class Round:
    """Everything random in it comes from its seed; the instant of the kill is as exact as the machine is."""

    def __init__(self, seed, system, place, fault=None):
        self._rng = random.Random(seed)
        self._seed = seed
        self._system = system
        self._place = place
        self._fault = fault
        self._complaints = []

    def run(self):
        options = self._options()
        trees_of_writers = [writers.initial(self._rng, number) for number in range(WRITERS)]
        self._stack = self._lay_down(trees_of_writers, options)
        lowers = [trees.exact(lower) for lower in self._stack.lowers]
        acknowledged = 0
        try:
            self._system.mount(self._stack)
            daemon = self._system.daemon(self._stack) if self._system.is_fuse else None
            load = self._load(trees_of_writers)
            time.sleep(self._rng.random() * LONGEST_LOAD_SECONDS)  # the random instant
            self._kill(daemon, load)
            self._await(load)
            acknowledged, expected = self._replay(trees_of_writers)
            if self._fault:
                self._fault(self._stack)
            if self._shows_all():
                self._look_by_kernel(expected)
            self._look_again(expected)
            for lower, before in zip(self._stack.lowers, lowers):
                self._complain("a lower layer has changed", trees.differences(before, trees.exact(lower)))
        except mounts.MountFailed as failure:
            self._complaints.append(f"mount: {failure}")
        except guard.TimedOut:
            self._complaints.append(f"the mount hangs: no look at it in {LOOK_SECONDS} s")
        except guard.Failed as failure:
            self._complaints.append(f"a look failed: {failure}")
        finally:
            mounts.release(self._stack.target)
        return Outcome(acknowledged, options, self._complaints)

    def _complain(self, what, lines):
        self._complaints += [f"{what}: {line}" for line in lines[:6]]

    # --- before

    def _options(self):
        options = {"redirect_dir": "on"}
        if self._rng.random() < 0.5:
            options["metacopy"] = "on"
        if self._rng.random() < 0.5:
            options["index"] = "on"
        return options

    def _lay_down(self, trees_of_writers, options):
        paths = [os.path.join(self._place, name) for name in ("lower0", "lower1", "upper", "work", "logs", "mount")]
        for path in paths:
            os.makedirs(path)
        *lowers, upper, work, self._logs, target = paths
        for number, tree in enumerate(trees_of_writers):
            writers.lay_down(self._rng, tree, [os.path.join(lower, f"writer{number}") for lower in lowers])
        return mounts.Stack(tuple(reversed(lowers)), upper, work, target, options)

    def _load(self, trees_of_writers):
        """Start the writers; returns their process numbers. They are at work when this returns: each has logged something."""
        children = []
        started, says = os.pipe()
        for number, tree in enumerate(trees_of_writers):
            child = os.fork()
            if child == 0:
                self._write(number, tree, says)
            children.append(child)
        os.close(says)
        with os.fdopen(started, "rb", buffering=0) as pipe:
            for _ in children:
                pipe.read(1)
        return children

    def _write(self, number, tree, says):
        """Never returns."""
        code = 1
        try:
            syscalls.die_with_parent()
            os.umask(0)
            os.chdir(os.path.join(self._stack.target, f"writer{number}"))
            writer = writers.Writer(number, f"{self._seed} {number}", tree, self._log(number),
                                    exchanges=self._system.name != "samepage-libfuse")  # it has no word for that
            os.write(says, b".")
            os.close(says)
            writer.run()
            code = 0
        except BaseException:  # noqa: BLE001 the process has no caller to tell but its stderr
            traceback.print_exc()
        finally:
            os._exit(code)

    def _log(self, number):
        return os.path.join(self._logs, str(number))

    # --- the crash

    def _kill(self, daemon, load):
        for number, child in enumerate(load):
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                self._complaints.append(f"writer {number} has ended before the crash")
        if daemon is None:
            # Nobody serves a kernel mount, so the writers die instead, each in the middle of something.
            for child in load:
                os.kill(child, signal.SIGKILL)
            return
        _kill_and_await(daemon)
        mounts.detach(self._stack.target)

    def _await(self, load):
        deadline = time.monotonic() + WAIT_SECONDS
        for number, child in enumerate(load):
            handle = os.pidfd_open(child)
            if not select.select([handle], [], [], max(0, deadline - time.monotonic()))[0]:
                self._complaints.append(f"writer {number} hangs after the daemon's death")
                os.kill(child, signal.SIGKILL)
            os.close(handle)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code not in (0, -signal.SIGKILL):
                self._complaints.append(f"writer {number} ended with {code}")
        if not self._system.is_fuse:
            self._system.unmount(self._stack)

    # --- after it

    def _replay(self, trees_of_writers):
        """How many operations were acknowledged, and for each writer its model and the operation in flight."""
        acknowledged, expected = 0, []
        for number, tree in enumerate(trees_of_writers):
            count, pending, wrong = writers.replay(tree, self._log(number))
            acknowledged += count
            expected.append((tree, pending))
            self._complain(f"writer {number}", wrong)
        return acknowledged, expected

    def _judge(self, who, expected):
        """Compare the mounted tree with what must be there. The look itself is a process's that can be given up."""
        target = self._stack.target
        found = guard.call(lambda: [model.observed(os.path.join(target, f"writer{number}")) for number in range(WRITERS)], LOOK_SECONDS)
        for number, ((tree, pending), nodes) in enumerate(zip(expected, found)):
            self._complain(f"{who}: writer {number}", model.complaints(tree, pending, nodes))
        names = guard.call(lambda: sorted(os.listdir(target)), LOOK_SECONDS)
        if names != [f"writer{number}" for number in range(WRITERS)]:
            self._complaints.append(f"{who}: the root directory holds {names}")

    def _shows_all(self):
        """Whether the upper directory has all that was acknowledged: not what is still copied up in part, of which the kernel knows nothing.
        At times that is completed here, at times by the next mount."""
        if self._system.name != "samepage-partial":
            return True
        completed = self._rng.random() < 0.5
        if completed:
            self._system.complete(self._stack)
        return completed

    def _look_by_kernel(self, expected):
        """What the kernel makes of the upper directory as the crash left it: read-only, so that it mends nothing."""
        options = {name: value for name, value in self._stack.options.items() if name != "index"}
        stack = replace(self._stack, lowers=(self._stack.upper, *self._stack.lowers), upper=None, work=None, options=options)
        mounts.Kernel().mount(stack)
        self._judge("the kernel, right after the crash", expected)
        mounts.Kernel().unmount(stack)

    def _look_again(self, expected):
        """Remount, at times with another kill amid it; then the same once more by the kernel."""
        target = self._stack.target
        leftovers = self._leftovers()
        if self._system.is_fuse and self._rng.random() < 0.3:
            self._die_while_mounting()
        self._system.mount(self._stack)
        self._judge(self._system.name, expected)
        clock = trees.NoClock()
        seen = guard.call(lambda: trees.merged(target, clock), LOOK_SECONDS)
        self._system.unmount(self._stack)
        self._complain("left in the work directory over a remount", sorted(leftovers & self._leftovers()))
        mounts.Kernel().mount(self._stack)
        self._complain("kernel and " + self._system.name, trees.differences(trees.merged(target, clock), seen))
        mounts.Kernel().unmount(self._stack)

    def _die_while_mounting(self):
        mounting = self._system.mount_in_foreground(self._stack)
        try:
            mounting.wait(self._rng.random() * 0.7)
            self._complaints.append(f"mount -f ended by itself with {mounting.returncode}")
        except subprocess.TimeoutExpired:
            mounting.kill()
            mounting.wait()
        if mounts.mounted(self._stack.target):
            mounts.detach(self._stack.target)

    def _leftovers(self):
        """What the work directory holds beside the index, as (path, inode): whiteouts may stay, to be linked to."""
        found = set()
        for path, _, status in trees.walk(self._stack.work):
            if path and not path.startswith("index") and path != "partial/layers" and not stat.S_ISDIR(status.st_mode) and not _whiteout(status):
                found.add((path, status.st_ino))
        return found


def _whiteout(status):
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _kill_and_await(pid):
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    if not select.select([handle], [], [], WAIT_SECONDS)[0]:
        raise mounts.MountFailed(f"the daemon {pid} does not die")
    os.close(handle)
