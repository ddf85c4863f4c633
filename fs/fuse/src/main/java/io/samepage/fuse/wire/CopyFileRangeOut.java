package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_copy_file_range_out}: the answer to COPY_FILE_RANGE_64.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |          bytes_copied         |
 *       +-------------------------------+
 * </pre>
 */
public final class CopyFileRangeOut {
  static final int BYTES_COPIED = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private CopyFileRangeOut() {}

  public static void bytesCopied(ByteBuffer b, int at, long value) {
    b.putLong(at + BYTES_COPIED, value);
  }
}
