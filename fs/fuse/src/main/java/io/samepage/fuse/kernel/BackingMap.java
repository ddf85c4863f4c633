package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_backing_map}: the argument of FUSE_DEV_IOC_BACKING_OPEN.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |       fd      |     flags     |
 *       +-------------------------------+
 *     8 |            padding            |
 *       +-------------------------------+
 * </pre>
 */
final class BackingMap {
  static final int FD = 0;
  static final int FLAGS = 4;

  /** The size of the whole. */
  static final int BYTES = 16;

  private BackingMap() {}

  static void fd(ByteBuffer b, int at, int value) {
    b.putInt(at + FD, value);
  }

  static void flags(ByteBuffer b, int at, int value) {
    b.putInt(at + FLAGS, value);
  }
}
