package io.samepage.fuse.kernel;

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
final class GetattrIn {
  static final int GETATTR_FLAGS = 0;
  static final int FH = 8;

  /** The size of the whole. */
  static final int BYTES = 16;

  private GetattrIn() {}

  static int getattrFlags(ByteBuffer b, int at) {
    return b.getInt(at + GETATTR_FLAGS);
  }

  static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }
}
