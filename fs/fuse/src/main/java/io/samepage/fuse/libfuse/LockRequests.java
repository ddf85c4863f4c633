package io.samepage.fuse.libfuse;

import io.samepage.fuse.FileLock;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.nio.ByteBuffer;

/**
 * GETLK, SETLK and SETLKW, which libfuse does not get: it keeps a table of the record locks that it
 * has granted, and answers GETLK from that before it asks anybody (fuse_lib_getlk in lib/fuse.c).
 * Nothing takes the lock of an open file description (F_OFD_SETLK) out of it when that is closed,
 * nor a lock that was set by one name of a file when the file is closed by another; and each new
 * lock is compared with all that have been left so.
 *
 * <pre>
 *   struct fuse_lk_in
 *   0       8       16      24      32     36     40        44       48
 *   | fh    | owner | start | end   | type | pid  | lk_flags |       |
 *
 *   struct fuse_lk_out: start, end, type and pid
 * </pre>
 */
final class LockRequests {
  private static final int FH = 0;
  private static final int OWNER = 8;
  private static final int START = 16;
  private static final int END = 24;
  private static final int TYPE = 32;
  private static final int PID = 36;
  private static final int LK_FLAGS = 40;
  private static final int BYTES = 48;

  /** Of {@link #LK_FLAGS}: the lock is one of flock(2). */
  private static final int LK_FLOCK = 1;

  private static final int FOUND_START = 0;
  private static final int FOUND_END = 8;
  private static final int FOUND_TYPE = 16;
  private static final int FOUND_PID = 20;
  private static final int FOUND_BYTES = 24;

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
    int at = Requests.HEADER;
    if (length < at + BYTES) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    long handle = request.getLong(at + FH);
    long owner = request.getLong(at + OWNER);
    FileLock lock =
        new FileLock(
            request.getLong(at + START),
            request.getLong(at + END),
            request.getInt(at + TYPE),
            request.getInt(at + PID));
    if (call.opcode == Requests.GETLK) {
      FileLock found = handles.getlk(call, handle, owner, lock);
      ByteBuffer out = call.answer(FOUND_BYTES);
      out.putLong(Answers.HEADER + FOUND_START, found.start());
      out.putLong(Answers.HEADER + FOUND_END, found.end());
      out.putInt(Answers.HEADER + FOUND_TYPE, found.type());
      out.putInt(Answers.HEADER + FOUND_PID, found.pid());
      return FOUND_BYTES;
    }
    boolean flock = (request.getInt(at + LK_FLAGS) & LK_FLOCK) != 0;
    LockWaits.Wait reply = waits.begin(call);
    try {
      handles.setlk(call, handle, owner, lock, flock, call.opcode == Requests.SETLKW, reply);
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
