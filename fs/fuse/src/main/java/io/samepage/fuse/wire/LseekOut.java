package io.samepage.fuse.wire;

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
public final class LseekOut {
  static final int OFFSET = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private LseekOut() {}

  public static void offset(ByteBuffer b, int at, long value) {
    b.putLong(at + OFFSET, value);
  }
}
