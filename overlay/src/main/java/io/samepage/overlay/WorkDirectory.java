package io.samepage.overlay;

import io.samepage.posix.Credentials;
import io.samepage.posix.Directories;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The work directory's {@code work}, where changes are made complete before they are renamed into
 * the upper directory. It holds nothing that outlives a mount: what a crash left is removed when it
 * is opened. Names are as the kernel's overlayfs gives them (a number sign and hexadecimal digits).
 * Thread-safe.
 */
final class WorkDirectory implements AutoCloseable {
  private static final byte[] WORK = Names.ascii("work");
  private static final byte[] INCOMPAT = Names.ascii("incompat");
  private static final int DIRECTORY = Linux.O_RDONLY | Linux.O_DIRECTORY | Linux.O_NOFOLLOW;

  private final Fd directory;
  private final AtomicLong counter = new AtomicLong();
  private final Object whiteoutLock = new Object();
  private byte[] whiteout = Names.EMPTY;

  private WorkDirectory(Fd directory) {
    this.directory = directory;
  }

  /**
   * Opens it, makes it if need be, and empties it.
   *
   * @param workdir the directory that the user named, on the upper directory's file system
   */
  static WorkDirectory open(int workdir) throws ErrnoException {
    Fd directory = openOrMake(workdir, WORK);
    try {
      for (Entry entry : list(directory.number())) {
        if (!java.util.Arrays.equals(entry.name, INCOMPAT)) {
          removeTree(directory.number(), entry.name, entry.type);
        }
      }
      return new WorkDirectory(directory);
    } catch (ErrnoException e) {
      directory.close();
      throw e;
    }
  }

  /** Opens a directory beside {@code work} for the index of hard links, making it if need be. */
  static Fd openIndex(int workdir) throws ErrnoException {
    return openOrMake(workdir, Names.ascii("index"));
  }

  /**
   * For nobody but who may go anywhere, as the kernel has it; for its owner where that is not us.
   */
  private static Fd openOrMake(int workdir, byte[] name) throws ErrnoException {
    boolean goesAnywhere = Credentials.effectiveUid() == 0;
    try {
      Files.mkdir(workdir, name, goesAnywhere ? 0 : 0700);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EEXIST) {
        throw e;
      }
    }
    return new Fd(Files.open(workdir, name, DIRECTORY, 0));
  }

  int fd() {
    return directory.number();
  }

  /** A name that is free. */
  byte[] temporaryName() {
    return Names.ascii("#" + Long.toHexString(counter.incrementAndGet()));
  }

  /** Makes a whiteout where nothing is; EEXIST otherwise. */
  void placeWhiteout(int dirfd, byte[] name) throws ErrnoException {
    // A link to one shared whiteout costs no inode; the kernel's overlayfs does the same.
    synchronized (whiteoutLock) {
      if (whiteout.length > 0) {
        try {
          Files.link(fd(), whiteout, dirfd, name);
          return;
        } catch (ErrnoException e) {
          if (e.errno() == Errno.EEXIST || e.errno() == Errno.ENOSPC) {
            throw e;
          }
          // EMLINK: it has as many names as the file system allows; EPERM: no hard links here.
          discard(whiteout);
          whiteout = Names.EMPTY;
        }
      }
      byte[] fresh = temporaryName();
      Files.mknod(fd(), fresh, Linux.S_IFCHR, 0);
      try {
        Files.link(fd(), fresh, dirfd, name);
        whiteout = fresh;
      } catch (ErrnoException e) {
        Files.unlink(fd(), fresh);
        if (e.errno() == Errno.EEXIST || e.errno() == Errno.ENOSPC) {
          throw e;
        }
        Files.mknod(dirfd, name, Linux.S_IFCHR, 0);
      }
    }
  }

  /** Puts a whiteout in the place of a file that is not a directory, in one step. */
  void replaceByWhiteout(int dirfd, byte[] name) throws ErrnoException {
    byte[] temporary = temporaryName();
    placeWhiteout(fd(), temporary);
    try {
      Files.rename(fd(), temporary, dirfd, name, 0);
    } catch (ErrnoException e) {
      discard(temporary);
      throw e;
    }
  }

  /** Puts a whiteout in the place of a directory, in one step, and removes that. */
  void replaceDirectoryByWhiteout(int dirfd, byte[] name) throws ErrnoException {
    byte[] temporary = temporaryName();
    placeWhiteout(fd(), temporary);
    try {
      Files.rename(fd(), temporary, dirfd, name, Linux.RENAME_EXCHANGE);
    } catch (ErrnoException e) {
      discard(temporary);
      throw e;
    }
    discard(temporary); // the directory is gone for everybody already
  }

  /** Removes what was being prepared, as after a failure; never fails itself. */
  void discard(byte[] temporary) {
    try {
      removeTree(fd(), temporary, Linux.DT_UNKNOWN);
    } catch (ErrnoException e) {
      // What stays here is removed at the next mount.
    }
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Entry(byte[] name, int type) {}

  private static List<Entry> list(int fd) throws ErrnoException {
    List<Entry> entries = new ArrayList<>();
    Directories.list(fd, (name, ino, type) -> entries.add(new Entry(name, type)));
    return entries;
  }

  /** Removes a file, or a directory with all that is in it. */
  static void removeTree(int dirfd, byte[] name, int type) throws ErrnoException {
    if (type != Linux.DT_DIR) {
      try {
        Files.unlink(dirfd, name);
        return;
      } catch (ErrnoException e) {
        if (e.errno() == Errno.ENOENT) {
          return;
        }
        if (e.errno() != Errno.EISDIR && e.errno() != Errno.EPERM) {
          throw e;
        }
      }
    }
    try {
      Files.rmdir(dirfd, name);
      return;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT) {
        return;
      }
      if (e.errno() == Errno.ENOTDIR && type != Linux.DT_DIR) {
        throw ErrnoException.of(Errno.EPERM); // a file that may not be removed
      }
      if (e.errno() != Errno.ENOTEMPTY && e.errno() != Errno.EEXIST) {
        throw e;
      }
    }
    try (Fd directory = new Fd(Files.open(dirfd, name, DIRECTORY, 0))) {
      for (Entry entry : list(directory.number())) {
        removeTree(directory.number(), entry.name, entry.type);
      }
    }
    Files.rmdir(dirfd, name);
  }

  @Override
  public void close() {
    if (whiteout.length > 0) {
      discard(whiteout);
    }
    directory.close();
  }
}
