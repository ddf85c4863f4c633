package io.samepage.overlay.options;

import io.samepage.overlay.options.MountRefusedException.Reason;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where metrics are served: at a socket in the file system, or at a port that only this host
 * reaches.
 *
 * @param path absolute; null for a port
 * @param host a loopback address in digits; empty for a path
 * @param port 0 for a path
 */
public record MetricsAddress(@Nullable String path, String host, int port) {
  private static final String UNIX = "unix:";

  /** As long as the kernel takes (unix(7)), less the NUL and what a name in the making needs. */
  private static final int MAX_PATH = 96;

  private static final String REMEDY =
      ": write unix:PATH, 127.0.0.1:PORT or [::1]:PORT, since other hosts have no business there;"
          + " what forwards it to them can also ask who they are";

  static MetricsAddress parse(String text) throws MountRefusedException {
    if (text.startsWith(UNIX)) {
      String path = text.substring(UNIX.length());
      if (!path.startsWith("/") || path.endsWith("/") || path.length() > MAX_PATH) {
        throw refused(
            text,
            " needs the full path of a file, of at most "
                + MAX_PATH
                + " bytes: write unix:/run/samepage/NAME.metrics");
      }
      if (!path.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
        throw refused(text, " has other characters in it than printable ASCII: choose another");
      }
      return new MetricsAddress(path, "", 0);
    }
    int colon = text.lastIndexOf(':');
    String host = colon < 0 ? "" : text.substring(0, colon).toLowerCase(Locale.ROOT);
    if (!host.equals("127.0.0.1") && !host.equals("[::1]")) {
      throw refused(text, " is no loopback address" + REMEDY);
    }
    String digits = text.substring(colon + 1);
    int port = digits.matches("[0-9]{1,5}") ? Integer.parseInt(digits) : 0;
    if (port == 0 || port > 0xffff) {
      throw refused(text, " has no port from 1 to 65535" + REMEDY);
    }
    return new MetricsAddress(null, host, port);
  }

  private static MountRefusedException refused(String text, String why) {
    return new MountRefusedException(Reason.OPTIONS, "metrics=" + text + why);
  }

  /** As it is written in the option. */
  @Override
  public String toString() {
    return path != null ? UNIX + path : host + ":" + port;
  }
}
