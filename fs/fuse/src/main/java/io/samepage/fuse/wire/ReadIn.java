package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_read_in}: the requests READ, READDIR and READDIRPLUS.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +-------------------------------+
 *     8 |             offset            |
 *       +---------------+---------------+
 *    16 |      size     |   read_flags  |
 *       +-------------------------------+
 *    24 |           lock_owner          |
 *       +---------------+---------------+
 *    32 |     flags     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class ReadIn {
  static final int FH = 0;
  static final int OFFSET = 8;
  static final int SIZE = 16;
  static final int READ_FLAGS = 20;
  static final int LOCK_OWNER = 24;
  static final int FLAGS = 32;

  /** The size of the whole. */
  public static final int BYTES = 40;

  private ReadIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  public static long offset(ByteBuffer b, int at) {
    return b.getLong(at + OFFSET);
  }

  public static int size(ByteBuffer b, int at) {
    return b.getInt(at + SIZE);
  }

  static int readFlags(ByteBuffer b, int at) {
    return b.getInt(at + READ_FLAGS);
  }

  static long lockOwner(ByteBuffer b, int at) {
    return b.getLong(at + LOCK_OWNER);
  }

  /** Flags of open(2), as the descriptor has them now: fcntl(2) can change some. */
  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }
}
