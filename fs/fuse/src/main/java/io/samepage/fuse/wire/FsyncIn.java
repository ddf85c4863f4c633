package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_fsync_in}: the requests FSYNC and FSYNCDIR.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +---------------+---------------+
 *     8 |  fsync_flags  |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class FsyncIn {
  static final int FH = 0;
  static final int FSYNC_FLAGS = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private static final int FSYNC_FDATASYNC = 1;

  private FsyncIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static int fsyncFlags(ByteBuffer b, int at) {
    return b.getInt(at + FSYNC_FLAGS);
  }

  /** Whether it is fdatasync(2). */
  public static boolean dataOnly(ByteBuffer b, int at) {
    return (fsyncFlags(b, at) & FSYNC_FDATASYNC) != 0;
  }
}
