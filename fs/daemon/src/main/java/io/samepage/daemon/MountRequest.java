package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.MountOptionParser;
import io.samepage.overlay.options.MountOptionParser.Form;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A command line that mounts.
 *
 * @param form whether a person asks for it or a program
 * @param options the arguments of each {@code -o}
 * @param foreground whether the command itself is to serve the mount
 */
record MountRequest(Form form, List<ByteString> options, ByteString target, boolean foreground) {
  private static final ByteString MOUNT = ByteString.of("mount");

  MountRequest {
    options = List.copyOf(options);
  }

  /**
   * Reads a command line that is nothing but a request to mount, which is what nearly all are, at
   * less cost than the library for command lines does:
   *
   * <pre>
   * mount [-f] -o OPTIONS TARGET     a person
   * [-f] -o OPTIONS TARGET           a container engine
   * SOURCE TARGET -o OPTIONS         a mount helper
   * </pre>
   *
   * @return null for any other command line, also for one that has something wrong with it
   */
  static @Nullable MountRequest read(List<ByteString> arguments) {
    if (arguments.isEmpty()) {
      return null;
    }
    if (arguments.get(0).equals(MOUNT)) {
      return readOptions(Form.STRICT, arguments.subList(1, arguments.size()));
    }
    if (isOption(arguments.get(0))) {
      return readOptions(Form.ENGINE, arguments);
    }
    if (arguments.size() == 4
        && !isOption(arguments.get(1))
        && arguments.get(2).equals(ByteString.of("-o"))) {
      return new MountRequest(
          Form.TOLERANT,
          List.of(fsname(arguments.get(0)), arguments.get(3)),
          arguments.get(1),
          false);
    }
    return null;
  }

  private static @Nullable MountRequest readOptions(Form form, List<ByteString> arguments) {
    List<ByteString> options = new ArrayList<>();
    ByteString target = null;
    boolean foreground = false;
    boolean optionsEnded = false;
    for (int i = 0; i < arguments.size(); i++) {
      ByteString argument = arguments.get(i);
      String word = new String(argument.toBytes(), StandardCharsets.ISO_8859_1);
      if (optionsEnded || !isOption(argument)) {
        if (target != null || argument.isEmpty()) {
          return null;
        }
        target = argument;
      } else if (word.equals("-o") || word.equals("--options")) {
        i++;
        if (i == arguments.size() || isOption(arguments.get(i))) {
          return null;
        }
        options.add(arguments.get(i));
      } else if (word.startsWith("-o") && !word.startsWith("-o=")) {
        options.add(tail(argument, "-o".length()));
      } else if (word.startsWith("--options=")) {
        options.add(tail(argument, "--options=".length()));
      } else if (!foreground && (word.equals("-f") || word.equals("--foreground"))) {
        foreground = true;
      } else if (word.equals("--")) {
        optionsEnded = true;
      } else {
        return null;
      }
    }
    return target == null ? null : new MountRequest(form, options, target, foreground);
  }

  private static boolean isOption(ByteString argument) {
    return argument.length() > 1 && argument.byteAt(0) == '-';
  }

  private static ByteString tail(ByteString argument, int from) {
    return ByteString.of(Arrays.copyOfRange(argument.toBytes(), from, argument.length()));
  }

  /** The source of a mount helper's command line, as an option. */
  private static ByteString fsname(ByteString source) {
    byte[] word = "fsname=".getBytes(StandardCharsets.US_ASCII);
    byte[] name = MountOptionParser.escape(source).toBytes();
    byte[] option = Arrays.copyOf(word, word.length + name.length);
    System.arraycopy(name, 0, option, word.length, name.length);
    return ByteString.of(option);
  }

  /** All options in one text, for people and for comparison. */
  String optionText() {
    StringBuilder text = new StringBuilder();
    for (ByteString part : options) {
      text.append(text.length() == 0 ? "" : ",").append(part);
    }
    return text.toString();
  }
}
