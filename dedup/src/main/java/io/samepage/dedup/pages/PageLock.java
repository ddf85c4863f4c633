package io.samepage.dedup.pages;

import org.jspecify.annotations.Nullable;

/**
 * The lock of a mapping's pages. A reader holds the pages that it reads, a writer announces itself
 * by taking those that it is about to change before it changes any: so a read that is under way
 * keeps what it saw, and what a page uses does not change under anybody. Those who want different
 * pages, and readers of the same ones, go on in parallel.
 *
 * <p>Who has to wait stands in a queue, in the order of arrival, and is passed by nobody who wants
 * one of the same pages, so that no stream of readers keeps a writer out. It is not reentrant, and
 * nobody takes a second range while holding one, since two who did could wait for each other. An
 * interrupt does not end the wait, and is still pending after it.
 *
 * <p>Thread-safe. It takes a time that depends on how many hold and wait, not on how many pages.
 */
public final class PageLock {
  /** Pages that are held, from the call that gave it to {@link #close}. */
  public final class Hold implements AutoCloseable {
    private final long first;
    private final long end;
    private final boolean exclusive;
    private boolean granted;
    private @Nullable Hold before;
    private @Nullable Hold after;

    private Hold(long first, long end, boolean exclusive) {
      this.first = first;
      this.end = end;
      this.exclusive = exclusive;
    }

    private boolean isInTheWayOf(Hold other) {
      return (exclusive || other.exclusive) && first < other.end && other.first < end;
    }

    /** Lets go of the pages. */
    @Override
    public void close() {
      release(this);
    }
  }

  /*
   * Holds and waiters in the order of arrival: one may go when nobody before it is in its way.
   * Guarded by the monitor of this object, which is a leaf.
   */
  private @Nullable Hold newest;
  private int waiting;

  /** Takes pages for reading, and waits as long as a writer has one of them or asked before. */
  public Hold read(long first, long count) {
    return take(first, count, false);
  }

  /**
   * Takes pages for changing them, and waits as long as anybody has one of them or asked before.
   */
  public Hold write(long first, long count) {
    return take(first, count, true);
  }

  /** Takes all pages, whatever their number, for changing them. */
  public Hold writeAll() {
    return take(0, Long.MAX_VALUE, true);
  }

  /** How many wait. */
  public synchronized int waiting() {
    return waiting;
  }

  private Hold take(long first, long count, boolean exclusive) {
    if (first < 0 || count < 0 || first + count < 0) {
      throw new IndexOutOfBoundsException("pages " + first + "+" + count);
    }
    Hold hold = new Hold(first, first + count, exclusive);
    boolean interrupted = false;
    synchronized (this) {
      hold.before = newest;
      if (newest != null) {
        newest.after = hold;
      }
      newest = hold;
      waiting++;
      while (!isFree(hold)) {
        try {
          wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      waiting--;
      hold.granted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return hold;
  }

  private static boolean isFree(Hold hold) {
    for (Hold other = hold.before; other != null; other = other.before) {
      if (other.isInTheWayOf(hold)) {
        return false;
      }
    }
    return true;
  }

  private synchronized void release(Hold hold) {
    if (!hold.granted) {
      throw new IllegalStateException("pages that are not held are released");
    }
    hold.granted = false;
    if (hold.before != null) {
      hold.before.after = hold.after;
    }
    if (hold.after == null) {
      newest = hold.before;
    } else {
      hold.after.before = hold.before;
    }
    if (waiting > 0) {
      notifyAll();
    }
  }
}
