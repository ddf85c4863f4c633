package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The command line as the bytes that it is. The JVM decodes it by the locale, and what is not text
 * there, such as any name beyond ASCII where LANG is unset, is lost; the kernel still has it.
 */
final class Arguments {
  private Arguments() {}

  /** The bytes of the arguments that the JVM has handed to main. */
  static List<ByteString> raw(String[] decoded) {
    try (InputStream in = new FileInputStream("/proc/self/cmdline")) {
      List<ByteString> all = split(in.readAllBytes());
      if (all.size() > decoded.length) {
        return all.subList(all.size() - decoded.length, all.size());
      }
    } catch (IOException e) {
      // No /proc: what the JVM has decoded must do.
    }
    List<ByteString> arguments = new ArrayList<>();
    for (String argument : decoded) {
      arguments.add(ByteString.of(argument));
    }
    return arguments;
  }

  /** Splits what stands in /proc/PID/cmdline, where each argument is ended by a NUL. */
  static List<ByteString> split(byte[] text) {
    List<ByteString> arguments = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < text.length; i++) {
      if (text[i] == 0) {
        arguments.add(ByteString.of(Arrays.copyOfRange(text, from, i)));
        from = i + 1;
      }
    }
    return arguments;
  }

  /**
   * The arguments as strings with one character for each byte, which can be turned back by {@link
   * #bytes}.
   */
  static String[] latin1(List<ByteString> arguments) {
    String[] strings = new String[arguments.size()];
    for (int i = 0; i < strings.length; i++) {
      strings[i] = new String(arguments.get(i).toBytes(), StandardCharsets.ISO_8859_1);
    }
    return strings;
  }

  /** The bytes that {@link #latin1} made a string of. */
  static ByteString bytes(String latin1) {
    return ByteString.of(latin1.getBytes(StandardCharsets.ISO_8859_1));
  }
}
