package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_getxattr_in}: the requests GETXATTR, before the name, and LISTXATTR; a size of
 * 0 asks for the size.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      size     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class GetxattrIn {
  static final int SIZE = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private GetxattrIn() {}

  public static int size(ByteBuffer b, int at) {
    return b.getInt(at + SIZE);
  }
}
