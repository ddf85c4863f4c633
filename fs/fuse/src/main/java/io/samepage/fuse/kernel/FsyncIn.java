package io.samepage.fuse.kernel;

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
final class FsyncIn {
  static final int FH = 0;
  static final int FSYNC_FLAGS = 8;

  /** The size of the whole. */
  static final int BYTES = 16;

  private FsyncIn() {}

  static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static int fsyncFlags(ByteBuffer b, int at) {
    return b.getInt(at + FSYNC_FLAGS);
  }
}
