package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_lk_out}: the answer to GETLK.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             start             |
 *       +-------------------------------+
 *     8 |              end              |
 *       +---------------+---------------+
 *    16 |      type     |      pid      |
 *       +---------------+---------------+
 * </pre>
 */
public final class LkOut {
  static final int START = 0;
  static final int END = 8;
  public static final int TYPE = 16;
  public static final int PID = 20;

  /** The size of the whole. */
  public static final int BYTES = 24;

  private LkOut() {}

  public static void start(ByteBuffer b, int at, long value) {
    b.putLong(at + START, value);
  }

  public static void end(ByteBuffer b, int at, long value) {
    b.putLong(at + END, value);
  }

  public static void type(ByteBuffer b, int at, int value) {
    b.putInt(at + TYPE, value);
  }

  public static void pid(ByteBuffer b, int at, int value) {
    b.putInt(at + PID, value);
  }
}
