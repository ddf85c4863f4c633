package io.samepage.fuse.workers;

/**
 * A time for which something is not done that turned out to be for the worse: twice as long each
 * time, until it has been long enough ago. Confined to one thread. All times are nanoseconds, and
 * {@code now} is as of {@link System#nanoTime}.
 */
final class Ban {
  private static final int LONG_AGO = 4;

  private final long first;
  private final long longest;
  private long length;
  private long imposedAt;

  /** None yet. */
  Ban(long first, long longest) {
    this.first = first;
    this.longest = longest;
  }

  void impose(long now) {
    boolean again = length > 0 && now - imposedAt < LONG_AGO * longest;
    length = again ? Math.min(2 * length, longest) : first;
    imposedAt = now;
  }

  boolean isOn(long now) {
    return now - imposedAt < length;
  }
}
