package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_flush_in}: the request FLUSH.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +---------------+---------------+
 *     8 |     unused    |    padding    |
 *       +-------------------------------+
 *    16 |           lock_owner          |
 *       +-------------------------------+
 * </pre>
 */
public final class FlushIn {
  static final int FH = 0;
  static final int LOCK_OWNER = 16;

  /** The size of the whole. */
  public static final int BYTES = 24;

  private FlushIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  public static long lockOwner(ByteBuffer b, int at) {
    return b.getLong(at + LOCK_OWNER);
  }
}
