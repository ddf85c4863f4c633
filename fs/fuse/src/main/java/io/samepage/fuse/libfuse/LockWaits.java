package io.samepage.fuse.libfuse;

import io.samepage.fuse.InterruptibleLockReply;
import io.samepage.posix.Errno;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Threads that wait for a lock, by the number of the request, so that an interrupt finds them.
 * libfuse answers a request when the call returns: so the thread waits, and another takes its place
 * in the meantime.
 *
 * <p>An interrupt may be read before another thread has taken up the request that it is about;
 * those that are about nothing known are remembered, the last few of them. The monitor guards all
 * fields, and nothing is called while it is held.
 */
final class LockWaits {
  private static final int REMEMBERED = 256;

  private final Runnable beforeWait;
  private final Runnable afterWait;
  private final Map<Long, Wait> waits = new HashMap<>();
  private final long[] early = new long[REMEMBERED];
  private int next;
  private boolean ended;

  /**
   * @param beforeWait called by a thread that will answer no requests for a while
   * @param afterWait called by it when it has waited
   */
  LockWaits(Runnable beforeWait, Runnable afterWait) {
    this.beforeWait = beforeWait;
    this.afterWait = afterWait;
  }

  /** The answer to the request for a lock that a thread works on. */
  Wait begin(Call call) {
    Wait wait = new Wait(call.unique);
    boolean interrupted;
    synchronized (this) {
      waits.put(call.unique, wait);
      interrupted = ended || takeEarly(call.unique);
    }
    if (interrupted) {
      wait.interrupt();
    }
    return wait;
  }

  private boolean takeEarly(long unique) {
    for (int i = 0; i < early.length; i++) {
      if (early[i] == unique) {
        early[i] = 0;
        return true;
      }
    }
    return false;
  }

  /** A request is to be given up. */
  void interrupt(long unique) {
    Wait wait;
    synchronized (this) {
      wait = waits.get(unique);
      if (wait == null) {
        early[next] = unique;
        next = (next + 1) % early.length;
        return;
      }
    }
    wait.interrupt();
  }

  /** The mount is gone: nobody waits for an answer. */
  void interruptAll() {
    List<Wait> all;
    synchronized (this) {
      ended = true;
      all = new ArrayList<>(waits.values());
    }
    all.forEach(Wait::interrupt);
  }

  /** One request for a lock. */
  final class Wait extends InterruptibleLockReply {
    private static final int UNDECIDED = -1;

    private final long unique;

    /** Guarded by this: an errno, 0 for granted. */
    private int result = UNDECIDED;

    private Wait(long unique) {
      this.unique = unique;
    }

    @Override
    public synchronized void granted() {
      decide(0);
    }

    @Override
    public synchronized void failed(int errno) {
      decide(errno);
    }

    private synchronized void decide(int errno) {
      if (result == UNDECIDED) {
        result = errno;
        notifyAll();
      }
    }

    /** Waits until it is decided; an errno, or 0. */
    int await() {
      synchronized (this) {
        if (result != UNDECIDED) {
          return result;
        }
      }
      beforeWait.run();
      try {
        synchronized (this) {
          while (result == UNDECIDED) {
            wait();
          }
          return result;
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return Errno.EINTR;
      } finally {
        afterWait.run();
      }
    }

    /** It is answered. */
    void end() {
      synchronized (LockWaits.this) {
        waits.remove(unique);
      }
    }
  }
}
