package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_dirent}: one entry of READDIR, followed by its name without a NUL and padded
 * to a multiple of 8 bytes. A {@code struct fuse_direntplus}, of READDIRPLUS, is an {@link
 * EntryOut} followed by one of these.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |              ino              |
 *       +---------------+---------------+
 *     8 |              off              |
 *       +---------------+---------------+
 *    16 |    namelen    |     type      |
 *       +---------------+---------------+
 *    24 |   name …
 *       +---------------
 * </pre>
 */
public final class Dirent {
  static final int INO = 0;
  static final int OFF = 8;
  static final int NAMELEN = 16;
  static final int TYPE = 20;
  static final int NAME = 24;

  private Dirent() {}

  /** The room that an entry with a name of this length takes. */
  public static int room(int nameLength) {
    return (NAME + nameLength + 7) & ~7;
  }

  /** The room that such an entry takes in READDIRPLUS. */
  public static int roomPlus(int nameLength) {
    return EntryOut.BYTES + room(nameLength);
  }

  public static void put(ByteBuffer b, int at, byte[] name, long ino, int type, long nextOffset) {
    b.putLong(at + INO, ino);
    b.putLong(at + OFF, nextOffset);
    b.putInt(at + NAMELEN, name.length);
    b.putInt(at + TYPE, type);
    b.put(at + NAME, name);
    for (int i = at + NAME + name.length; i < at + room(name.length); i++) {
      b.put(i, (byte) 0);
    }
  }

  public static int namelen(ByteBuffer b, int at) {
    return b.getInt(at + NAMELEN);
  }
}
