package io.samepage.fuse.kernel;

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
final class CopyFileRangeOut {
  static final int BYTES_COPIED = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private CopyFileRangeOut() {}

  static void bytesCopied(ByteBuffer b, int at, long value) {
    b.putLong(at + BYTES_COPIED, value);
  }
}
