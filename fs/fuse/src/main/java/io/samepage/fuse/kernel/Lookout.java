package io.samepage.fuse.kernel;

import io.samepage.posix.Errno;
import org.jspecify.annotations.Nullable;

/**
 * How the reader waits for the next request: it first looks again and again for a while, then
 * sleeps.
 *
 * <p>To be woken takes longer than most requests take to be answered, so where one request follows
 * another closely it pays to stay awake. For how long is found out as the kernel does it for the
 * halting of virtual machines (halt_poll_ns): the time doubles when a request came soon after all,
 * and halves when none came. Between two looks the processor is offered to others ({@link
 * Thread#yield}); when that takes it away for long, others need it more, and looking out is given
 * up for a time that doubles each time, since who sleeps and is woken gets the processor sooner
 * than who yields.
 *
 * <p>Used by one worker after the other, the reader of the moment.
 */
final class Lookout {
  private static final long FIRST_NANOS = 5_000;

  /** Who has been away from the processor for so long has lost it to others. */
  private static final long LOST_NANOS = 200_000;

  /** For how long it is not looked out after the processors were seen to be busy. */
  private static final long BUSY_NANOS = 20_000_000;

  private static final long FIRST_BAN_NANOS = 5_000_000;
  private static final long LONGEST_BAN_NANOS = 1_000_000_000;

  private final long most;

  /** When the processors were last seen to be busy. Written by the watch. */
  private volatile long busyAt;

  private long nanos;
  private long ban = FIRST_BAN_NANOS;
  private long bannedUntil;
  private long lostAt;
  private long idleSince;
  private boolean waited;

  Lookout(long mostNanos) {
    most = mostNanos;
    bannedUntil = System.nanoTime();
    lostAt = bannedUntil;
    busyAt = bannedUntil - BUSY_NANOS;
  }

  /**
   * Looks out for a request; its length, or −EAGAIN if there was none.
   *
   * @param channel that does not block; null: there is none
   */
  @SuppressWarnings("ThreadPriorityCheck") // Here the scheduler is the subject.
  int poll(@Nullable Channel channel, Exchange x) {
    waited = false;
    long now = System.nanoTime();
    idleSince = now;
    if (channel == null || nanos == 0 || now - bannedUntil < 0 || now - busyAt < BUSY_NANOS) {
      return -Errno.EAGAIN;
    }
    long until = now + nanos;
    while (true) {
      int length = channel.read(x.requestAddress(), Exchange.requestRoom());
      if (length != -Errno.EAGAIN) {
        return length;
      }
      waited = true;
      Thread.yield();
      long before = now;
      now = System.nanoTime();
      if (now - before > LOST_NANOS) {
        lost(now);
        return length;
      }
      if (now - until > 0) {
        return length;
      }
    }
  }

  /** The processors are busy: for now it is not looked out. */
  void forbid() {
    busyAt = System.nanoTime();
  }

  private void lost(long now) {
    ban =
        now - lostAt > 4 * LONGEST_BAN_NANOS
            ? FIRST_BAN_NANOS
            : Math.min(2 * ban, LONGEST_BAN_NANOS);
    lostAt = now;
    bannedUntil = now + ban;
  }

  /** Sleeps until there is a request; its length, or −errno. */
  int sleep(Channel channel, Exchange x) {
    int length = channel.read(x.requestAddress(), Exchange.requestRoom());
    long idle = System.nanoTime() - idleSince;
    if (idle > FIRST_NANOS) {
      waited = true;
    }
    if (idle < most) {
      nanos = Math.min(Math.max(2 * nanos, FIRST_NANOS), most);
    } else {
      nanos = nanos / 2 < FIRST_NANOS ? 0 : nanos / 2;
    }
    return length;
  }

  /** Whether the last request was not there at once. */
  boolean waited() {
    return waited;
  }
}
