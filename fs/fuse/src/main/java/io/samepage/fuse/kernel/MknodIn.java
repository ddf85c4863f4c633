package io.samepage.fuse.kernel;

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
final class MknodIn {
  static final int MODE = 0;
  static final int RDEV = 4;
  static final int UMASK = 8;

  /** The size of the whole. */
  static final int BYTES = 16;

  private MknodIn() {}

  static int mode(ByteBuffer b, int at) {
    return b.getInt(at + MODE);
  }

  static int rdev(ByteBuffer b, int at) {
    return b.getInt(at + RDEV);
  }

  static int umask(ByteBuffer b, int at) {
    return b.getInt(at + UMASK);
  }
}
