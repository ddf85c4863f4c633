package io.samepage.dedup;

import io.samepage.posix.Stat;

/**
 * Which files are to be shared in part.
 *
 * @param least size of the smallest, in bytes
 * @param likeness which part of its pages, in per cent, others must have at least
 */
public record PageOptions(long least, int likeness) {
  /** Unless it is told. */
  public static final PageOptions DEFAULT = new PageOptions(1 << 20, 10);

  private static final int ANY_EXECUTE = 0111;

  /** Programs are mapped, and that shares the pages of files alone. */
  boolean wants(Stat stat) {
    return stat.isRegular() && stat.size >= least && (stat.mode & ANY_EXECUTE) == 0;
  }
}
