package io.samepage.fuse.kernel;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_write_out}: the answer to WRITE and to COPY_FILE_RANGE.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      size     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
final class WriteOut {
  static final int SIZE = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private WriteOut() {}

  static void size(ByteBuffer b, int at, int value) {
    b.putInt(at + SIZE, value);
  }
}
