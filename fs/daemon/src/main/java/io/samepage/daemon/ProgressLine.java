package io.samepage.daemon;

import java.io.PrintStream;
import java.util.Locale;

/**
 * How far a long command is, on stderr: one line that is written over, where that is a terminal;
 * elsewhere plain lines, now and then.
 */
final class ProgressLine implements AutoCloseable {
  /** How far it is. */
  record State(long files, long filesAll, long bytes, long bytesAll) {}

  /** Tells how far it is; called by a thread of its own. */
  @FunctionalInterface
  interface Source {
    State now();
  }

  private static final long TERMINAL_MILLIS = 200;
  private static final long PLAIN_MILLIS = 10_000;
  private static final int BAR = 24;
  private static final int KIB = 1024;

  private final Source source;
  private final PrintStream err = Caller.err();
  private final boolean terminal = isTerminal();
  private final long start = System.nanoTime();
  private final Thread thread;
  private volatile boolean closed;

  ProgressLine(Source source) {
    this.source = source;
    this.thread = new Thread(this::run, "progress");
    thread.setDaemon(true);
    thread.start();
  }

  private static boolean isTerminal() {
    try {
      String target =
          java.nio.file.Files.readSymbolicLink(java.nio.file.Path.of("/proc/self/fd/2")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (java.io.IOException e) {
      return false;
    }
  }

  private void run() {
    try {
      while (!closed) {
        Thread.sleep(terminal ? TERMINAL_MILLIS : PLAIN_MILLIS);
        if (!closed) {
          print(source.now());
        }
      }
    } catch (InterruptedException e) {
      // close() asks for it
    }
  }

  private void print(State state) {
    double seconds = (System.nanoTime() - start) / 1e9;
    String text = text(state, seconds);
    if (terminal) {
      err.print("\r" + bar(state) + " " + text + "\u001b[K");
      err.flush();
    } else {
      err.println("samepage: " + text);
    }
  }

  static String text(State state, double seconds) {
    double rate = seconds <= 0 ? 0 : state.bytes() / seconds;
    if (state.bytesAll() == 0) {
      return String.format(Locale.ROOT, "%,d files found", state.filesAll());
    }
    String left =
        rate <= 0 ? "?" : duration((long) Math.ceil((state.bytesAll() - state.bytes()) / rate));
    return String.format(
        Locale.ROOT,
        "%,d/%,d files, %s of %s, %s/s, %s left",
        state.files(),
        state.filesAll(),
        bytes(state.bytes()),
        bytes(state.bytesAll()),
        bytes((long) rate),
        left);
  }

  private static String bar(State state) {
    int done =
        state.bytesAll() == 0 ? 0 : (int) Math.min(BAR, BAR * state.bytes() / state.bytesAll());
    return "[" + "#".repeat(done) + " ".repeat(BAR - done) + "]";
  }

  /** A number of bytes as people read it. */
  static String bytes(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = bytes;
    int unit = 0;
    while (value >= KIB && unit < units.length - 1) {
      value /= KIB;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  }

  static String duration(long seconds) {
    long hours = seconds / 3600;
    return hours > 0
        ? String.format(Locale.ROOT, "%d:%02d:%02d", hours, seconds / 60 % 60, seconds % 60)
        : String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    if (terminal) {
      err.print("\r\u001b[K");
      err.flush();
    }
  }
}
