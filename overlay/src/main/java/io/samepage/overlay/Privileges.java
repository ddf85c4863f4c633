package io.samepage.overlay;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;

/**
 * Set-user-ID and set-group-ID bits, which a change of a file takes away. The daemon's own writes
 * do not, since it is privileged, so it does what the kernel says is due (FUSE_HANDLE_KILLPRIV_V2).
 */
final class Privileges {
  private Privileges() {}

  /** What is left of a mode when somebody without the right to keep them changes the file. */
  static int withoutSetIds(int mode) {
    int left = mode & ~Linux.S_ISUID;
    // Without group execution the bit means mandatory locking and stays (fs/attr.c).
    return (mode & Linux.S_IXGRP) != 0 ? left & ~Linux.S_ISGID : left;
  }

  /** Takes the bits from an open file. */
  static void dropSetIds(int fd) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(fd, stat);
    int left = withoutSetIds(stat.mode);
    if (left != stat.mode) {
      Files.chmod(fd, left);
    }
  }
}
