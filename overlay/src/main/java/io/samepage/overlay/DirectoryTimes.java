package io.samepage.overlay;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;

/**
 * The times of a directory, which a copy-up into it is not to change. For use by one thread, which
 * holds the directory's monitor.
 */
final class DirectoryTimes {
  private final Stat stat = new Stat();

  /** The times as they are now. */
  static DirectoryTimes of(int fd) throws ErrnoException {
    DirectoryTimes times = new DirectoryTimes();
    Files.stat(fd, times.stat);
    return times;
  }

  /** Puts them back; never fails. */
  void restore(int fd) {
    try {
      Files.utimens(
          fd, Names.EMPTY, stat.atimeSeconds, stat.atimeNanos, stat.mtimeSeconds, stat.mtimeNanos);
    } catch (ErrnoException e) {
      // The copy-up itself is done and right.
    }
  }
}
