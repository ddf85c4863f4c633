package io.samepage.fuse.wire;

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
public final class StoreOut {
  public static final int NODEID = 0;
  public static final int OFFSET = 8;
  public static final int SIZE = 16;
  static final int PADDING = 20;

  /** The size of the whole. */
  public static final int BYTES = 24;

  /** The code of the notification. */
  public static final int NOTIFY_STORE = 4;

  private StoreOut() {}

  public static void nodeid(ByteBuffer b, int at, long value) {
    b.putLong(at + NODEID, value);
  }

  public static void offset(ByteBuffer b, int at, long value) {
    b.putLong(at + OFFSET, value);
  }

  public static void size(ByteBuffer b, int at, int value) {
    b.putInt(at + SIZE, value);
    b.putInt(at + PADDING, 0);
  }
}
