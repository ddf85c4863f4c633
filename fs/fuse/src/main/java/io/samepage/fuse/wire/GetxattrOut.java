package io.samepage.fuse.wire;

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
public final class GetxattrOut {
  static final int SIZE = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private GetxattrOut() {}

  public static void size(ByteBuffer b, int at, int value) {
    b.putInt(at + SIZE, value);
  }
}
