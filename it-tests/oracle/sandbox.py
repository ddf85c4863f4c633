"""A mount and process namespace of our own: however a run ends, its mounts, daemons and loop devices end with it."""

import os
import sys
import tempfile

from . import syscalls

_INSIDE = "SAMEPAGE_TEST_SANDBOX"


def enter():
    """Start this program again inside the namespaces, unless it is there already. Returns there, with a scratch directory in memory.

    The namespace's first process waits for the program and for the daemons that become its children. Its end kills every process
    inside, and a FUSE daemon's death aborts its connection, which frees whatever hangs on it.
    """
    if os.environ.pop(_INSIDE, None):
        return _inside()
    if os.geteuid() != 0:
        sys.exit("this test mounts overlayfs and drops privileges: run it as root")
    os.environ[_INSIDE] = "1"
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-X", "utf8", *sys.argv]
    sys.stdout.flush()
    return os.execvp(command[0], command)


def _leave_foreign_mounts():
    """As long as a FUSE file system is mounted in any namespace its daemon lives: those of others that were mounted when this one was
    made are not to outlive their unmount."""
    with open("/proc/self/mountinfo", "rb") as lines:
        mounts = [line.split() for line in lines]
    for fields in reversed(mounts):
        if fields[fields.index(b"-") + 1].startswith(b"fuse."):
            target = fields[4].decode("unicode_escape").encode("latin-1")
            try:
                syscalls.umount(target, syscalls.MNT_DETACH)
            except OSError:
                pass  # below another one that has gone


def _inside():
    """Fork: the child goes on; the parent reaps, since a daemon left as a zombie looks alive to whoever waits for its end."""
    _leave_foreign_mounts()
    scratch = tempfile.mkdtemp(prefix="samepage-test.")
    syscalls.mount("samepage-test", scratch, "tmpfs", 0, "size=6g,mode=755")
    program = os.fork()
    if program == 0:
        os.environ["SAMEPAGE_INDEX"] = os.path.join(scratch, "index")
        return scratch
    while True:
        try:
            ended, status = os.wait()
        except KeyboardInterrupt:
            continue
        if ended == program:
            syscalls.umount(scratch, syscalls.MNT_DETACH)
            os.rmdir(scratch)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
