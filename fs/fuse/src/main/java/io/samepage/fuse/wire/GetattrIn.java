package io.samepage.fuse.wire;

import io.samepage.fuse.Opened;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_getattr_in}: the request GETATTR.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 | getattr_flags |     dummy     |
 *       +-------------------------------+
 *     8 |               fh              |
 *       +-------------------------------+
 * </pre>
 */
public final class GetattrIn {
  static final int GETATTR_FLAGS = 0;
  static final int FH = 8;

  /** The size of the whole. */
  public static final int BYTES = 16;

  /** A flag of {@code getattr_flags}, also in STATX: {@code fh} counts. */
  static final int GETATTR_FH = 1;

  private GetattrIn() {}

  static int getattrFlags(ByteBuffer b, int at) {
    return b.getInt(at + GETATTR_FLAGS);
  }

  static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  /** The handle that is asked about, or {@link Opened#NO_HANDLE}. */
  public static long handle(ByteBuffer b, int at) {
    return (getattrFlags(b, at) & GETATTR_FH) != 0 ? fh(b, at) : Opened.NO_HANDLE;
  }

  /** Has it ask about a handle. */
  public static void handle(ByteBuffer b, int at, long value) {
    b.putInt(at + GETATTR_FLAGS, GETATTR_FH);
    b.putLong(at + FH, value);
  }
}
