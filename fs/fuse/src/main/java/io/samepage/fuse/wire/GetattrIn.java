package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_getattr_in}: the request GETATTR.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 | getattr_flags |     dummy     |
 *       +-------------------------------+
 *     8 |               fh              |
 *       +-------------------------------+
 * </pre>
 */
public final class GetattrIn {
  static final int GETATTR_FLAGS = 0;
  static final int FH = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private GetattrIn() {}

  public static int getattrFlags(ByteBuffer b, int at) {
    return b.getInt(at + GETATTR_FLAGS);
  }

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }
}
