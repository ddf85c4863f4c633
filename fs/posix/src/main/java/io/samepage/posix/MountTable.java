package io.samepage.posix;

import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The mounts that this process sees, in the order in which they were made (proc_pid_mountinfo(5)).
 */
public final class MountTable {
  /**
   * One mount.
   *
   * @param device major and minor number of the file system, as in {@code 0:53}
   * @param root which directory of the file system the mount shows
   * @param options the file system's own options, as it lists them
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Mount(
      long id,
      String device,
      byte[] root,
      byte[] mountPoint,
      String type,
      byte[] source,
      byte[] options) {
    /** Whether the mount is on a directory. */
    public boolean isOn(byte[] directory) {
      return Arrays.equals(mountPoint, directory);
    }
  }

  private final List<Mount> mounts;

  private MountTable(List<Mount> mounts) {
    this.mounts = List.copyOf(mounts);
  }

  /** The table as it is now. */
  public static MountTable read() throws ErrnoException {
    try (InputStream in = new FileInputStream("/proc/self/mountinfo")) {
      return parse(in.readAllBytes());
    } catch (IOException e) {
      throw ErrnoException.of(Errno.EIO, "/proc/self/mountinfo");
    }
  }

  static MountTable parse(byte[] text) {
    List<Mount> mounts = new ArrayList<>();
    int at = 0;
    while (at < text.length) {
      int end = indexOf(text, '\n', at, text.length);
      Mount mount = parseLine(text, at, end);
      if (mount != null) {
        mounts.add(mount);
      }
      at = end + 1;
    }
    return new MountTable(mounts);
  }

  /** ID parent device root mountpoint options optional-fields... - type source options. */
  private static @Nullable Mount parseLine(byte[] text, int from, int end) {
    int[] starts = new int[64];
    int fields = 0;
    int dash = -1;
    for (int at = from; at < end && fields < starts.length; fields++) {
      starts[fields] = at;
      int next = indexOf(text, ' ', at, end);
      if (dash < 0 && fields >= 6 && next == at + 1 && text[at] == '-') {
        dash = fields;
      }
      at = next + 1;
    }
    if (dash < 0 || fields < dash + 4) {
      return null;
    }
    try {
      return new Mount(
          Long.parseLong(string(text, starts[0], end)),
          string(text, starts[2], end),
          field(text, starts[3], end),
          field(text, starts[4], end),
          string(text, starts[dash + 1], end),
          field(text, starts[dash + 2], end),
          field(text, starts[dash + 3], end));
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static String string(byte[] text, int from, int end) {
    int to = indexOf(text, ' ', from, end);
    return new String(text, from, to - from, StandardCharsets.ISO_8859_1);
  }

  /**
   * A field, in which the kernel writes space, tab, line feed and backslash as three octal digits.
   */
  private static byte[] field(byte[] text, int from, int end) {
    int to = indexOf(text, ' ', from, end);
    ByteArrayOutputStream out = new ByteArrayOutputStream(to - from);
    for (int i = from; i < to; i++) {
      if (text[i] == '\\' && isOctal(text, i + 1, to)) {
        out.write((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
        i += 3;
      } else {
        out.write(text[i]);
      }
    }
    return out.toByteArray();
  }

  private static boolean isOctal(byte[] text, int from, int end) {
    if (from + 3 > end) {
      return false;
    }
    for (int i = from; i < from + 3; i++) {
      if (text[i] < '0' || text[i] > '7') {
        return false;
      }
    }
    return true;
  }

  private static int indexOf(byte[] text, char what, int from, int end) {
    for (int i = from; i < end; i++) {
      if (text[i] == what) {
        return i;
      }
    }
    return end;
  }

  /** All mounts, earlier ones first. */
  public List<Mount> mounts() {
    return mounts;
  }

  /** The mount with an ID ({@link Stat#mountId}); null for one that is not seen from here. */
  public @Nullable Mount byId(long id) {
    for (Mount mount : mounts) {
      if (mount.id() == id) {
        return mount;
      }
    }
    return null;
  }

  /** The topmost mount on a directory, which is given by its full path without symbolic links. */
  public @Nullable Mount on(byte[] directory) {
    for (int i = mounts.size() - 1; i >= 0; i--) {
      if (mounts.get(i).isOn(directory)) {
        return mounts.get(i);
      }
    }
    return null;
  }
}
