package io.samepage.fuse.workers;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Sees to it that who closes a file and then asks for a lock finds the closed file's lock gone. The
 * kernel does not wait for the answer to RELEASE, so the two requests, which come one after the
 * other, may be worked on at the same time by two workers.
 *
 * <p>{@link #taken} is called before the next request can be taken, {@link #done} when the answer
 * is out, both by the worker that has it.
 */
final class ReleaseOrder {
  /** RELEASE waits for nobody who wants a lock; if one takes longer it is not waited for. */
  private static final long LIMIT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final AtomicInteger releases = new AtomicInteger();

  void taken(RequestKind kind) {
    if (kind == RequestKind.RELEASE) {
      releases.incrementAndGet();
    }
  }

  void done(RequestKind kind) {
    if (kind == RequestKind.RELEASE) {
      releases.decrementAndGet();
    }
  }

  /** To be called before a request is worked on: one about locks waits for those before it. */
  @SuppressWarnings("ThreadPriorityCheck") // It is for microseconds; nothing would wake it earlier.
  void await(RequestKind kind) {
    if (kind != RequestKind.LOCK || releases.get() == 0) {
      return;
    }
    long start = System.nanoTime();
    while (releases.get() != 0 && System.nanoTime() - start < LIMIT_NANOS) {
      Thread.yield();
    }
  }
}
