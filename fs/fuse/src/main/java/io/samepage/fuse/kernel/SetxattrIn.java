package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_setxattr_in}: the request SETXATTR, before the name and the value. Without
 * SETXATTR_EXT it ends after {@code flags}.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      size     |     flags     |
 *       +---------------+---------------+
 *     8 | setxattr_flags|    padding    |
 *       +---------------+---------------+
 * </pre>
 */
final class SetxattrIn {
  static final int SIZE = 0;
  static final int FLAGS = 4;
  static final int SETXATTR_FLAGS = 8;

  /** The size of the whole. */
  static final int BYTES = 16;

  private SetxattrIn() {}

  static int size(ByteBuffer b, int at) {
    return b.getInt(at + SIZE);
  }

  static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  static int setxattrFlags(ByteBuffer b, int at) {
    return b.getInt(at + SETXATTR_FLAGS);
  }
}
