package io.samepage.overlay.options;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** An immutable sequence of bytes, such as a path, which need not be text in any encoding. */
public final class ByteString implements Comparable<ByteString> {
  private static final String HEX = "0123456789abcdef";

  private final byte[] bytes;

  private ByteString(byte[] bytes) {
    this.bytes = bytes;
  }

  /** A copy of some bytes. */
  public static ByteString of(byte[] bytes) {
    return new ByteString(bytes.clone());
  }

  /** The UTF-8 form of a text. */
  public static ByteString of(String text) {
    return new ByteString(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Reads back what {@link #toString} has written. */
  public static ByteString parse(String shown) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(shown.length());
    int at = 0;
    while (at < shown.length()) {
      int c = shown.codePointAt(at);
      at += Character.charCount(c);
      if (c != '\\') {
        out.writeBytes(Character.toString(c).getBytes(StandardCharsets.UTF_8));
      } else if (shown.startsWith("\\", at)) {
        out.write('\\');
        at++;
      } else if (shown.startsWith("x", at) && at + 3 <= shown.length()) {
        out.write(Integer.parseInt(shown.substring(at + 1, at + 3), 16));
        at += 3;
      } else {
        throw new IllegalArgumentException("a lone backslash in " + shown);
      }
    }
    return new ByteString(out.toByteArray());
  }

  /** A copy of the bytes. */
  public byte[] toBytes() {
    return bytes.clone();
  }

  public int length() {
    return bytes.length;
  }

  public boolean isEmpty() {
    return bytes.length == 0;
  }

  public byte byteAt(int index) {
    return bytes[index];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ByteString that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public int compareTo(ByteString other) {
    return Arrays.compareUnsigned(bytes, other.bytes);
  }

  /**
   * For people, and for JSON: printable UTF-8 as it is, any other byte as {@code \xHH}, a backslash
   * as {@code \\}. Always one line; {@link #parse} reads it back.
   */
  @Override
  public String toString() {
    StringBuilder shown = new StringBuilder(bytes.length + 8);
    int at = 0;
    while (at < bytes.length) {
      byte first = bytes[at];
      if (first >= 0x20 && first < 0x7f) {
        if (first == '\\') {
          shown.append('\\');
        }
        shown.append((char) first);
        at++;
        continue;
      }
      int length = sequenceLength(at);
      String decoded = new String(bytes, at, length, StandardCharsets.UTF_8);
      if (length > 1 && isPrintable(decoded.codePointAt(0))) {
        shown.append(decoded);
        at += length;
      } else {
        shown.append("\\x").append(HEX.charAt((first >> 4) & 15)).append(HEX.charAt(first & 15));
        at++;
      }
    }
    return shown.toString();
  }

  private static boolean isPrintable(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> codePoint != 0xfffd;
    };
  }

  /**
   * The length of what looks like a UTF-8 sequence from an index on, 1 if nothing does. Overlong
   * forms and surrogates, which look like one, decode to U+FFFD and so are not printable.
   */
  private int sequenceLength(int at) {
    int first = bytes[at] & 0xff;
    int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
    if (at + length > bytes.length) {
      return 1;
    }
    for (int i = 1; i < length; i++) {
      if ((bytes[at + i] & 0xc0) != 0x80) {
        return 1;
      }
    }
    return length;
  }
}
