package io.samepage.fuse.wire;

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
public final class BackingMap {
  static final int FD = 0;
  static final int FLAGS = 4;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private BackingMap() {}

  public static void fd(ByteBuffer b, int at, int value) {
    b.putInt(at + FD, value);
  }

  public static void flags(ByteBuffer b, int at, int value) {
    b.putInt(at + FLAGS, value);
  }
}
