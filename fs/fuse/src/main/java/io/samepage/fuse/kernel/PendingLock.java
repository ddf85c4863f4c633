package io.samepage.fuse.kernel;

import io.samepage.fuse.InterruptibleLockReply;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.Errno;
import io.samepage.posix.NativeBuffer;

/**
 * The answer to one request for a lock. What is decided before the file system returns, the worker
 * answers itself; what is decided later is answered from the thread that decides.
 *
 * <pre>
 *   CALLING ──granted, failed──▶ result ──worker returns──▶ (answered by the worker)
 *      │
 *      └──worker returns──▶ DEFERRED ──granted, failed──▶ DONE (answered here)
 *                               └────────cancel─────────▶ DONE (not answered)
 * </pre>
 */
final class PendingLock extends InterruptibleLockReply {
  /** What {@link #resultOrDefer} says while nothing is decided. */
  static final int DEFERRED = -1;

  private static final int CALLING = -2;
  private static final int DONE = -3;

  private final Interrupts interrupts;
  private final ReplyPort port;
  private final long unique;

  /** Guarded by this: one of the above, or a decided errno, 0 if granted. */
  private int state = CALLING;

  PendingLock(Interrupts interrupts, ReplyPort port, long unique) {
    this.interrupts = interrupts;
    this.port = port;
    this.unique = unique;
  }

  @Override
  public void granted() {
    decide(0);
  }

  @Override
  public void failed(int errno) {
    decide(errno > 0 && errno < 512 && errno != Errno.ENOSYS ? errno : Errno.EIO);
  }

  private void decide(int errno) {
    synchronized (this) {
      if (state == CALLING) {
        state = errno;
        return;
      }
      if (state != DEFERRED) {
        return;
      }
      state = DONE;
    }
    interrupts.forget(unique);
    NativeBuffer reply = NativeBuffer.allocate(OutHeader.BYTES);
    OutHeader.put(reply.bytes(), 0, 0, -errno, unique);
    // ENOENT: the connection was aborted, and the lock goes when its handle is dropped.
    port.write(reply.address(), OutHeader.BYTES);
    port.release();
  }

  /** What has been decided, an errno or 0; or {@link #DEFERRED}: the answer comes by itself. */
  synchronized int resultOrDefer() {
    if (state == CALLING) {
      port.retain();
      state = DEFERRED;
    }
    return state == DONE ? DEFERRED : state;
  }

  /** The connection has ended: nobody waits for the answer. */
  void cancel() {
    synchronized (this) {
      if (state != DEFERRED) {
        return;
      }
      state = DONE;
    }
    port.release();
  }
}
