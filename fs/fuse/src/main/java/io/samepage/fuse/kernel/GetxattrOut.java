package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_getxattr_out}: the answer to GETXATTR and LISTXATTR with a size of 0.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      size     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
final class GetxattrOut {
  static final int SIZE = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private GetxattrOut() {}

  static void size(ByteBuffer b, int at, int value) {
    b.putInt(at + SIZE, value);
  }
}
