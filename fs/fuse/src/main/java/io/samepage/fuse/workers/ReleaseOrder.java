package io.samepage.fuse.workers;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Sees to it that who closes a file and then asks for a lock finds the closed file's lock gone. The
 * kernel does not wait for the answer to RELEASE, so the two requests, which come one after the
 * other, may be worked on at the same time by two workers; or the worker that has read the first
 * may lose the processor before it has even looked at it.
 *
 * <p>So a request about locks waits for every RELEASE before it, and, since each request that has
 * not been looked at may be one, until those before it have been. Which they are follows from their
 * numbers: the kernel counts its requests in steps of two as it puts them into its queue, under the
 * lock of the queue (fuse_get_unique in fs/fuse/dev.c). The first is INIT, which is answered before
 * there are workers.
 *
 * <p>{@link #taken} and {@link #done} are called by the worker that has read the request, the
 * latter when the answer is out.
 */
final class ReleaseOrder {
  private static final int STEP = 2;
  private static final long INIT = STEP;

  /** An INTERRUPT has the number of the request that it is about, and this bit. */
  private static final long INTERRUPT = 1;

  /** How many requests are remembered. Those before them are taken to be done. */
  private static final int WINDOW = 1 << 10;

  /**
   * How long it is waited at most. A RELEASE waits for nobody who wants a lock; but a request that
   * was taken back while it was in the kernel's queue never comes.
   */
  private static final long LIMIT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /**
   * By a request's number, modulo the window: the number of the last one that has been looked at,
   * its complement while that is a RELEASE which is not done.
   */
  private final AtomicLongArray last = new AtomicLongArray(WINDOW);

  /**
   * All up to this one have been looked at and are done as far as they matter. It saves looking
   * twice; that of two writers the one with the lesser number may be the last does no harm.
   */
  private volatile long settled = INIT;

  private static int index(long unique) {
    return (int) (unique / STEP) & WINDOW - 1;
  }

  /**
   * @param unique number of the request
   */
  void taken(RequestKind kind, long unique) {
    if ((unique & INTERRUPT) == 0) {
      last.set(index(unique), kind == RequestKind.RELEASE ? ~unique : unique);
    }
  }

  void done(RequestKind kind, long unique) {
    if (kind == RequestKind.RELEASE) {
      // A later one may have its place by now.
      last.compareAndSet(index(unique), ~unique, unique);
    }
  }

  /** To be called before a request is worked on: one about locks waits for those before it. */
  @SuppressWarnings("ThreadPriorityCheck") // It is for microseconds; nothing would wake it earlier.
  void await(RequestKind kind, long unique) {
    if (kind != RequestKind.LOCK) {
      return;
    }
    long start = 0;
    long first = Math.max(settled + STEP, unique - (long) STEP * (WINDOW - 1));
    for (long before = first; before < unique; before += STEP) {
      while (!isSettled(before)) {
        long now = System.nanoTime();
        if (start == 0) {
          start = now;
        } else if (now - start > LIMIT_NANOS) {
          settled = unique;
          return;
        }
        Thread.yield();
      }
    }
    settled = unique;
  }

  private boolean isSettled(long unique) {
    long seen = last.get(index(unique));
    // A greater one: the place has been needed again since.
    return seen >= unique || seen < ~unique;
  }
}
