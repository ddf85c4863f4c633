package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_release_in}: the requests RELEASE and RELEASEDIR.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +---------------+---------------+
 *     8 |     flags     | release_flags |
 *       +-------------------------------+
 *    16 |           lock_owner          |
 *       +-------------------------------+
 * </pre>
 */
public final class ReleaseIn {
  static final int FH = 0;
  static final int FLAGS = 8;
  static final int RELEASE_FLAGS = 12;
  static final int LOCK_OWNER = 16;

  /** The size of the whole. */
  public static final int BYTES = 24;

  private static final int RELEASE_FLOCK_UNLOCK = 1 << 1;

  private ReleaseIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  static int releaseFlags(ByteBuffer b, int at) {
    return b.getInt(at + RELEASE_FLAGS);
  }

  static long lockOwner(ByteBuffer b, int at) {
    return b.getLong(at + LOCK_OWNER);
  }

  /** Whose flock(2) lock goes with the handle, or 0. */
  public static long flockOwner(ByteBuffer b, int at) {
    return (releaseFlags(b, at) & RELEASE_FLOCK_UNLOCK) != 0 ? lockOwner(b, at) : 0;
  }
}
