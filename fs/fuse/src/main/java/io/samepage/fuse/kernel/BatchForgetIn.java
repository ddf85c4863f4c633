package io.samepage.fuse.kernel;

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
final class BatchForgetIn {
  static final int COUNT = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private BatchForgetIn() {}

  static int count(ByteBuffer b, int at) {
    return b.getInt(at + COUNT);
  }
}
