package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_init_in}: what the kernel offers in INIT. A kernel before 7.36 sends only the
 * first 16 bytes.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |     major     |     minor     |
 *       +---------------+---------------+
 *     8 | max_readahead |     flags     |
 *       +---------------+---------------+
 *    16 |     flags2    |
 *       +-------------------------------+
 *    20 |       unused (44 bytes)       |
 *       +-------------------------------+
 * </pre>
 */
public final class InitIn {
  static final int MAJOR = 0;
  static final int MINOR = 4;
  static final int MAX_READAHEAD = 8;
  public static final int FLAGS = 12;
  public static final int FLAGS2 = 16;

  /** The size of the whole. */
  public static final int BYTES = 64;

  private InitIn() {}

  public static int major(ByteBuffer b, int at) {
    return b.getInt(at + MAJOR);
  }

  public static int minor(ByteBuffer b, int at) {
    return b.getInt(at + MINOR);
  }

  public static int maxReadahead(ByteBuffer b, int at) {
    return b.getInt(at + MAX_READAHEAD);
  }

  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  public static int flags2(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS2);
  }
}
