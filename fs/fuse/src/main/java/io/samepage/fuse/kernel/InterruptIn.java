package io.samepage.fuse.kernel;

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
final class InterruptIn {
  static final int UNIQUE = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private InterruptIn() {}

  static long unique(ByteBuffer b, int at) {
    return b.getLong(at + UNIQUE);
  }
}
