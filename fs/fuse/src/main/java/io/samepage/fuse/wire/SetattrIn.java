package io.samepage.fuse.wire;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Opened;
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

  private static final int FATTR_MODE = 1;
  private static final int FATTR_UID = 1 << 1;
  private static final int FATTR_GID = 1 << 2;
  private static final int FATTR_SIZE = 1 << 3;
  private static final int FATTR_ATIME = 1 << 4;
  private static final int FATTR_MTIME = 1 << 5;
  private static final int FATTR_FH = 1 << 6;
  private static final int FATTR_ATIME_NOW = 1 << 7;
  private static final int FATTR_MTIME_NOW = 1 << 8;
  private static final int FATTR_KILL_SUIDGID = 1 << 11;

  private SetattrIn() {}

  static int valid(ByteBuffer b, int at) {
    return b.getInt(at + VALID);
  }

  static long fh(ByteBuffer b, int at) {
    return b.getLong(at + FH);
  }

  static long size(ByteBuffer b, int at) {
    return b.getLong(at + SIZE);
  }

  static long lockOwner(ByteBuffer b, int at) {
    return b.getLong(at + LOCK_OWNER);
  }

  static long atime(ByteBuffer b, int at) {
    return b.getLong(at + ATIME);
  }

  static long mtime(ByteBuffer b, int at) {
    return b.getLong(at + MTIME);
  }

  static long ctime(ByteBuffer b, int at) {
    return b.getLong(at + CTIME);
  }

  static int atimensec(ByteBuffer b, int at) {
    return b.getInt(at + ATIMENSEC);
  }

  static int mtimensec(ByteBuffer b, int at) {
    return b.getInt(at + MTIMENSEC);
  }

  static int ctimensec(ByteBuffer b, int at) {
    return b.getInt(at + CTIMENSEC);
  }

  static int mode(ByteBuffer b, int at) {
    return b.getInt(at + MODE);
  }

  static int uid(ByteBuffer b, int at) {
    return b.getInt(at + UID);
  }

  static int gid(ByteBuffer b, int at) {
    return b.getInt(at + GID);
  }

  /** Whether it comes through a handle, {@code fh}. */
  public static boolean byHandle(ByteBuffer b, int at) {
    return (valid(b, at) & FATTR_FH) != 0;
  }

  /** See {@link AttributeChange#killSuidgid}. */
  public static boolean killSuidgid(ByteBuffer b, int at) {
    return (valid(b, at) & FATTR_KILL_SUIDGID) != 0;
  }

  /** Whether it names no attribute; it may still have {@link #killSuidgid}. */
  public static boolean namesNone(ByteBuffer b, int at) {
    int all = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME;
    return (valid(b, at) & all) == 0;
  }

  /** Reads the whole. A size that is not to be set is 0; one that is may be negative. */
  public static void get(ByteBuffer b, int at, AttributeChange change) {
    // FATTR_CTIME comes only with WRITEBACK_CACHE, which is never asked for.
    int valid = valid(b, at);
    change.handle = (valid & FATTR_FH) != 0 ? fh(b, at) : Opened.NO_HANDLE;
    change.setMode = (valid & FATTR_MODE) != 0;
    change.mode = mode(b, at);
    change.setUid = (valid & FATTR_UID) != 0;
    change.uid = uid(b, at);
    change.setGid = (valid & FATTR_GID) != 0;
    change.gid = gid(b, at);
    change.setSize = (valid & FATTR_SIZE) != 0;
    change.size = change.setSize ? size(b, at) : 0;
    change.setAtime = (valid & FATTR_ATIME) != 0;
    change.atimeNow = (valid & FATTR_ATIME_NOW) != 0;
    change.atimeSeconds = atime(b, at);
    change.atimeNanos = atimensec(b, at);
    change.setMtime = (valid & FATTR_MTIME) != 0;
    change.mtimeNow = (valid & FATTR_MTIME_NOW) != 0;
    change.mtimeSeconds = mtime(b, at);
    change.mtimeNanos = mtimensec(b, at);
    change.killSuidgid = (valid & FATTR_KILL_SUIDGID) != 0;
  }
}
