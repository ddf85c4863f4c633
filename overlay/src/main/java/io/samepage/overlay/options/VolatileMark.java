package io.samepage.overlay.options;

import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Directories;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What a volatile mount leaves behind in its work directory, as the kernel's overlayfs does: {@code
 * work/incompat/volatile/dirty}. Nothing was synced, so whether the upper directory is whole is
 * known only to those who know that the host has not crashed since. Any directory in {@code
 * work/incompat} that is not empty stands for a feature that forbids a mount.
 */
public final class VolatileMark {
  private static final byte[] WORK = ascii("work");
  private static final byte[] INCOMPAT = ascii("incompat");
  private static final byte[] VOLATILE = ascii("volatile");
  private static final byte[] DIRTY = ascii("dirty");
  private static final byte[] INCOMPAT_PATH = ascii("work/incompat");
  private static final int DIRECTORY = Linux.O_RDONLY | Linux.O_DIRECTORY | Linux.O_NOFOLLOW;

  private VolatileMark() {}

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** Refuses a work directory that bears a mark. */
  static void check(HostDirectory work) throws MountRefusedException {
    try (Fd incompat = openIncompat(work.fd())) {
      for (byte[] feature : list(incompat.number())) {
        if (hasEntries(incompat.number(), feature)) {
          throw refused(work, ByteString.of(feature));
        }
      }
    } catch (ErrnoException e) {
      // None there is what is expected, and none that can be read is none of a volatile mount's.
    }
  }

  private static Fd openIncompat(int work) throws ErrnoException {
    return new Fd(
        Files.openBeneath(
            work, INCOMPAT_PATH, DIRECTORY, Linux.RESOLVE_BENEATH | Linux.RESOLVE_NO_SYMLINKS));
  }

  private static List<byte[]> list(int directory) throws ErrnoException {
    List<byte[]> names = new ArrayList<>();
    Directories.list(directory, (name, ino, type) -> names.add(name));
    return names;
  }

  private static boolean hasEntries(int parent, byte[] name) throws ErrnoException {
    int fd = Files.tryOpen(parent, name, DIRECTORY, 0);
    if (fd < 0) {
      return false;
    }
    try (Fd directory = new Fd(fd)) {
      return !list(directory.number()).isEmpty();
    }
  }

  private static MountRefusedException refused(HostDirectory work, ByteString feature) {
    String mark = work.path() + "/work/incompat/" + feature;
    if (feature.equals(ByteString.of(VOLATILE))) {
      return new MountRefusedException(
          Reason.IN_USE,
          work.name()
              + " is left over from a volatile mount: remove it and the upperdir, or, if the host"
              + " has not crashed since, rm -r "
              + mark);
    }
    return new MountRefusedException(
        Reason.IN_USE,
        work.name()
            + " bears the mark of a feature that is not supported ("
            + mark
            + "): use another workdir and upperdir");
  }

  /**
   * Sets the mark. {@code work} in the work directory is there, and has been cleaned.
   *
   * @param work a descriptor of the work directory
   */
  public static void set(int work) throws ErrnoException {
    try (Fd inner = directoryIn(work, WORK);
        Fd incompat = directoryIn(inner.number(), INCOMPAT);
        Fd mark = directoryIn(incompat.number(), VOLATILE)) {
      Files.close(
          Files.open(
              mark.number(), DIRTY, Linux.O_WRONLY | Linux.O_CREAT | Linux.O_NOFOLLOW, 0600));
    }
  }

  private static Fd directoryIn(int parent, byte[] name) throws ErrnoException {
    try {
      Files.mkdir(parent, name, 0700);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EEXIST) {
        throw e;
      }
    }
    return new Fd(Files.open(parent, name, Linux.O_PATH | Linux.O_DIRECTORY, 0));
  }

  /** Takes the mark back, for a mount that did not come about. */
  public static void clear(int work) {
    try (Fd incompat = openIncompat(work)) {
      try (Fd mark = new Fd(Files.open(incompat.number(), VOLATILE, DIRECTORY, 0))) {
        Files.unlink(mark.number(), DIRTY);
      }
      Files.rmdir(incompat.number(), VOLATILE);
    } catch (ErrnoException e) {
      // Then it stays, and the next mount says so.
    }
  }
}
