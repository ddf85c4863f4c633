package io.samepage.fuse.wire;

import io.samepage.fuse.Opened;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_statx_in}: the request STATX.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 | getattr_flags |    reserved   |
 *       +-------------------------------+
 *     8 |               fh              |
 *       +---------------+---------------+
 *    16 |    sx_flags   |    sx_mask    |
 *       +---------------+---------------+
 * </pre>
 */
public final class StatxIn {
  static final int GETATTR_FLAGS = 0;
  static final int FH = 8;
  static final int SX_FLAGS = 16;
  static final int SX_MASK = 20;

  /** The size of the whole. */
  public static final int BYTES = 24;

  private StatxIn() {}

  static int getattrFlags(ByteBuffer b, int at) {
    return b.getInt(at + GETATTR_FLAGS);
  }

  static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static int sxFlags(ByteBuffer b, int at) {
    return b.getInt(at + SX_FLAGS);
  }

  static int sxMask(ByteBuffer b, int at) {
    return b.getInt(at + SX_MASK);
  }

  /** The handle that is asked about, or {@link Opened#NO_HANDLE}. */
  public static long handle(ByteBuffer b, int at) {
    return (getattrFlags(b, at) & GetattrIn.GETATTR_FH) != 0 ? fh(b, at) : Opened.NO_HANDLE;
  }
}
