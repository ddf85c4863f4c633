package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_forget_in}: the request FORGET.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |            nlookup            |
 *       +-------------------------------+
 * </pre>
 */
final class ForgetIn {
  static final int NLOOKUP = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private ForgetIn() {}

  static long nlookup(ByteBuffer b, int at) {
    return b.getLong(at + NLOOKUP);
  }
}
