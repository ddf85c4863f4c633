package io.samepage.fuse.kernel;

import io.samepage.fuse.FileLock;
import io.samepage.fuse.wire.InterruptIn;
import io.samepage.fuse.wire.LkIn;
import io.samepage.fuse.wire.LkOut;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;

/** Requests about locks, and the interrupts that end the wait for one. */
final class LockRequests {
  private static final int LK_FLOCK = 1;

  private LockRequests() {}

  static int getlk(Exchange x) throws ErrnoException {
    FileLock lock = lock(x);
    FileLock found =
        x.fs.getlk(x.request, x.nodeid, LkIn.fh(x.in, x.body), LkIn.owner(x.in, x.body), lock);
    LkOut.start(x.out, Exchange.PAYLOAD, found.start());
    LkOut.end(x.out, Exchange.PAYLOAD, found.end());
    LkOut.type(x.out, Exchange.PAYLOAD, found.type());
    LkOut.pid(x.out, Exchange.PAYLOAD, found.pid());
    return LkOut.BYTES;
  }

  static int setlk(Exchange x) throws ErrnoException {
    return set(x, false);
  }

  static int setlkw(Exchange x) throws ErrnoException {
    return set(x, true);
  }

  private static int set(Exchange x, boolean wait) throws ErrnoException {
    FileLock lock = lock(x);
    PendingLock pending = new PendingLock(x.interrupts, x.port, x.unique);
    x.interrupts.expect(x.unique, pending);
    try {
      x.fs.setlk(
          x.request,
          x.nodeid,
          LkIn.fh(x.in, x.body),
          LkIn.owner(x.in, x.body),
          lock,
          (LkIn.lkFlags(x.in, x.body) & LK_FLOCK) != 0,
          wait,
          pending);
    } catch (ErrnoException e) {
      pending.failed(e.errno());
    } catch (RuntimeException | Error e) {
      pending.failed(Errno.EIO);
      x.interrupts.forget(x.unique);
      throw e;
    }
    int result = pending.resultOrDefer();
    if (result == PendingLock.DEFERRED) {
      return Handler.NO_REPLY;
    }
    x.interrupts.forget(x.unique);
    if (result != 0) {
      throw ErrnoException.of(result);
    }
    return 0;
  }

  private static FileLock lock(Exchange x) throws ErrnoException {
    x.structure(LkIn.BYTES);
    return new FileLock(
        LkIn.start(x.in, x.body),
        LkIn.end(x.in, x.body),
        LkIn.type(x.in, x.body),
        LkIn.pid(x.in, x.body));
  }

  static int interrupt(Exchange x) throws ErrnoException {
    x.structure(InterruptIn.BYTES);
    x.interrupts.interrupt(InterruptIn.unique(x.in, x.body));
    return Handler.NO_REPLY;
  }
}
