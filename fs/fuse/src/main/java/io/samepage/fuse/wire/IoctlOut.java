package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_ioctl_out}: the answer to IOCTL, before the data.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |     result    |     flags     |
 *       +---------------+---------------+
 *     8 |    in_iovs    |    out_iovs   |
 *       +---------------+---------------+
 * </pre>
 */
public final class IoctlOut {
  static final int RESULT = 0;
  static final int FLAGS = 4;
  static final int IN_IOVS = 8;
  static final int OUT_IOVS = 12;

  /** The size of the whole. */
  public static final int BYTES = 16;

  private IoctlOut() {}

  public static void result(ByteBuffer b, int at, int value) {
    b.putInt(at + RESULT, value);
  }

  public static void flags(ByteBuffer b, int at, int value) {
    b.putInt(at + FLAGS, value);
  }

  public static void inIovs(ByteBuffer b, int at, int value) {
    b.putInt(at + IN_IOVS, value);
  }

  public static void outIovs(ByteBuffer b, int at, int value) {
    b.putInt(at + OUT_IOVS, value);
  }
}
