package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_interrupt_in}: the request INTERRUPT, with the {@code unique} of the request
 * that is to end.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             unique            |
 *       +-------------------------------+
 * </pre>
 */
public final class InterruptIn {
  static final int UNIQUE = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private InterruptIn() {}

  public static long unique(ByteBuffer b, int at) {
    return b.getLong(at + UNIQUE);
  }
}
