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

  private OpenIn() {}

  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  public static int openFlags(ByteBuffer b, int at) {
    return b.getInt(at + OPEN_FLAGS);
  }
}
