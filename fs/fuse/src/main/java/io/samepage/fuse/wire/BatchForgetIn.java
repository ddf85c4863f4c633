package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_batch_forget_in}: the request BATCH_FORGET, before {@code count} times {@link
 * ForgetOne}.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |     count     |     dummy     |
 *       +---------------+---------------+
 * </pre>
 */
public final class BatchForgetIn {
  static final int COUNT = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private BatchForgetIn() {}

  public static int count(ByteBuffer b, int at) {
    return b.getInt(at + COUNT);
  }
}
