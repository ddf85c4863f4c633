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

  /**
   * Puts the whole.
   *
   * @param length of what follows it
   * @param error −errno, or the code of a notification
   */
  public static void put(ByteBuffer b, int at, int length, int error, long unique) {
    b.putInt(at + LEN, BYTES + length);
    b.putInt(at + ERROR, error);
    b.putLong(at + UNIQUE, unique);
  }
}
