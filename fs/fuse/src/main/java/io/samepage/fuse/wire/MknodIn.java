package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_mknod_in}: the request MKNOD, before the name.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      mode     |      rdev     |
 *       +---------------+---------------+
 *     8 |     umask     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class MknodIn {
  static final int MODE = 0;
  static final int RDEV = 4;
  static final int UMASK = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private MknodIn() {}

  public static int mode(ByteBuffer b, int at) {
    return b.getInt(at + MODE);
  }

  public static int rdev(ByteBuffer b, int at) {
    return b.getInt(at + RDEV);
  }

  public static int umask(ByteBuffer b, int at) {
    return b.getInt(at + UMASK);
  }
}
