package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_ioctl_in}: the request IOCTL, before the argument.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +---------------+---------------+
 *     8 |     flags     |      cmd      |
 *       +-------------------------------+
 *    16 |              arg              |
 *       +---------------+---------------+
 *    24 |    in_size    |    out_size   |
 *       +---------------+---------------+
 * </pre>
 */
public final class IoctlIn {
  static final int FH = 0;
  static final int FLAGS = 8;
  static final int CMD = 12;
  static final int ARG = 16;
  static final int IN_SIZE = 24;
  static final int OUT_SIZE = 28;

  /** The size of the whole. */
  public static final int BYTES = 32;

  private static final int IOCTL_UNRESTRICTED = 1 << 1;
  private static final int IOCTL_DIR = 1 << 4;

  private IoctlIn() {}

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static int flags(ByteBuffer b, int at) {
    return b.getInt(at + FLAGS);
  }

  public static int cmd(ByteBuffer b, int at) {
    return b.getInt(at + CMD);
  }

  static long arg(ByteBuffer b, int at) {
    return b.getLong(at + ARG);
  }

  public static int inSize(ByteBuffer b, int at) {
    return b.getInt(at + IN_SIZE);
  }

  public static int outSize(ByteBuffer b, int at) {
    return b.getInt(at + OUT_SIZE);
  }

  /** Whether the number of the command does not say how long its argument is. */
  public static boolean isUnrestricted(ByteBuffer b, int at) {
    return (flags(b, at) & IOCTL_UNRESTRICTED) != 0;
  }

  /** Whether it is about a directory. */
  public static boolean isDirectory(ByteBuffer b, int at) {
    return (flags(b, at) & IOCTL_DIR) != 0;
  }
}
