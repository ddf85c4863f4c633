package io.samepage.fuse.wire;

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
public final class WriteOut {
  static final int SIZE = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private WriteOut() {}

  public static void put(ByteBuffer b, int at, int size) {
    b.putInt(at + SIZE, size);
    b.putInt(at + SIZE + 4, 0);
  }
}
