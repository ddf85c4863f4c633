package io.samepage.fuse.wire;

/** A time to live in nanoseconds, split as the wire has it. */
public final class Duration {
  private static final long SECOND = 1_000_000_000;

  private Duration() {}

  public static long seconds(long nanos) {
    return nanos <= 0 ? 0 : nanos / SECOND;
  }

  public static int nanos(long nanos) {
    return nanos <= 0 ? 0 : (int) (nanos % SECOND);
  }
}
