package io.samepage.fuse;

/**
 * The attributes of an inode as stat(2) and statx(2) show them. Times are seconds and nanoseconds
 * since the epoch; {@link #blocks} counts 512 bytes; {@link #rdev} is in the encoding of
 * linux/kdev_t.h (new_encode_dev), which is that of the wire.
 *
 * <p>A mutable record of a reply: filled by the file system, read by the transport, used again.
 */
public final class Attributes {
  public long ino;
  public long size;
  public long blocks;
  public long atimeSeconds;
  public int atimeNanos;
  public long mtimeSeconds;
  public int mtimeNanos;
  public long ctimeSeconds;
  public int ctimeNanos;
  public long btimeSeconds;
  public int btimeNanos;

  /** Whether the birth time is known. */
  public boolean hasBtime;

  /** Type and permission bits. */
  public int mode;

  public int nlink;
  public int uid;
  public int gid;
  public int rdev;
  public int blksize;

  /** STATX_ATTR_* bits that the file has, and those that are known. */
  public long statxAttributes;

  public long statxAttributesMask;

  /** For how long the kernel may keep these attributes, in nanoseconds. */
  public long validNanos;
}
