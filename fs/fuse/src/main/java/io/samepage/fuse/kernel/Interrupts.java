package io.samepage.fuse.kernel;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which requests can be interrupted: those that wait for a lock. Everything else is short, or must
 * not end half-way, and is left to end by itself, which the protocol allows.
 *
 * <p>An INTERRUPT may be read by one worker before another has taken up the request that it is
 * about. The protocol's remedy, to answer EAGAIN so that the kernel sends it again, goes round in
 * circles until the other worker runs, and does not work at all once the request was read from
 * another clone of the descriptor. So interrupts that are about nothing known are remembered
 * instead, the last {@link #REMEMBERED} of them, and meet their requests here. Most are about
 * requests that are being executed or have ended, and are forgotten in time; the kernel never uses
 * a number again.
 */
final class Interrupts {
  static final int REMEMBERED = 256;

  /** Guarded by this. */
  private final Map<Long, PendingLock> waiting = new HashMap<>();

  /** A ring, guarded by this; 0: nothing. */
  private final long[] early = new long[REMEMBERED];

  /** Guarded by this. */
  private int next;

  /** A request for a lock begins. */
  void expect(long unique, PendingLock pending) {
    synchronized (this) {
      waiting.put(unique, pending);
      if (!takeEarly(unique)) {
        return;
      }
    }
    pending.interrupt();
  }

  private synchronized boolean takeEarly(long unique) {
    for (int i = 0; i < early.length; i++) {
      if (early[i] == unique) {
        early[i] = 0;
        return true;
      }
    }
    return false;
  }

  /** The request has been answered. */
  synchronized void forget(long unique) {
    waiting.remove(unique);
  }

  /** An INTERRUPT has come. */
  void interrupt(long unique) {
    PendingLock pending;
    synchronized (this) {
      pending = waiting.get(unique);
      if (pending == null) {
        early[next] = unique;
        next = (next + 1) % early.length;
        return;
      }
    }
    pending.interrupt();
  }

  /** The connection has ended. */
  void cancelAll() {
    List<PendingLock> all;
    synchronized (this) {
      all = new ArrayList<>(waiting.values());
      waiting.clear();
    }
    all.forEach(PendingLock::cancel);
  }
}
