package io.samepage.fuse.kernel;

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
final class OpenOut {
  static final int FH = 0;
  static final int OPEN_FLAGS = 8;
  static final int BACKING_ID = 12;

  /** The size of the whole. */
  static final int BYTES = 16;

  private OpenOut() {}

  static void fh(ByteBuffer b, int at, long value) {
    b.putLong(at + FH, value);
  }

  static void openFlags(ByteBuffer b, int at, int value) {
    b.putInt(at + OPEN_FLAGS, value);
  }

  static void backingId(ByteBuffer b, int at, int value) {
    b.putInt(at + BACKING_ID, value);
  }
}
