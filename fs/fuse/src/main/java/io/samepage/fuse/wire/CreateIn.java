package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_create_in}: the requests CREATE and TMPFILE, before the name.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |     flags     |      mode     |
 *       +---------------+---------------+
 *     8 |     umask     |   open_flags  |
 *       +---------------+---------------+
 * </pre>
 */
public final class CreateIn {
  static final int FLAGS = 0;
  static final int MODE = 4;
  static final int UMASK = 8;
  static final int OPEN_FLAGS = 12;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private CreateIn() {}

  public static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  public static int mode(ByteBuffer b, int at) {
    return b.getInt(at + MODE);
  }

  public static int umask(ByteBuffer b, int at) {
    return b.getInt(at + UMASK);
  }

  static int openFlags(ByteBuffer b, int at) {
    return b.getInt(at + OPEN_FLAGS);
  }
}
