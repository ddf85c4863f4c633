package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_notify_store_out}: the notification STORE. The data follow it.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |            nodeid             |
 *       +-------------------------------+
 *     8 |            offset             |
 *       +---------------+---------------+
 *    16 |     size      |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
final class StoreOut {
  static final int NODEID = 0;
  static final int OFFSET = 8;
  static final int SIZE = 16;
  static final int PADDING = 20;

  /** The size of the whole. */
  static final int BYTES = 24;

  private StoreOut() {}

  static void nodeid(ByteBuffer b, int at, long value) {
    b.putLong(at + NODEID, value);
  }

  static void offset(ByteBuffer b, int at, long value) {
    b.putLong(at + OFFSET, value);
  }

  static void size(ByteBuffer b, int at, int value) {
    b.putInt(at + SIZE, value);
    b.putInt(at + PADDING, 0);
  }
}
