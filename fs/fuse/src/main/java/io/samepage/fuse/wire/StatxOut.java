package io.samepage.fuse.wire;

import io.samepage.fuse.Attributes;
import io.samepage.posix.Linux;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_statx_out}: the answer to STATX, which ends in a {@code struct fuse_statx},
 * laid out as {@code struct statx} of statx(2). Times are seconds (8 bytes), nanoseconds (4) and
 * padding (4).
 *
 * <pre>
 *       +-----------------------------------+
 *     0 |            attr_valid             |
 *       +-----------------+-----------------+
 *     8 | attr_valid_nsec |      flags      |
 *       +-----------------+-----------------+
 *    16 |             spare[2]              |
 *       +-----------------+-----------------+
 *    32 |      mask       |     blksize     |  stat: offsets below are from here
 *       +-----------------+-----------------+
 *    40 |            attributes             |
 *       +-----------------+-----------------+
 *    48 |      nlink      |       uid       |
 *       +-----------------+--------+--------+
 *    56 |       gid       |  mode  |        |
 *       +-----------------+--------+--------+
 *    64 |                ino                |
 *       +-----------------------------------+
 *    72 |               size                |
 *       +-----------------------------------+
 *    80 |              blocks               |
 *       +-----------------------------------+
 *    88 |          attributes_mask          |
 *       +-----------------------------------+
 *    96 |         atime (16 bytes)          |
 *       +-----------------------------------+
 *   112 |         btime (16 bytes)          |
 *       +-----------------------------------+
 *   128 |         ctime (16 bytes)          |
 *       +-----------------------------------+
 *   144 |         mtime (16 bytes)          |
 *       +-----------------+-----------------+
 *   160 |   rdev_major    |   rdev_minor    |
 *       +-----------------+-----------------+
 *   168 |    dev_major    |    dev_minor    |
 *       +-----------------+-----------------+
 *   176 |         spare (112 bytes)         |
 *       +-----------------------------------+
 * </pre>
 */
public final class StatxOut {
  static final int ATTR_VALID = 0;
  static final int ATTR_VALID_NSEC = 8;
  static final int FLAGS = 12;
  public static final int STAT = 32;

  /** The size of the whole. */
  public static final int BYTES = 288;

  private StatxOut() {}

  /** {@code struct fuse_statx}. */
  public static final class Statx {
    public static final int MASK = 0;
    static final int BLKSIZE = 4;
    static final int ATTRIBUTES = 8;
    static final int NLINK = 16;
    static final int UID = 20;
    static final int GID = 24;
    static final int MODE = 28;
    static final int INO = 32;
    static final int SIZE = 40;
    static final int BLOCKS = 48;
    static final int ATTRIBUTES_MASK = 56;
    static final int ATIME = 64;
    public static final int BTIME = 80;
    static final int CTIME = 96;
    static final int MTIME = 112;
    public static final int RDEV_MAJOR = 128;
    public static final int RDEV_MINOR = 132;
    static final int DEV_MAJOR = 136;
    static final int DEV_MINOR = 140;

    /** The size of the whole. */
    static final int BYTES = 256;

    private Statx() {}
  }

  public static void put(ByteBuffer b, int at, Attributes a) {
    for (int i = 0; i < BYTES; i += 8) {
      b.putLong(at + i, 0);
    }
    b.putLong(at + ATTR_VALID, Duration.seconds(a.validNanos));
    b.putInt(at + ATTR_VALID_NSEC, Duration.nanos(a.validNanos));
    int s = at + STAT;
    b.putInt(s + Statx.MASK, Linux.STATX_BASIC_STATS | (a.hasBtime ? Linux.STATX_BTIME : 0));
    b.putInt(s + Statx.BLKSIZE, a.blksize);
    b.putLong(s + Statx.ATTRIBUTES, a.statxAttributes);
    b.putInt(s + Statx.NLINK, a.nlink);
    b.putInt(s + Statx.UID, a.uid);
    b.putInt(s + Statx.GID, a.gid);
    b.putShort(s + Statx.MODE, (short) a.mode);
    b.putLong(s + Statx.INO, a.ino);
    b.putLong(s + Statx.SIZE, a.size);
    b.putLong(s + Statx.BLOCKS, a.blocks);
    b.putLong(s + Statx.ATTRIBUTES_MASK, a.statxAttributesMask);
    time(b, s + Statx.ATIME, a.atimeSeconds, a.atimeNanos);
    if (a.hasBtime) {
      time(b, s + Statx.BTIME, a.btimeSeconds, a.btimeNanos);
    }
    time(b, s + Statx.CTIME, a.ctimeSeconds, a.ctimeNanos);
    time(b, s + Statx.MTIME, a.mtimeSeconds, a.mtimeNanos);
    // The reverse of new_encode_dev of linux/kdev_t.h.
    b.putInt(s + Statx.RDEV_MAJOR, (a.rdev >>> 8) & 0xfff);
    b.putInt(s + Statx.RDEV_MINOR, (a.rdev & 0xff) | ((a.rdev >>> 12) & 0xfff00));
  }

  private static void time(ByteBuffer b, int at, long seconds, int nanos) {
    b.putLong(at, seconds);
    b.putInt(at + 8, nanos);
  }
}
