package io.samepage.fuse.workers;

import io.samepage.posix.Errno;

/**
 * How a worker waits for the next request: it first looks again and again for a while, then sleeps.
 *
 * <p>To be woken takes longer than most requests take to be answered, so where one request follows
 * another closely it pays to stay awake. For how long is found out as the kernel does it for the
 * halting of virtual machines (halt_poll_ns): the time doubles when a request came soon after all,
 * and halves when none came.
 *
 * <p>It pays only where a processor has nothing else to do: who sleeps and is woken gets a busy
 * processor sooner than who has used up his time with looking. So it is done only while {@link
 * ProcessorLoad} says that the load is light. Between two looks the processor is offered to others
 * ({@link Thread#yield}); when that takes it away for long nevertheless, looking out is given up
 * for a time that doubles each time.
 *
 * <p>One a worker, confined to its thread.
 */
final class Lookout {
  private static final long FIRST_NANOS = 5_000;

  /** Who has been away from the processor for so long has lost it to others. */
  private static final long LOST_NANOS = 200_000;

  private static final long FIRST_BAN_NANOS = 10_000_000;
  private static final long LONGEST_BAN_NANOS = 1_000_000_000;

  private final ProcessorLoad load;
  private final long most;
  private final Ban ban = new Ban(FIRST_BAN_NANOS, LONGEST_BAN_NANOS);

  private long nanos;
  private long idleSince;
  private boolean waited;

  /**
   * @param mostNanos for how long it is looked out at most; 0: never
   */
  Lookout(ProcessorLoad load, long mostNanos) {
    this.load = load;
    most = mostNanos;
  }

  /**
   * Looks out for a request; its length, or −EAGAIN if there was none.
   *
   * @param pays whether it can be for the better at all
   */
  @SuppressWarnings("ThreadPriorityCheck") // Here the scheduler is the subject.
  int poll(Station station, boolean pays) {
    waited = false;
    long now = System.nanoTime();
    idleSince = now;
    if (!pays || !station.canPoll() || nanos == 0 || ban.isOn(now) || !load.isLight(now)) {
      return -Errno.EAGAIN;
    }
    long until = now + nanos;
    while (true) {
      int length = station.poll();
      if (length != -Errno.EAGAIN) {
        return length;
      }
      waited = true;
      Thread.yield();
      long before = now;
      now = System.nanoTime();
      if (now - before > LOST_NANOS) {
        ban.impose(now);
        return length;
      }
      if (now - until > 0) {
        return length;
      }
    }
  }

  /** Sleeps until there is a request; its length, or −errno. */
  int sleep(Station station) {
    int length = station.sleep();
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
