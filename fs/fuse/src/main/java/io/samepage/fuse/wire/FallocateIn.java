package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_fallocate_in}: the request FALLOCATE.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +-------------------------------+
 *     8 |             offset            |
 *       +-------------------------------+
 *    16 |             length            |
 *       +---------------+---------------+
 *    24 |      mode     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class FallocateIn {
  static final int FH = 0;
  static final int OFFSET = 8;
  static final int LENGTH = 16;
  static final int MODE = 24;

  /** The size of the whole. */
  public static final int BYTES = 32;

  private FallocateIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  public static long offset(ByteBuffer b, int at) {
    return b.getLong(at + OFFSET);
  }

  public static long length(ByteBuffer b, int at) {
    return b.getLong(at + LENGTH);
  }

  public static int mode(ByteBuffer b, int at) {
    return b.getInt(at + MODE);
  }
}
