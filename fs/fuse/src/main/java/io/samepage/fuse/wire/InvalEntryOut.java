package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_notify_inval_entry_out}: the notification INVAL_ENTRY, before the name and a
 * NUL.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             parent            |
 *       +---------------+---------------+
 *     8 |    namelen    |     flags     |
 *       +---------------+---------------+
 * </pre>
 */
public final class InvalEntryOut {
  static final int PARENT = 0;
  static final int NAMELEN = 8;
  static final int FLAGS = 12;

  /** The size of the whole. */
  public static final int BYTES = 16;

  /** The code of the notification. */
  public static final int NOTIFY_INVAL_ENTRY = 3;

  private InvalEntryOut() {}

  public static void parent(ByteBuffer b, int at, long value) {
    b.putLong(at + PARENT, value);
  }

  public static void namelen(ByteBuffer b, int at, int value) {
    b.putInt(at + NAMELEN, value);
  }

  public static void flags(ByteBuffer b, int at, int value) {
    b.putInt(at + FLAGS, value);
  }
}
