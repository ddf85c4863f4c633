package io.samepage.dedup;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The checksum that every value of an index has after it, of its key and of itself (CRC-32C, 4
 * bytes, big-endian): LMDB trusts its file, which may be damaged, and a value under the wrong key
 * is as wrong as one that is damaged itself.
 */
final class Seal {
  private Seal() {}

  /** A value with the checksum of it and its key. */
  static byte[] put(byte[] key, byte[] value) {
    byte[] sealed = Arrays.copyOf(value, value.length + Integer.BYTES);
    ByteBuffer.wrap(sealed).putInt(value.length, checksum(key, value, value.length));
    return sealed;
  }

  /** The value, if its checksum is right; else null. */
  static byte @Nullable [] open(byte[] key, byte @Nullable [] sealed) {
    if (sealed == null || sealed.length < Integer.BYTES) {
      return null;
    }
    int length = sealed.length - Integer.BYTES;
    if (ByteBuffer.wrap(sealed).getInt(length) != checksum(key, sealed, length)) {
      return null;
    }
    return Arrays.copyOf(sealed, length);
  }

  private static int checksum(byte[] key, byte[] value, int length) {
    CRC32C crc = new CRC32C();
    crc.update(key, 0, key.length);
    crc.update(value, 0, length);
    return (int) crc.getValue();
  }
}
