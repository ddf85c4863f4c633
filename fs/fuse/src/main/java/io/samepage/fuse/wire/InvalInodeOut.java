package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_notify_inval_inode_out}: the notification INVAL_INODE.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |              ino              |
 *       +-------------------------------+
 *     8 |              off              |
 *       +-------------------------------+
 *    16 |              len              |
 *       +-------------------------------+
 * </pre>
 */
public final class InvalInodeOut {
  static final int INO = 0;
  static final int OFF = 8;
  static final int LEN = 16;

  /** The size of the whole. */
  public static final int BYTES = 24;

  /** The code of the notification. */
  public static final int NOTIFY_INVAL_INODE = 2;

  private InvalInodeOut() {}

  public static void ino(ByteBuffer b, int at, long value) {
    b.putLong(at + INO, value);
  }

  public static void off(ByteBuffer b, int at, long value) {
    b.putLong(at + OFF, value);
  }

  public static void len(ByteBuffer b, int at, long value) {
    b.putLong(at + LEN, value);
  }
}
