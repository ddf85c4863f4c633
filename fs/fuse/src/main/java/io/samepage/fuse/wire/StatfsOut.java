package io.samepage.fuse.wire;

import io.samepage.fuse.FileSystemStatistics;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_statfs_out}, which is a {@code struct fuse_kstatfs}: the answer to STATFS.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |            blocks             |
 *       +---------------+---------------+
 *     8 |             bfree             |
 *       +---------------+---------------+
 *    16 |            bavail             |
 *       +---------------+---------------+
 *    24 |             files             |
 *       +---------------+---------------+
 *    32 |             ffree             |
 *       +---------------+---------------+
 *    40 |     bsize     |    namelen    |
 *       +---------------+---------------+
 *    48 |    frsize     |    padding    |
 *       +---------------+---------------+
 *    56 |       spare (24 bytes)        |
 *       +-------------------------------+
 * </pre>
 */
public final class StatfsOut {
  static final int BLOCKS = 0;
  static final int BFREE = 8;
  static final int BAVAIL = 16;
  static final int FILES = 24;
  static final int FFREE = 32;
  static final int BSIZE = 40;
  static final int NAMELEN = 44;
  static final int FRSIZE = 48;

  /** The size of the whole. */
  public static final int BYTES = 80;

  private StatfsOut() {}

  public static void put(ByteBuffer b, int at, FileSystemStatistics statistics) {
    b.putLong(at + BLOCKS, statistics.blocks);
    b.putLong(at + BFREE, statistics.blocksFree);
    b.putLong(at + BAVAIL, statistics.blocksAvailable);
    b.putLong(at + FILES, statistics.files);
    b.putLong(at + FFREE, statistics.filesFree);
    b.putInt(at + BSIZE, statistics.blockSize);
    b.putInt(at + NAMELEN, statistics.nameMax);
    b.putInt(at + FRSIZE, statistics.fragmentSize);
    for (int i = FRSIZE + 4; i < BYTES; i += 4) {
      b.putInt(at + i, 0);
    }
  }
}
