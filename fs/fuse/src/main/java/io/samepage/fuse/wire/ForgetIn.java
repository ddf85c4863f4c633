package io.samepage.fuse.wire;

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
public final class ForgetIn {
  static final int NLOOKUP = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private ForgetIn() {}

  public static long nlookup(ByteBuffer b, int at) {
    return b.getLong(at + NLOOKUP);
  }
}
