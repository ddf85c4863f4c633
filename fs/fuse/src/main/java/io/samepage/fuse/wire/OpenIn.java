package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_open_in}: the requests OPEN and OPENDIR.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |     flags     |   open_flags  |
 *       +---------------+---------------+
 * </pre>
 */
public final class OpenIn {
  static final int FLAGS = 0;
  static final int OPEN_FLAGS = 4;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private static final int OPEN_KILL_SUIDGID = 1;

  private OpenIn() {}

  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  static int openFlags(ByteBuffer b, int at) {
    return b.getInt(at + OPEN_FLAGS);
  }

  /** Whether opening takes the set-user-ID and set-group-ID bits away, as it truncates. */
  public static boolean killSuidgid(ByteBuffer b, int at) {
    return (openFlags(b, at) & OPEN_KILL_SUIDGID) != 0;
  }
}
