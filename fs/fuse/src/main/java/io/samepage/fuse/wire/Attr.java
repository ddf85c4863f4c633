package io.samepage.fuse.wire;

import io.samepage.fuse.Attributes;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_attr}: the attributes of an inode, in ENTRY and ATTR answers.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |              ino              |
 *       +---------------+---------------+
 *     8 |             size              |
 *       +---------------+---------------+
 *    16 |            blocks             |
 *       +---------------+---------------+
 *    24 |             atime             |
 *       +---------------+---------------+
 *    32 |             mtime             |
 *       +---------------+---------------+
 *    40 |             ctime             |
 *       +---------------+---------------+
 *    48 |   atimensec   |   mtimensec   |
 *       +---------------+---------------+
 *    56 |   ctimensec   |     mode      |
 *       +---------------+---------------+
 *    64 |     nlink     |      uid      |
 *       +---------------+---------------+
 *    72 |      gid      |     rdev      |
 *       +---------------+---------------+
 *    80 |    blksize    |     flags     |
 *       +---------------+---------------+
 * </pre>
 */
public final class Attr {
  static final int INO = 0;
  public static final int SIZE = 8;
  static final int BLOCKS = 16;
  public static final int ATIME = 24;
  static final int MTIME = 32;
  static final int CTIME = 40;
  static final int ATIMENSEC = 48;
  public static final int MTIMENSEC = 52;
  static final int CTIMENSEC = 56;
  static final int MODE = 60;
  static final int NLINK = 64;
  static final int UID = 68;
  static final int GID = 72;
  public static final int RDEV = 76;
  static final int BLKSIZE = 80;
  static final int FLAGS = 84;

  /** The size of the whole. */
  static final int BYTES = 88;

  private Attr() {}

  static void put(ByteBuffer b, int at, Attributes attributes) {
    b.putLong(at + INO, attributes.ino);
    b.putLong(at + SIZE, attributes.size);
    b.putLong(at + BLOCKS, attributes.blocks);
    b.putLong(at + ATIME, attributes.atimeSeconds);
    b.putLong(at + MTIME, attributes.mtimeSeconds);
    b.putLong(at + CTIME, attributes.ctimeSeconds);
    b.putInt(at + ATIMENSEC, attributes.atimeNanos);
    b.putInt(at + MTIMENSEC, attributes.mtimeNanos);
    b.putInt(at + CTIMENSEC, attributes.ctimeNanos);
    b.putInt(at + MODE, attributes.mode);
    b.putInt(at + NLINK, attributes.nlink);
    b.putInt(at + UID, attributes.uid);
    b.putInt(at + GID, attributes.gid);
    b.putInt(at + RDEV, attributes.rdev);
    b.putInt(at + BLKSIZE, attributes.blksize);
    // FUSE_ATTR_SUBMOUNT and FUSE_ATTR_DAX: neither is ours.
    b.putInt(at + FLAGS, 0);
  }
}
