package io.samepage.overlay;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The index of the kernel's overlayfs (fs/overlayfs/namei.c, ovl_get_index_name; inode.c,
 * ovl_get_nlink): in the work directory, one further name of each upper file that was copied from a
 * lower file with several names. It is named after the lower file's handle, so that the other names
 * of the lower file find the same upper file, in this mount and in later ones.
 *
 * <p>How many names such a file has in the overlay is kept in {@code overlay.nlink}, relative to
 * the number that the upper file (U) or the lower file (L) itself has, so that it stays true when
 * the name and the number change in one step.
 */
final class HardLinkIndex implements AutoCloseable {
  private final Fd directory;
  private final OverlayXattrs xattrs;

  /** Takes over a descriptor of the index directory. */
  HardLinkIndex(Fd directory, OverlayXattrs xattrs) {
    this.directory = directory;
    this.xattrs = xattrs;
  }

  /** The name of a file's entry, as the kernel's overlayfs gives it. */
  static byte[] entryName(byte[] origin) {
    StringBuilder hex = new StringBuilder(origin.length * 2);
    for (byte b : origin) {
      hex.append(Character.forDigit((b >> 4) & 15, 16)).append(Character.forDigit(b & 15, 16));
    }
    return hex.toString().getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * The upper file of a lower one, as an O_PATH descriptor; null if none was copied up.
   *
   * @param origin as {@link Origin#encode} gives it
   */
  @Nullable Fd open(byte[] origin) throws ErrnoException {
    if (origin.length == 0) {
      return null;
    }
    int fd =
        Files.tryOpen(directory.number(), entryName(origin), Linux.O_PATH | Linux.O_NOFOLLOW, 0);
    if (fd == -Errno.ENOENT) {
      return null;
    }
    if (fd < 0) {
      throw ErrnoException.of(-fd);
    }
    return new Fd(fd);
  }

  /** Moves a file that was prepared in the work directory into the index. */
  void enter(byte[] origin, int workFd, byte[] temporary) throws ErrnoException {
    Files.rename(workFd, temporary, directory.number(), entryName(origin), Linux.RENAME_NOREPLACE);
  }

  /** Takes an entry out, as when the last name of its file has gone. */
  void remove(byte[] origin) throws ErrnoException {
    Files.unlink(directory.number(), entryName(origin));
  }

  /** Notes how many names a file has in the overlay, relative to its upper file's own number. */
  void storeNlink(int upperFd, int overlayNlink, int upperNlink) throws ErrnoException {
    store(upperFd, 'U', overlayNlink - upperNlink);
  }

  private void store(int upperFd, char base, int difference) throws ErrnoException {
    String value = base + (difference >= 0 ? "+" : "") + difference;
    Xattrs.set(upperFd, Names.EMPTY, xattrs.nlink, value.getBytes(StandardCharsets.US_ASCII), 0);
  }

  /**
   * How many names a file has in the overlay.
   *
   * @param upper what the upper file says of itself
   * @param lowerNlink the lower file's own number, if the caller has it; else 0
   */
  int nlink(int upperFd, Stat upper, int lowerNlink) throws ErrnoException {
    byte[] value = Xattrs.find(upperFd, Names.EMPTY, xattrs.nlink);
    return value == null ? upper.nlink : nlink(value, upper.nlink, lowerNlink);
  }

  /** Reads overlay.nlink as the kernel does; what it would not take counts for nothing. */
  static int nlink(byte[] value, int upperNlink, int lowerNlink) {
    int length = value.length;
    if (length > 0 && (value[length - 1] == '\n' || value[length - 1] == 0)) {
      length--;
    }
    if (length < 3
        || (value[0] != 'U' && value[0] != 'L')
        || (value[1] != '+' && value[1] != '-')) {
      return upperNlink;
    }
    int base = value[0] == 'U' ? upperNlink : lowerNlink;
    try {
      String difference = new String(value, 1, length - 1, StandardCharsets.ISO_8859_1);
      long nlink = (long) base + Integer.parseInt(difference);
      return base > 0 && nlink > 0 && nlink <= Integer.MAX_VALUE ? (int) nlink : upperNlink;
    } catch (NumberFormatException e) {
      return upperNlink;
    }
  }

  @Override
  public void close() {
    directory.close();
  }
}
