package io.samepage.overlay;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** File names as bytes, and the names that mean something in a layer. */
final class Names {
  static final byte[] EMPTY = {};
  static final byte[] SELF = {'.'};

  /** AUFS's mark, and OCI's, of an opaque directory: a file of this name in it. */
  static final byte[] AUFS_OPAQUE = ascii(".wh..wh..opq");

  private static final byte[] AUFS_WHITEOUT = ascii(".wh.");
  private static final byte[] AUFS_RESERVED = ascii(".wh..wh.");

  private Names() {}

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** For logs and errors; what is not ASCII is escaped. */
  static String toString(byte[] name) {
    StringBuilder text = new StringBuilder(name.length);
    for (byte b : name) {
      if (b >= ' ' && b < 127 && b != '\\') {
        text.append((char) b);
      } else {
        text.append(String.format("\\x%02x", b & 0xff));
      }
    }
    return text.toString();
  }

  static boolean startsWith(byte[] name, byte[] prefix) {
    return name.length >= prefix.length
        && Arrays.equals(name, 0, prefix.length, prefix, 0, prefix.length);
  }

  static byte[] concat(byte[] a, byte[] b) {
    byte[] whole = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, whole, a.length, b.length);
    return whole;
  }

  /** Whether it is "." or "..". */
  static boolean isDots(byte[] name) {
    return name.length <= 2 && name.length > 0 && name[0] == '.' && name[name.length - 1] == '.';
  }

  /** Whether a name in a lower layer is a mark of AUFS and stands for no file. */
  static boolean isAufsMark(byte[] name) {
    return startsWith(name, AUFS_WHITEOUT);
  }

  /** Whether it is one of AUFS's own files rather than the whiteout of a name. */
  static boolean isAufsReserved(byte[] name) {
    return startsWith(name, AUFS_RESERVED);
  }

  /** The name of AUFS's whiteout of a name. */
  static byte[] aufsWhiteout(byte[] name) {
    return concat(AUFS_WHITEOUT, name);
  }

  /** Which name AUFS's whiteout hides. */
  static byte[] aufsHidden(byte[] whiteout) {
    return Arrays.copyOfRange(whiteout, AUFS_WHITEOUT.length, whiteout.length);
  }

  /** 64 bits that are spread well (FNV-1a, then MurmurHash3's finaliser). */
  static long hash(byte[] name) {
    long h = 0xcbf29ce484222325L;
    for (byte b : name) {
      h = (h ^ (b & 0xff)) * 0x100000001b3L;
    }
    h = (h ^ (h >>> 33)) * 0xff51afd7ed558ccdL;
    h = (h ^ (h >>> 33)) * 0xc4ceb9fe1a85ec53L;
    return h ^ (h >>> 33);
  }
}
