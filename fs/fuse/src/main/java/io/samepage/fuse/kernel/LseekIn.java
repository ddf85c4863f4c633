package io.samepage.fuse.kernel;

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
final class LseekIn {
  static final int FH = 0;
  static final int OFFSET = 8;
  static final int WHENCE = 16;

  /** The size of the whole. */
  static final int BYTES = 24;

  private LseekIn() {}

  static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static long offset(ByteBuffer b, int at) {
    return b.getLong(at + OFFSET);
  }

  static int whence(ByteBuffer b, int at) {
    return b.getInt(at + WHENCE);
  }
}
