package io.samepage.overlay;

import io.samepage.fuse.Request;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Processes;
import io.samepage.posix.Stat;

/**
 * Set-user-ID and set-group-ID bits, which a change of a file takes away unless it is made by
 * somebody with CAP_FSETID. The daemon's own changes do not, since it is privileged, so it does
 * what the kernel says is due (FUSE_HANDLE_KILLPRIV_V2), and finds out itself where the kernel does
 * not say.
 */
final class Privileges {
  private static final int CAP_FOWNER = 3;
  private static final int CAP_FSETID = 4;

  private Privileges() {}

  /** Takes the bits from an open file that somebody without the right to keep them changed. */
  static void dropSetIds(Request request, int fd) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(fd, stat);
    int left = withoutSetIds(request, stat);
    if (left != stat.mode) {
      Files.chmod(fd, left);
    }
  }

  /** Whether {@link #dropSetIds} would take anything away. */
  static boolean losesSetIds(Request request, Stat stat) {
    return withoutSetIds(request, stat) != stat.mode;
  }

  private static int withoutSetIds(Request request, Stat stat) {
    if (stat.isDirectory()) {
      return stat.mode; // there the bits are none of privilege
    }
    int left = stat.mode & ~Linux.S_ISUID;
    if ((stat.mode & Linux.S_ISGID) != 0
        && ((stat.mode & Linux.S_IXGRP) != 0 || !mayKeepSetgid(request, stat))) {
      left &= ~Linux.S_ISGID;
    }
    return left;
  }

  /** Whether somebody may do what is for the owner (inode_owner_or_capable in fs/inode.c). */
  static boolean ownsLike(Request request, Stat stat) {
    return request.uid() == stat.uid || Processes.hasCapability(request.pid(), CAP_FOWNER);
  }

  /**
   * Without group execution the bit is not one of privilege, and the file's group may keep it
   * (setattr_should_drop_sgid in fs/attr.c).
   */
  private static boolean mayKeepSetgid(Request request, Stat stat) {
    return request.gid() == stat.gid
        || Processes.isInGroup(request.pid(), stat.gid)
        || Processes.hasCapability(request.pid(), CAP_FSETID);
  }

  /** The same after a change of which the kernel does not say whether that is due. */
  static void dropSetIdsUnlessPrivileged(Request request, int fd) throws ErrnoException {
    if (!mayKeepSetIds(request)) {
      dropSetIds(request, fd);
    }
  }

  /** Whether changes by whoever asks leave the bits alone. */
  static boolean mayKeepSetIds(Request request) {
    return Processes.hasCapability(request.pid(), CAP_FSETID);
  }
}
