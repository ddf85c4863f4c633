"""Calls into a file system that may hang, made from a process that can be given up."""

import os
import pickle
import select
import signal
import traceback

from . import syscalls


class TimedOut(Exception):
    """The call did not return in time. Its process ends once the file system lets it."""


class Failed(Exception):
    """The call raised; the message is its traceback."""


def call(function, seconds):
    """What the function returns, run in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        syscalls.die_with_parent()
        os.close(reading)
        try:
            outcome = (True, function())
        except BaseException:  # noqa: BLE001 told to the parent, which raises it
            outcome = (False, traceback.format_exc())
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        if not select.select([pipe], [], [], seconds)[0]:
            os.kill(child, signal.SIGKILL)
            raise TimedOut
        fine, value = pickle.load(pipe)
    os.waitpid(child, 0)
    if not fine:
        raise Failed(value)
    return value
