package io.samepage.posix;

import java.nio.ByteBuffer;

/**
 * What statx(2) says of a file. Mutable, filled by {@link Files}, used again and again. Offsets are
 * those of struct statx in linux/stat.h.
 */
public final class Stat {
  static final int SIZE = 256;

  public int blksize;
  public long attributes;
  public long attributesMask;
  public int nlink;
  public int uid;
  public int gid;

  /** Type and permission bits. */
  public int mode;

  public long ino;
  public long size;

  /** In units of 512 bytes. */
  public long blocks;

  public long atimeSeconds;
  public int atimeNanos;
  public long btimeSeconds;
  public int btimeNanos;
  public boolean hasBtime;
  public long ctimeSeconds;
  public int ctimeNanos;
  public long mtimeSeconds;
  public int mtimeNanos;
  public int rdevMajor;
  public int rdevMinor;
  public int devMajor;
  public int devMinor;
  public long mountId;

  void read(ByteBuffer b, int at) {
    int mask = b.getInt(at);
    blksize = b.getInt(at + 4);
    attributes = b.getLong(at + 8);
    nlink = b.getInt(at + 16);
    uid = b.getInt(at + 20);
    gid = b.getInt(at + 24);
    mode = b.getShort(at + 28) & 0xffff;
    ino = b.getLong(at + 32);
    size = b.getLong(at + 40);
    blocks = b.getLong(at + 48);
    attributesMask = b.getLong(at + 56);
    atimeSeconds = b.getLong(at + 64);
    atimeNanos = b.getInt(at + 72);
    btimeSeconds = b.getLong(at + 80);
    btimeNanos = b.getInt(at + 88);
    hasBtime = (mask & Linux.STATX_BTIME) != 0;
    ctimeSeconds = b.getLong(at + 96);
    ctimeNanos = b.getInt(at + 104);
    mtimeSeconds = b.getLong(at + 112);
    mtimeNanos = b.getInt(at + 120);
    rdevMajor = b.getInt(at + 128);
    rdevMinor = b.getInt(at + 132);
    devMajor = b.getInt(at + 136);
    devMinor = b.getInt(at + 140);
    mountId = b.getLong(at + 144);
  }

  /** Takes all of another one over. */
  public void set(Stat other) {
    blksize = other.blksize;
    attributes = other.attributes;
    attributesMask = other.attributesMask;
    nlink = other.nlink;
    uid = other.uid;
    gid = other.gid;
    mode = other.mode;
    ino = other.ino;
    size = other.size;
    blocks = other.blocks;
    atimeSeconds = other.atimeSeconds;
    atimeNanos = other.atimeNanos;
    btimeSeconds = other.btimeSeconds;
    btimeNanos = other.btimeNanos;
    hasBtime = other.hasBtime;
    ctimeSeconds = other.ctimeSeconds;
    ctimeNanos = other.ctimeNanos;
    mtimeSeconds = other.mtimeSeconds;
    mtimeNanos = other.mtimeNanos;
    rdevMajor = other.rdevMajor;
    rdevMinor = other.rdevMinor;
    devMajor = other.devMajor;
    devMinor = other.devMinor;
    mountId = other.mountId;
  }

  /** The file type bits, S_IF*. */
  public int type() {
    return mode & Linux.S_IFMT;
  }

  public boolean isDirectory() {
    return type() == Linux.S_IFDIR;
  }

  public boolean isRegular() {
    return type() == Linux.S_IFREG;
  }

  public boolean isSymlink() {
    return type() == Linux.S_IFLNK;
  }

  /** Whether it is a character device 0:0, the kernel overlayfs's mark of a removed name. */
  public boolean isZeroDevice() {
    return type() == Linux.S_IFCHR && rdevMajor == 0 && rdevMinor == 0;
  }

  /** The device that holds the file, as one number. */
  public long dev() {
    return ((long) devMajor << 32) | (devMinor & 0xffffffffL);
  }

  /** The device that the file is, in the kernel's 32-bit encoding (new_encode_dev). */
  public int rdev() {
    return (rdevMinor & 0xff) | (rdevMajor << 8) | ((rdevMinor & ~0xff) << 12);
  }
}
