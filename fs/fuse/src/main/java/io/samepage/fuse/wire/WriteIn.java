package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_write_in}: the request WRITE, before the data.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +-------------------------------+
 *     8 |             offset            |
 *       +---------------+---------------+
 *    16 |      size     |  write_flags  |
 *       +-------------------------------+
 *    24 |           lock_owner          |
 *       +---------------+---------------+
 *    32 |     flags     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class WriteIn {
  static final int FH = 0;
  static final int OFFSET = 8;
  static final int SIZE = 16;
  static final int WRITE_FLAGS = 20;
  static final int LOCK_OWNER = 24;
  static final int FLAGS = 32;

  /** The size of the whole. */
  public static final int BYTES = 40;

  private static final int WRITE_CACHE = 1;
  private static final int WRITE_KILL_SUIDGID = 1 << 2;

  private WriteIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  public static long offset(ByteBuffer b, int at) {
    return b.getLong(at + OFFSET);
  }

  public static int size(ByteBuffer b, int at) {
    return b.getInt(at + SIZE);
  }

  static int writeFlags(ByteBuffer b, int at) {
    return b.getInt(at + WRITE_FLAGS);
  }

  static long lockOwner(ByteBuffer b, int at) {
    return b.getLong(at + LOCK_OWNER);
  }

  /** Flags of open(2), as the descriptor has them now: fcntl(2) can change some. */
  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  /** Whether the data come from the page cache, and nobody knows who wrote them. */
  public static boolean fromCache(ByteBuffer b, int at) {
    return (writeFlags(b, at) & WRITE_CACHE) != 0;
  }

  /** Whether writing takes the set-user-ID and set-group-ID bits away. */
  public static boolean killSuidgid(ByteBuffer b, int at) {
    return (writeFlags(b, at) & WRITE_KILL_SUIDGID) != 0;
  }
}
