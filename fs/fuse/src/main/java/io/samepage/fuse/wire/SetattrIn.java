package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_setattr_in}: the request SETATTR; {@code valid} says which of the rest count.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |     valid     |    padding    |
 *       +-------------------------------+
 *     8 |               fh              |
 *       +-------------------------------+
 *    16 |              size             |
 *       +-------------------------------+
 *    24 |           lock_owner          |
 *       +-------------------------------+
 *    32 |             atime             |
 *       +-------------------------------+
 *    40 |             mtime             |
 *       +-------------------------------+
 *    48 |             ctime             |
 *       +---------------+---------------+
 *    56 |   atimensec   |   mtimensec   |
 *       +---------------+---------------+
 *    64 |   ctimensec   |      mode     |
 *       +---------------+---------------+
 *    72 |    unused4    |      uid      |
 *       +---------------+---------------+
 *    80 |      gid      |    unused5    |
 *       +---------------+---------------+
 * </pre>
 */
public final class SetattrIn {
  static final int VALID = 0;
  static final int FH = 8;
  static final int SIZE = 16;
  static final int LOCK_OWNER = 24;
  static final int ATIME = 32;
  static final int MTIME = 40;
  static final int CTIME = 48;
  static final int ATIMENSEC = 56;
  static final int MTIMENSEC = 60;
  static final int CTIMENSEC = 64;
  static final int MODE = 68;
  static final int UID = 76;
  static final int GID = 80;

  /** The size of the whole. */
  public static final int BYTES = 88;

  private SetattrIn() {}

  public static int valid(ByteBuffer b, int at) {
    return b.getInt(at + VALID);
  }

  public static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  public static long size(ByteBuffer b, int at) {
    return b.getLong(at + SIZE);
  }

  static long lockOwner(ByteBuffer b, int at) {
    return b.getLong(at + LOCK_OWNER);
  }

  public static long atime(ByteBuffer b, int at) {
    return b.getLong(at + ATIME);
  }

  public static long mtime(ByteBuffer b, int at) {
    return b.getLong(at + MTIME);
  }

  static long ctime(ByteBuffer b, int at) {
    return b.getLong(at + CTIME);
  }

  public static int atimensec(ByteBuffer b, int at) {
    return b.getInt(at + ATIMENSEC);
  }

  public static int mtimensec(ByteBuffer b, int at) {
    return b.getInt(at + MTIMENSEC);
  }

  static int ctimensec(ByteBuffer b, int at) {
    return b.getInt(at + CTIMENSEC);
  }

  public static int mode(ByteBuffer b, int at) {
    return b.getInt(at + MODE);
  }

  public static int uid(ByteBuffer b, int at) {
    return b.getInt(at + UID);
  }

  public static int gid(ByteBuffer b, int at) {
    return b.getInt(at + GID);
  }
}
