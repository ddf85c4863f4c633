package io.samepage.daemon;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A number of bytes on the command line, with K, M or G after it or not; at least 1. */
final class ByteSize implements ITypeConverter<Long> {
  private static final int MAX_DIGITS = 9;

  @Override
  public Long convert(String value) {
    int power = value.isEmpty() ? 0 : "KMG".indexOf(value.charAt(value.length() - 1)) + 1;
    String digits = power == 0 ? value : value.substring(0, value.length() - 1);
    if (!digits.matches("[0-9]{1," + MAX_DIGITS + "}") || Long.parseLong(digits) == 0) {
      throw new TypeConversionException(
          "'" + value + "' is no size: bytes, or with K, M or G after the number");
    }
    return Long.parseLong(digits) << (10 * power);
  }
}
