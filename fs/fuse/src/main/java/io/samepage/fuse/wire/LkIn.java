package io.samepage.fuse.wire;

import io.samepage.fuse.FileLock;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_lk_in}: the requests GETLK, SETLK and SETLKW; {@code start} to {@code pid} are
 * a struct fuse_file_lock.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +-------------------------------+
 *     8 |             owner             |
 *       +-------------------------------+
 *    16 |             start             |
 *       +-------------------------------+
 *    24 |              end              |
 *       +---------------+---------------+
 *    32 |      type     |      pid      |
 *       +---------------+---------------+
 *    40 |    lk_flags   |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class LkIn {
  static final int FH = 0;
  static final int OWNER = 8;
  static final int START = 16;
  static final int END = 24;
  static final int TYPE = 32;
  static final int PID = 36;
  static final int LK_FLAGS = 40;

  /** The size of the whole. */
  public static final int BYTES = 48;

  private static final int LK_FLOCK = 1;

  private LkIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  public static long owner(ByteBuffer b, int at) {
    return b.getLong(at + OWNER);
  }

  static long start(ByteBuffer b, int at) {
    return b.getLong(at + START);
  }

  static long end(ByteBuffer b, int at) {
    return b.getLong(at + END);
  }

  static int type(ByteBuffer b, int at) {
    return b.getInt(at + TYPE);
  }

  static int pid(ByteBuffer b, int at) {
    return b.getInt(at + PID);
  }

  static int lkFlags(ByteBuffer b, int at) {
    return b.getInt(at + LK_FLAGS);
  }

  public static FileLock lock(ByteBuffer b, int at) {
    return new FileLock(start(b, at), end(b, at), type(b, at), pid(b, at));
  }

  /** Whether the lock is one of flock(2). */
  public static boolean isFlock(ByteBuffer b, int at) {
    return (lkFlags(b, at) & LK_FLOCK) != 0;
  }
}
