package io.samepage.overlay;

import io.samepage.posix.Directories;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.StatFs;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The directory {@code partial} beside {@code work}, which holds what outlives a mount: for each
 * file that is copied up in part {@code N.data} and {@code N.map}, and {@link PartialLayers}. The
 * kernel's overlayfs knows nothing of it. It is made when it is first needed. Thread-safe.
 */
final class PartialDirectory implements AutoCloseable {
  /** How the names of files with broken pages end, after a number. */
  static final String DATA = ".data";

  /** How the names of the files end that say which pages these are, after the same number. */
  static final String MAP = ".map";

  private static final byte[] NAME = Names.ascii("partial");
  private static final int DIRECTORY = Linux.O_RDONLY | Linux.O_DIRECTORY | Linux.O_NOFOLLOW;

  /**
   * File systems whose pages have blocks once they have come to the disk and not before, which is
   * what is believed after a loss of power: ext2/3/4, xfs, btrfs, f2fs, tmpfs.
   */
  private static final Set<Long> SUITABLE =
      Set.of(0xef53L, 0x58465342L, 0x9123683eL, 0xf2f52010L, StatFs.TMPFS_MAGIC);

  private final Fd workdir;
  private final boolean suitable;
  private volatile @Nullable Fd directory;
  private long last;

  /** Whether it has a name that survives a loss of power. Guarded by the monitor. */
  private boolean durable;

  private PartialDirectory(Fd workdir, boolean suitable) {
    this.workdir = workdir;
    this.suitable = suitable;
  }

  /**
   * Opens it, if it is there.
   *
   * @param workdir the directory that the user named; stays the caller's
   */
  static PartialDirectory open(int workdir) throws ErrnoException {
    StatFs statfs = new StatFs();
    Files.statfs(workdir, statfs);
    boolean suitable = SUITABLE.contains(statfs.type & 0xffffffffL);
    PartialDirectory opened = new PartialDirectory(new Fd(Files.dup(workdir)), suitable);
    int fd = Files.tryOpen(workdir, NAME, DIRECTORY, 0);
    if (fd >= 0) {
      opened.directory = new Fd(fd);
    } else if (fd != -Errno.ENOENT) {
      opened.close();
      throw ErrnoException.of(-fd);
    }
    return opened;
  }

  /** Whether the file system here is one on which files can be copied up in part. */
  boolean isSuitable() {
    return suitable;
  }

  /** Whether it is there. */
  boolean exists() {
    return directory != null;
  }

  /** A descriptor of it; made if it is not there. */
  synchronized int fd() throws ErrnoException {
    Fd there = directory;
    if (there == null) {
      try {
        Files.mkdir(workdir.number(), NAME, 0700);
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EEXIST) {
          throw e;
        }
      }
      there = new Fd(Files.open(workdir.number(), NAME, DIRECTORY, 0));
      directory = there;
    }
    return there.number();
  }

  /** Writes a file anew, in one step. */
  synchronized void replace(byte[] name, byte[] content) throws ErrnoException {
    byte[] fresh = Names.ascii(new String(name, StandardCharsets.US_ASCII) + ".new");
    int flags = Linux.O_WRONLY | Linux.O_CREAT | Linux.O_TRUNC | Linux.O_NOFOLLOW;
    NativeBuffer buffer = NativeBuffer.allocate(content.length);
    buffer.bytes().duplicate().put(content);
    try (Fd file = new Fd(Files.open(fd(), fresh, flags, 0600))) {
      int done = 0;
      while (done < content.length) {
        done += Files.pwrite(file.number(), buffer.address() + done, content.length - done, done);
      }
    } finally {
      Reference.reachabilityFence(buffer);
    }
    Files.rename(fd(), fresh, fd(), name, 0);
    durable = false;
  }

  /** Makes durable the names that are in it, which of a file's data are already. */
  synchronized void sync() throws ErrnoException {
    if (!durable) {
      int layers = Files.tryOpen(fd(), PartialLayers.NAME, Linux.O_RDONLY | Linux.O_NOFOLLOW, 0);
      if (layers >= 0) {
        try (Fd file = new Fd(layers)) {
          Files.fsync(file.number());
        }
      }
      Files.fsync(workdir.number());
      durable = true;
    }
    Files.fsync(fd());
  }

  /** The names in it; none if it is not there. */
  synchronized Set<String> names() throws ErrnoException {
    Set<String> names = new TreeSet<>();
    if (directory != null) {
      try (Fd fresh = new Fd(Files.open(fd(), Names.SELF, DIRECTORY, 0))) { // from its beginning
        Directories.list(
            fresh.number(),
            (name, ino, type) -> names.add(new String(name, StandardCharsets.ISO_8859_1)));
      }
      for (String name : names) {
        try {
          last = Math.max(last, Long.parseLong(name.split("\\.", 2)[0], 16));
        } catch (NumberFormatException e) {
          // None of ours.
        }
      }
    }
    return names;
  }

  /** A number for a pair of files that is free. */
  synchronized String freeNumber() {
    return Long.toHexString(++last);
  }

  static byte[] dataName(String number) {
    return Names.ascii(number + DATA);
  }

  static byte[] mapName(String number) {
    return Names.ascii(number + MAP);
  }

  @Override
  public void close() {
    Fd there = directory;
    if (there != null) {
      there.close();
    }
    workdir.close();
  }
}
