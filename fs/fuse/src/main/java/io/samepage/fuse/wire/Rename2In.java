package io.samepage.fuse.wire;

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
public final class Rename2In {
  static final int NEWDIR = 0;
  static final int FLAGS = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private Rename2In() {}

  public static long newdir(ByteBuffer b, int at) {
    return b.getLong(at + NEWDIR);
  }

  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }
}
