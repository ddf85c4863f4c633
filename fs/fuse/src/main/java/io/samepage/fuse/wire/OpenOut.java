package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_open_out}: the answer to OPEN, and the second part of those to CREATE and
 * TMPFILE.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +---------------+---------------+
 *     8 |   open_flags  |   backing_id  |
 *       +---------------+---------------+
 * </pre>
 */
public final class OpenOut {
  public static final int FH = 0;
  static final int OPEN_FLAGS = 8;
  static final int BACKING_ID = 12;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private OpenOut() {}

  public static void fh(ByteBuffer b, int at, long value) {
    b.putLong(at + FH, value);
  }

  public static void openFlags(ByteBuffer b, int at, int value) {
    b.putInt(at + OPEN_FLAGS, value);
  }

  public static void backingId(ByteBuffer b, int at, int value) {
    b.putInt(at + BACKING_ID, value);
  }
}
