package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_copy_file_range_in}: the requests COPY_FILE_RANGE and COPY_FILE_RANGE_64; the
 * header names the file that is read.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             fh_in             |
 *       +-------------------------------+
 *     8 |             off_in            |
 *       +-------------------------------+
 *    16 |           nodeid_out          |
 *       +-------------------------------+
 *    24 |             fh_out            |
 *       +-------------------------------+
 *    32 |            off_out            |
 *       +-------------------------------+
 *    40 |              len              |
 *       +-------------------------------+
 *    48 |             flags             |
 *       +-------------------------------+
 * </pre>
 */
public final class CopyFileRangeIn {
  static final int FH_IN = 0;
  static final int OFF_IN = 8;
  static final int NODEID_OUT = 16;
  static final int FH_OUT = 24;
  static final int OFF_OUT = 32;
  static final int LEN = 40;
  static final int FLAGS = 48;

  /** The size of the whole. */
  public static final int BYTES = 56;

  private CopyFileRangeIn() {}

  public static long fhIn(ByteBuffer b, int at) {
    return b.getLong(at + FH_IN);
  }

  public static long offIn(ByteBuffer b, int at) {
    return b.getLong(at + OFF_IN);
  }

  public static long nodeidOut(ByteBuffer b, int at) {
    return b.getLong(at + NODEID_OUT);
  }

  public static long fhOut(ByteBuffer b, int at) {
    return b.getLong(at + FH_OUT);
  }

  public static long offOut(ByteBuffer b, int at) {
    return b.getLong(at + OFF_OUT);
  }

  public static long len(ByteBuffer b, int at) {
    return b.getLong(at + LEN);
  }

  public static long flags(ByteBuffer b, int at) {
    return b.getLong(at + FLAGS);
  }
}
