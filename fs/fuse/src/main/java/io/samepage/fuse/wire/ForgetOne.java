package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_forget_one}: one of BATCH_FORGET.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             nodeid            |
 *       +-------------------------------+
 *     8 |            nlookup            |
 *       +-------------------------------+
 * </pre>
 */
public final class ForgetOne {
  static final int NODEID = 0;
  static final int NLOOKUP = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private ForgetOne() {}

  public static long nodeid(ByteBuffer b, int at) {
    return b.getLong(at + NODEID);
  }

  public static long nlookup(ByteBuffer b, int at) {
    return b.getLong(at + NLOOKUP);
  }
}
