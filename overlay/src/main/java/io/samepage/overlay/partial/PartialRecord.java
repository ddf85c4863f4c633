package io.samepage.overlay.partial;

import io.samepage.posix.Stat;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * What a partial copy-up is of: the first {@link #LENGTH} bytes of its map file.
 *
 * <pre>
 *   0        8        16       24       32       40       48        50               n        n+2           8188
 *  +--------+--------+--------+--------+--------+--------+---------+----------------+---------+--------+…+-----+
 *  | magic  | limit  | inode  | size   | mtime  | ctime  | length  | origin         | length  | path   | | CRC |
 *  +--------+--------+--------+--------+--------+--------+---------+----------------+---------+--------+…+-----+
 * </pre>
 *
 * All is little-endian. The limit is up to where unbroken pages read from the lower file, in bytes;
 * it is the one field that changes, by itself, and the CRC-32 leaves it out.
 *
 * @param ino of the lower file, like the following
 * @param mtime nanoseconds since 1970
 * @param ctime nanoseconds since 1970
 * @param origin what finds the lower file again; at most {@link #MAX_ORIGIN} bytes
 * @param path where the file was in the mount when it was begun, without a slash at either end; at
 *     most {@link #MAX_PATH} bytes, else empty
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record PartialRecord(
    long ino, long size, long mtime, long ctime, byte[] origin, byte[] path) {
  /** Of the record in a map file, in bytes; the bitmap follows. */
  static final int LENGTH = 8192;

  static final int LIMIT_AT = 8;

  /** How long an origin can be, in bytes. */
  public static final int MAX_ORIGIN = 1024;

  /** How long a path can be, in bytes. */
  public static final int MAX_PATH = 4096;

  private static final long MAGIC = 0x3174726170732e01L;
  private static final int CRC_AT = LENGTH - 4;
  private static final long SECOND = 1_000_000_000L;

  /** What a Stat describes. */
  public static PartialRecord of(Stat stat, byte[] origin, byte[] path) {
    byte[] kept = path.length <= MAX_PATH ? path : new byte[0];
    return new PartialRecord(stat.ino, stat.size, mtime(stat), ctime(stat), origin, kept);
  }

  /** Whether a Stat shows that the lower file is what it was. */
  public boolean matches(Stat stat) {
    return stat.isRegular()
        && ino == stat.ino
        && size == stat.size
        && mtime == mtime(stat)
        && ctime == ctime(stat);
  }

  private static long mtime(Stat stat) {
    return stat.mtimeSeconds * SECOND + stat.mtimeNanos;
  }

  private static long ctime(Stat stat) {
    return stat.ctimeSeconds * SECOND + stat.ctimeNanos;
  }

  void write(ByteBuffer to, long limit) {
    ByteBuffer b = to.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    b.position(0);
    b.putLong(MAGIC).putLong(limit).putLong(ino).putLong(size).putLong(mtime).putLong(ctime);
    b.putShort((short) origin.length).put(origin);
    b.putShort((short) path.length).put(path);
    b.putInt(CRC_AT, crc(b));
  }

  /** Null if it is none, or damaged. */
  static @Nullable PartialRecord read(ByteBuffer from) {
    try {
      ByteBuffer b = from.duplicate().order(ByteOrder.LITTLE_ENDIAN);
      if (b.getLong(0) != MAGIC || b.getInt(CRC_AT) != crc(b)) {
        return null;
      }
      b.position(LIMIT_AT + Long.BYTES);
      long ino = b.getLong();
      long size = b.getLong();
      long mtime = b.getLong();
      long ctime = b.getLong();
      byte[] origin = new byte[b.getShort() & 0xffff];
      b.get(origin);
      byte[] path = new byte[b.getShort() & 0xffff];
      b.get(path);
      return new PartialRecord(ino, size, mtime, ctime, origin, path);
    } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
      return null;
    }
  }

  private static int crc(ByteBuffer b) {
    CRC32 crc = new CRC32();
    crc.update(b.duplicate().position(0).limit(LIMIT_AT));
    crc.update(b.duplicate().position(LIMIT_AT + Long.BYTES).limit(CRC_AT));
    return (int) crc.getValue();
  }
}
