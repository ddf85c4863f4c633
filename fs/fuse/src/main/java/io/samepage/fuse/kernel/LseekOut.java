package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_lseek_out}: the answer to LSEEK.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             offset            |
 *       +-------------------------------+
 * </pre>
 */
final class LseekOut {
  static final int OFFSET = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private LseekOut() {}

  static void offset(ByteBuffer b, int at, long value) {
    b.putLong(at + OFFSET, value);
  }
}
