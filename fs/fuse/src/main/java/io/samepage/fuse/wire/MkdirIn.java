package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_mkdir_in}: the request MKDIR, before the name.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      mode     |     umask     |
 *       +---------------+---------------+
 * </pre>
 */
public final class MkdirIn {
  static final int MODE = 0;
  static final int UMASK = 4;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private MkdirIn() {}

  public static int mode(ByteBuffer b, int at) {
    return b.getInt(at + MODE);
  }

  public static int umask(ByteBuffer b, int at) {
    return b.getInt(at + UMASK);
  }
}
