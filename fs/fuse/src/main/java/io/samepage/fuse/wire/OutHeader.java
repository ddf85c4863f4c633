package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_out_header}: what every reply and every notification begins with; {@code
 * error} is −errno of a reply, or the code of a notification, whose {@code unique} is 0.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      len      |     error     |
 *       +-------------------------------+
 *     8 |             unique            |
 *       +-------------------------------+
 * </pre>
 */
public final class OutHeader {
  public static final int LEN = 0;
  public static final int ERROR = 4;
  public static final int UNIQUE = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private OutHeader() {}

  public static void len(ByteBuffer b, int at, int value) {
    b.putInt(at + LEN, value);
  }

  public static void error(ByteBuffer b, int at, int value) {
    b.putInt(at + ERROR, value);
  }

  public static void unique(ByteBuffer b, int at, long value) {
    b.putLong(at + UNIQUE, value);
  }
}
