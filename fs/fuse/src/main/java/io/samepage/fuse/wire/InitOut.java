package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_init_out}: what the file system takes of what INIT offered.
 *
 * <pre>
 *       +-----------------------------------------+-----------------------------------------+
 *     0 |                  major                  |                  minor                  |
 *       +-----------------------------------------+-----------------------------------------+
 *     8 |              max_readahead              |                  flags                  |
 *       +--------------------+--------------------+-----------------------------------------+
 *    16 |   max_background   |congestion_threshold|                max_write                |
 *       +-----------------------------------------+--------------------+--------------------+
 *    24 |                time_gran                |     max_pages      |   map_alignment    |
 *       +-----------------------------------------+-----------------------------------------+
 *    32 |                  flags2                 |             max_stack_depth             |
 *       +--------------------+--------------------------------------------------------------+
 *    40 |  request_timeout   |
 *       +-----------------------------------------------------------------------------------+
 *    42 |                                 unused (22 bytes)                                 |
 *       +-----------------------------------------------------------------------------------+
 * </pre>
 */
public final class InitOut {
  static final int MAJOR = 0;
  static final int MINOR = 4;
  static final int MAX_READAHEAD = 8;
  static final int FLAGS = 12;
  static final int MAX_BACKGROUND = 16;
  static final int CONGESTION_THRESHOLD = 18;
  static final int MAX_WRITE = 20;
  static final int TIME_GRAN = 24;
  static final int MAX_PAGES = 28;
  static final int MAP_ALIGNMENT = 30;
  static final int FLAGS2 = 32;
  static final int MAX_STACK_DEPTH = 36;
  static final int REQUEST_TIMEOUT = 40;

  /** The size of the whole. */
  public static final int BYTES = 64;

  /** The size before 7.23, which ends before {@code time_gran}. */
  public static final int COMPAT_22_INIT_OUT_SIZE = 24;

  private InitOut() {}

  public static void major(ByteBuffer b, int at, int value) {
    b.putInt(at + MAJOR, value);
  }

  public static void minor(ByteBuffer b, int at, int value) {
    b.putInt(at + MINOR, value);
  }

  public static void maxReadahead(ByteBuffer b, int at, int value) {
    b.putInt(at + MAX_READAHEAD, value);
  }

  public static void flags(ByteBuffer b, int at, int value) {
    b.putInt(at + FLAGS, value);
  }

  public static void maxBackground(ByteBuffer b, int at, int value) {
    b.putShort(at + MAX_BACKGROUND, (short) value);
  }

  public static void congestionThreshold(ByteBuffer b, int at, int value) {
    b.putShort(at + CONGESTION_THRESHOLD, (short) value);
  }

  public static void maxWrite(ByteBuffer b, int at, int value) {
    b.putInt(at + MAX_WRITE, value);
  }

  public static void timeGran(ByteBuffer b, int at, int value) {
    b.putInt(at + TIME_GRAN, value);
  }

  public static void maxPages(ByteBuffer b, int at, int value) {
    b.putShort(at + MAX_PAGES, (short) value);
  }

  static void mapAlignment(ByteBuffer b, int at, int value) {
    b.putShort(at + MAP_ALIGNMENT, (short) value);
  }

  public static void flags2(ByteBuffer b, int at, int value) {
    b.putInt(at + FLAGS2, value);
  }

  public static void maxStackDepth(ByteBuffer b, int at, int value) {
    b.putInt(at + MAX_STACK_DEPTH, value);
  }

  static void requestTimeout(ByteBuffer b, int at, int value) {
    b.putShort(at + REQUEST_TIMEOUT, (short) value);
  }

  public static int major(ByteBuffer b, int at) {
    return b.getInt(at + MAJOR);
  }

  public static int minor(ByteBuffer b, int at) {
    return b.getInt(at + MINOR);
  }

  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }
}
