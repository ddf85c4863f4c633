package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_rename_in}: the request RENAME, before the old name and the new one.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             newdir            |
 *       +-------------------------------+
 * </pre>
 */
public final class RenameIn {
  static final int NEWDIR = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private RenameIn() {}

  public static long newdir(ByteBuffer b, int at) {
    return b.getLong(at + NEWDIR);
  }
}
