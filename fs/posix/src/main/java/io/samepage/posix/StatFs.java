package io.samepage.posix;

import java.nio.ByteBuffer;

/** What fstatfs(2) says. Mutable, filled by {@link Files#statfs}. */
public final class StatFs {
  /** Magic numbers of statfs(2). */
  public static final long OVERLAYFS_MAGIC = 0x794c7630L;

  public static final long FUSE_MAGIC = 0x65735546L;
  public static final long TMPFS_MAGIC = 0x01021994L;
  public static final long NFS_MAGIC = 0x6969L;

  public long type;
  public long blockSize;
  public long blocks;
  public long blocksFree;
  public long blocksAvailable;
  public long files;
  public long filesFree;
  public long nameLength;
  public long fragmentSize;

  /** f_fsid, which for many file systems comes from their UUID. */
  public long fsid;

  void read(ByteBuffer b, int at) {
    type = b.getLong(at);
    blockSize = b.getLong(at + 8);
    blocks = b.getLong(at + 16);
    blocksFree = b.getLong(at + 24);
    blocksAvailable = b.getLong(at + 32);
    files = b.getLong(at + 40);
    filesFree = b.getLong(at + 48);
    fsid = b.getLong(at + 56);
    nameLength = b.getLong(at + 64);
    fragmentSize = b.getLong(at + 72);
  }
}
