package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_lseek_in}: the request LSEEK.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +-------------------------------+
 *     8 |             offset            |
 *       +---------------+---------------+
 *    16 |     whence    |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class LseekIn {
  static final int FH = 0;
  static final int OFFSET = 8;
  static final int WHENCE = 16;

  /** The size of the whole. */
  public static final int BYTES = 24;

  private LseekIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  public static long offset(ByteBuffer b, int at) {
    return b.getLong(at + OFFSET);
  }

  public static int whence(ByteBuffer b, int at) {
    return b.getInt(at + WHENCE);
  }
}
