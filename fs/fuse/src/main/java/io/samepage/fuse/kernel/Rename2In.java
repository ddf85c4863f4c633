package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_rename2_in}: the request RENAME2, before the old name and the new one.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             newdir            |
 *       +---------------+---------------+
 *     8 |     flags     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
final class Rename2In {
  static final int NEWDIR = 0;
  static final int FLAGS = 8;

  /** The size of the whole. */
  static final int BYTES = 16;

  private Rename2In() {}

  static long newdir(ByteBuffer b, int at) {
    return b.getLong(at + NEWDIR);
  }

  static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }
}
