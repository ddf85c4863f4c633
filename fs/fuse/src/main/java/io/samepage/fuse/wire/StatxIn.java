package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_statx_in}: the request STATX.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 | getattr_flags |    reserved   |
 *       +-------------------------------+
 *     8 |               fh              |
 *       +---------------+---------------+
 *    16 |    sx_flags   |    sx_mask    |
 *       +---------------+---------------+
 * </pre>
 */
public final class StatxIn {
  static final int GETATTR_FLAGS = 0;
  static final int FH = 8;
  static final int SX_FLAGS = 16;
  static final int SX_MASK = 20;

  /** The size of the whole. */
  public static final int BYTES = 24;

  private StatxIn() {}

  public static int getattrFlags(ByteBuffer b, int at) {
    return b.getInt(at + GETATTR_FLAGS);
  }

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static int sxFlags(ByteBuffer b, int at) {
    return b.getInt(at + SX_FLAGS);
  }

  static int sxMask(ByteBuffer b, int at) {
    return b.getInt(at + SX_MASK);
  }
}
