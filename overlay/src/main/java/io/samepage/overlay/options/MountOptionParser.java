package io.samepage.overlay.options;

import io.samepage.overlay.options.MountRefusedException.Reason;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads option strings, the arguments of {@code -o}.
 *
 * <p>An option string is a list of {@code word} and {@code word=value}, separated by commas; empty
 * ones count for nothing. In a value a backslash takes the next byte as it is ({@code \,} and
 * {@code \:} and {@code \\}), as in the kernel's overlayfs. A value that begins with a double quote
 * and ends with one before a comma or the end may have commas in between, as in mount(8). A list of
 * directories is separated by colons. Of options that contradict each other the later one wins.
 */
public final class MountOptionParser {
  /** How options that are unknown are taken. */
  public enum Form {
    /** They are an error: a person has written them. */
    STRICT,
    /** They are noted and passed over: mount(8) hands on what it was given. */
    TOLERANT,
    /**
     * So they are as well where a container engine mounts. It may make a layer of the upper
     * directory as soon as the mount has ended, so nothing is to be pending in the work directory
     * then: files are copied up as a whole, unless it says otherwise.
     */
    ENGINE
  }

  /**
   * What was read.
   *
   * @param notes a line for each option that was passed over
   */
  public record Parsed(MountOptions options, List<String> notes) {
    public Parsed {
      notes = List.copyOf(notes);
    }
  }

  private final Form form;
  private final MountOptions.Builder builder = MountOptions.builder();

  private MountOptionParser(Form form) {
    this.form = form;
    if (form == Form.ENGINE) {
      builder.partialFrom(0);
    }
  }

  /** Reads the arguments of one or several {@code -o}, in their order. */
  public static Parsed parse(Form form, List<ByteString> optionStrings)
      throws MountRefusedException {
    MountOptionParser parser = new MountOptionParser(form);
    for (ByteString options : optionStrings) {
      parser.readAll(options.toBytes());
    }
    MountOptions options = parser.builder.build();
    return new Parsed(options, parser.builder.notes());
  }

