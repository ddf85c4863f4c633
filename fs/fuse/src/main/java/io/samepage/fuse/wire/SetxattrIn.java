package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_setxattr_in}: the request SETXATTR, before the name and the value. Without
 * SETXATTR_EXT it ends after {@code flags}.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      size     |     flags     |
 *       +---------------+---------------+
 *     8 | setxattr_flags|    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class SetxattrIn {
  static final int SIZE = 0;
  static final int FLAGS = 4;
  static final int SETXATTR_FLAGS = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  /** The size where SETXATTR_EXT was not agreed on. */
  public static final int COMPAT_SETXATTR_IN_SIZE = 8;

  private static final int SETXATTR_ACL_KILL_SGID = 1;

  private SetxattrIn() {}

  public static int size(ByteBuffer b, int at) {
    return b.getInt(at + SIZE);
  }

  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  static int setxattrFlags(ByteBuffer b, int at) {
    return b.getInt(at + SETXATTR_FLAGS);
  }

  /** Whether an ACL clears the set-group-ID bit; only with SETXATTR_EXT. */
  public static boolean aclKillsSgid(ByteBuffer b, int at) {
    return (setxattrFlags(b, at) & SETXATTR_ACL_KILL_SGID) != 0;
  }
}
