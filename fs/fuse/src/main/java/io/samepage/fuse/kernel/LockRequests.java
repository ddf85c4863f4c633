package io.samepage.fuse.kernel;

import io.samepage.fuse.FileLock;
import io.samepage.fuse.wire.InterruptIn;
import io.samepage.fuse.wire.LkIn;
import io.samepage.fuse.wire.LkOut;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;

/** Requests about locks, and the interrupts that end the wait for one. */
final class LockRequests {
  private LockRequests() {}

  static int getlk(Exchange x) throws ErrnoException {
    FileLock lock = lock(x);
    FileLock found =
        x.fs.getlk(x.request, x.nodeid, LkIn.fh(x.in, x.body), LkIn.owner(x.in, x.body), lock);
    LkOut.put(x.out, Exchange.PAYLOAD, found);
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
          LkIn.isFlock(x.in, x.body),
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
    return LkIn.lock(x.in, x.body);
  }

  static int interrupt(Exchange x) throws ErrnoException {
    x.structure(InterruptIn.BYTES);
    x.interrupts.interrupt(InterruptIn.unique(x.in, x.body));
    return Handler.NO_REPLY;
  }
}