  /** A path as it is to be written in a value: the inverse of reading it. */
  public static ByteString escape(ByteString path) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(path.length() + 8);
    for (int i = 0; i < path.length(); i++) {
      byte b = path.byteAt(i);
      if (b == ',' || b == ':' || b == '\\' || (b == '"' && i == 0)) {
        out.write('\\');
      }
      out.write(b);
    }
    return ByteString.of(out.toByteArray());
  }

  private void readAll(byte[] text) throws MountRefusedException {
    int at = 0;
    while (at < text.length) {
      int end = optionEnd(text, at);
      if (end > at) {
        readOne(text, at, end);
      }
      at = end + 1;
    }
  }

  /** Where the option that begins at an index ends: at a comma, or at the end of the text. */
  private static int optionEnd(byte[] text, int from) {
    for (int i = from; i < text.length; i++) {
      switch (text[i]) {
        case ',' -> {
          return i;
        }
        case '\\' -> i++;
        case '=' -> {
          int quote = closingQuote(text, i + 1);
          return quote >= 0 ? quote + 1 : valueEnd(text, i + 1);
        }
        default -> {}
      }
    }
    return text.length;
  }

  private static int valueEnd(byte[] text, int from) {
    for (int i = from; i < text.length; i++) {
      if (text[i] == '\\') {
        i++;
      } else if (text[i] == ',') {
        return i;
      }
    }
    return text.length;
  }

  /** Where a value in quotes that begins at an index has its second quote; −1 if it is no such. */
  private static int closingQuote(byte[] text, int from) {
    if (from >= text.length || text[from] != '"') {
      return -1;
    }
    for (int i = from + 1; i < text.length; i++) {
      if (text[i] == '\\') {
        i++;
      } else if (text[i] == '"' && (i + 1 == text.length || text[i + 1] == ',')) {
        return i;
      }
    }
    return -1;
  }

  private void readOne(byte[] text, int from, int end) throws MountRefusedException {
    int equals = from;
    while (equals < end && text[equals] != '=') {
      equals++;
    }
    byte[] name = Arrays.copyOfRange(text, from, equals);
    String word = new String(name, StandardCharsets.ISO_8859_1);
    byte @Nullable [] value = null;
    if (equals < end) {
      boolean quoted = closingQuote(text, equals + 1) == end - 1;
      value = Arrays.copyOfRange(text, equals + (quoted ? 2 : 1), quoted ? end - 1 : end);
    }
    MountOption option = MountOption.find(word);
    if (option != null) {
      take(option, value);
    } else if (!word.startsWith("x-") && !word.startsWith("X-")) {
      ByteString shown = ByteString.of(name);
      if (form == Form.STRICT) {
        throw refused("unknown option " + shown + ": samepage mount --help lists all options");
      }
      builder.note("unknown option " + shown + " is ignored");
    }
  }

  private void take(MountOption option, byte @Nullable [] value) throws MountRefusedException {
    switch (option.group()) {
      case FSTAB -> {}
      case REFUSED -> throw refused(option.word() + " is not supported: " + option.meaning());
      case IGNORED -> builder.note(option.word() + " is ignored: " + option.meaning());
      case GENERIC -> {
        requireNoValue(option, value);
        builder.mountFlags(option.flagsCleared(), option.flagsSet());
      }
      case OFF_ONLY -> {
        String text = value == null ? "on" : plain(option, value);
        if (form != Form.STRICT && option.isLabel() && !hasSelinux()) {
          builder.note(option.word() + " is ignored: this host has no SELinux");
        } else if (!text.isEmpty() && !option.lists(text)) {
          throw refused(
              option.word()
                  + "="
                  + text
                  + " is not supported: "
                  + option.meaning()
                  + "; leave it out");
        }
      }
      case LAYERS, OVERLAY, SAMEPAGE, FUSE -> takeOwn(option, value);
    }
  }

  /** Engines pass labels on hosts where labels mean nothing, too. */
  private static boolean hasSelinux() {
    return Files.exists(Path.of("/sys/fs/selinux/enforce"));
  }

  private void takeOwn(MountOption option, byte @Nullable [] value) throws MountRefusedException {
    if (!option.takesValue()) {
      requireNoValue(option, value);
    } else if (value == null || (value.length == 0 && option != MountOption.NATIVE_DIRS)) {
      throw refused(option.word() + " needs a value: " + option.syntax());
    }
    byte[] given = value == null ? new byte[0] : value;
    switch (option) {
      case LOWERDIR -> takeLayers(option, given);
      case LOWERDIR_APPEND -> builder.addLower(unescape(option, given, 0, given.length));
      case DATADIR_APPEND -> builder.addData(unescape(option, given, 0, given.length));
      case UPPERDIR -> builder.upper(unescape(option, given, 0, given.length));
      case WORKDIR -> builder.work(unescape(option, given, 0, given.length));
      case VOLATILE -> builder.syncNothing(true);
      case USERXATTR -> builder.userXattr(true);
      case REDIRECT_DIR -> {
        switch (oneListed(option, given)) {
          case "on" -> builder.redirectDir(RedirectDir.ON);
          case "follow" -> builder.redirectDir(RedirectDir.FOLLOW);
          case "nofollow" -> builder.redirectDir(RedirectDir.NOFOLLOW);
          default -> builder.redirectDirOff();
        }
      }
      case METACOPY -> builder.metacopy(oneListed(option, given).equals("on"));
      case INDEX -> builder.index(oneListed(option, given).equals("on"));
      case XINO ->
          builder.xino(
              switch (oneListed(option, given)) {
                case "on" -> Xino.ON;
                case "off" -> Xino.OFF;
                default -> Xino.AUTO;
              });
      case COHERENCE ->
          builder.coherence(
              switch (oneListed(option, given)) {
                case "strict" -> Coherence.STRICT;
                case "relaxed" -> Coherence.RELAXED;
                default -> Coherence.AUTO;
              });
      case SHARING ->
          builder.sharing(
              switch (oneListed(option, given)) {
                case "off" -> SharingMode.OFF;
                case "page" -> SharingMode.PAGE;
                default -> SharingMode.FILE;
              });
      case PAGE_MIN -> builder.pageMin(size(option, given));
      case PAGE_LIKENESS -> builder.pageLikeness((int) number(option, given, given, 1, 100));
      case NUMA ->
          builder.numa(
              oneListed(option, given).equals("off") ? NumaPolicy.OFF : NumaPolicy.REPLICATE);
      case DOMAIN -> builder.domain(ByteString.of(given).toString());
      case METRICS -> builder.metrics(MetricsAddress.parse(plain(option, given)));
      case NATIVE_DIRS -> builder.nativeDirs(nativeDirs(given));
      case PARTIAL -> builder.partialFrom(partialFrom(plain(option, given)));
      case PASSTHROUGH ->
          builder.passthrough(
              oneListed(option, given).equals("off") ? Passthrough.OFF : Passthrough.AUTO);
      case TRANSPORT ->
          builder.transport(
              switch (oneListed(option, given)) {
                case "kernel" -> Transport.KERNEL;
                case "libfuse" -> Transport.LIBFUSE;
                default -> Transport.AUTO;
              });
      case ALLOW_OTHER -> builder.allowOther(true);
      case DEFAULT_PERMISSIONS -> {}
      case FSNAME -> builder.fsname(unescape(option, given, 0, given.length));
      case NONEMPTY -> builder.nonEmpty(true);
      default -> throw new AssertionError(option);
    }
  }

  /** Layers are separated by one colon, data-only ones are after two. */
  private void takeLayers(MountOption option, byte[] value) throws MountRefusedException {
    builder.lower(List.of());
    boolean dataOnly = false;
    for (int at = 0; at <= value.length; ) {
      int end = nameEnd(option, value, at);
      ByteString directory = unescape(option, value, at, end);
      if (dataOnly) {
        builder.addData(directory);
      } else {
        builder.addLower(directory);
      }
      boolean two = end + 1 < value.length && value[end + 1] == ':';
      if (dataOnly && !two && end < value.length) {
        throw refused(
            option.word()
                + "="
                + ByteString.of(value)
                + " has a lower layer after a data-only one: data-only layers come last, each"
                + " after ::");
      }
      dataOnly = two;
      at = end + (two ? 2 : 1);
    }
  }

  private static List<ByteString> directories(MountOption option, byte[] value)
      throws MountRefusedException {
    List<ByteString> directories = new ArrayList<>();
    for (int at = 0; at <= value.length; ) {
      int end = nameEnd(option, value, at);
      directories.add(unescape(option, value, at, end));
      at = end + 1;
    }
    return directories;
  }

  /** Where the name that begins at an index ends: at a colon, or at the end of the value. */
  private static int nameEnd(MountOption option, byte[] value, int from)
      throws MountRefusedException {
    int end = from;
    while (end < value.length && value[end] != ':') {
      end += value[end] == '\\' ? 2 : 1;
    }
    if (end == from) {
      throw refused(
          option.word()
              + "="
              + ByteString.of(value)
              + " has an empty name in it: remove the colon, or write \\: if it is part of a name");
    }
    return Math.min(end, value.length);
  }

  private static long partialFrom(String value) throws MountRefusedException {
    if (value.equals("off")) {
      return 0;
    }
    if (!value.matches("[1-9][0-9]{0,8}[KMG]?")) {
      throw refused(
          "partial="
              + value
              + " is neither off nor a size: write bytes, or a number with K, M or G after it");
    }
    int unit = "KMG".indexOf(value.charAt(value.length() - 1)) + 1;
    String number = unit == 0 ? value : value.substring(0, value.length() - 1);
    return Long.parseLong(number) << (10 * unit);
  }

  private static List<ByteString> nativeDirs(byte[] value) throws MountRefusedException {
    if (value.length == 0) {
      return List.of();
    }
    List<ByteString> directories = directories(MountOption.NATIVE_DIRS, value);
    for (ByteString directory : directories) {
      if (directory.byteAt(0) != '/') {
        throw refused(
            "native_dirs="
                + directory
                + " is not a path from the root of the mount: begin it with a slash");
      }
    }
    return directories;
  }

  /** A number of bytes of at most 1 EiB, with K, M or G for powers of 1024. */
  private static long size(MountOption option, byte[] value) throws MountRefusedException {
    int last = value[value.length - 1];
    int power = last == 'K' ? 1 : last == 'M' ? 2 : last == 'G' ? 3 : 0;
    byte[] digits = power == 0 ? value : Arrays.copyOf(value, value.length - 1);
    return number(option, value, digits, 1, (1L << 60) >> (10 * power)) << (10 * power);
  }

  /**
   * A number.
   *
   * @param digits the part of {@code value} that it is in
   */
  private static long number(MountOption option, byte[] value, byte[] digits, long least, long most)
      throws MountRefusedException {
    String text = plain(option, digits);
    try {
      long number = text.startsWith("+") ? -1 : Long.parseLong(text);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // As wrong as one that is out of range.
    }
    throw refused(
        option.word()
            + "="
            + ByteString.of(value)
            + " is not a number from "
            + least
            + " to "
            + most
            + ": use "
            + option.syntax());
  }

  /** Takes the backslashes out of a part of a value. */
  private static ByteString unescape(MountOption option, byte[] value, int from, int end)
      throws MountRefusedException {
    ByteArrayOutputStream out = new ByteArrayOutputStream(end - from);
    for (int i = from; i < end; i++) {
      if (value[i] == '\\') {
        i++;
        if (i >= end) {
          throw refused(
              option.word()
                  + "="
                  + ByteString.of(value)
                  + " ends in the middle of an escape: write \\\\ for a backslash");
        }
      }
      if (value[i] == 0) {
        throw refused(option.word() + " has a NUL byte in its value: take it out");
      }
      out.write(value[i]);
    }
    return ByteString.of(out.toByteArray());
  }

  /** A value that is a plain word, for comparison and for messages. */
  private static String plain(MountOption option, byte[] value) throws MountRefusedException {
    return unescape(option, value, 0, value.length).toString();
  }

  private static String oneListed(MountOption option, byte[] value) throws MountRefusedException {
    String text = plain(option, value);
    if (!option.lists(text)) {
      throw refused(option.word() + "=" + text + " is unknown: use " + option.syntax());
    }
    return text;
  }

  private static void requireNoValue(MountOption option, byte @Nullable [] value)
      throws MountRefusedException {
    if (value != null) {
      throw refused(option.word() + " takes no value: write it without =" + ByteString.of(value));
    }
  }

  private static MountRefusedException refused(String message) {
    return new MountRefusedException(Reason.OPTIONS, message);
  }
}
