package io.samepage.fuse.libfuse;

import io.samepage.fuse.FileLock;
import io.samepage.fuse.wire.LkIn;
import io.samepage.fuse.wire.LkOut;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.nio.ByteBuffer;

/**
 * GETLK, SETLK and SETLKW, which libfuse does not get: it keeps a table of the record locks that it
 * has granted, and answers GETLK from that before it asks anybody (fuse_lib_getlk in lib/fuse.c).
 * Nothing takes the lock of an open file description (F_OFD_SETLK) out of it when that is closed,
 * nor a lock that was set by one name of a file when the file is closed by another; and each new
 * lock is compared with all that have been left so.
 */
final class LockRequests {
  private final HandleCalls handles;
  private final LockWaits waits;

  LockRequests(HandleCalls handles, LockWaits waits) {
    this.handles = handles;
    this.waits = waits;
  }

  /**
   * Does what a request asks for.
   *
   * @return how many bytes of answer have been put into {@link Call#answer}
   */
  int perform(Call call, ByteBuffer request, int length) throws ErrnoException {
    if (!Requests.has(length, LkIn.BYTES)) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    int at = Requests.BODY;
    long handle = LkIn.fh(request, at);
    long owner = LkIn.owner(request, at);
    FileLock lock = LkIn.lock(request, at);
    if (call.opcode == Opcode.GETLK) {
      FileLock found = handles.getlk(call, handle, owner, lock);
      LkOut.put(call.answer(LkOut.BYTES), OutHeader.BYTES, found);
      return LkOut.BYTES;
    }
    boolean flock = LkIn.isFlock(request, at);
    LockWaits.Wait reply = waits.begin(call);
    try {
      handles.setlk(call, handle, owner, lock, flock, call.opcode == Opcode.SETLKW, reply);
      int errno = reply.await();
      if (errno != 0) {
        throw ErrnoException.of(errno);
      }
      return 0;
    } finally {
      reply.end();
    }
  }
}
