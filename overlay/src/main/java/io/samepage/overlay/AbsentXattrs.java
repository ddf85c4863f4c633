package io.samepage.overlay;

import io.samepage.posix.Errno;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * What the file system of a layer answers when a file has not got the attribute that is asked for:
 * ENODATA, or EOPNOTSUPP where it knows none of the kind. It is learned for those that the kernel
 * asks every file for when it is written or its mode changes, and ls(1) when it lists it, so that
 * files that are known to be {@linkplain Node#isBare bare} are answered without a system call.
 */
final class AbsentXattrs {
  /** Of {@link #kind}: any other attribute. */
  static final int OTHER = -1;

  private static final byte[][] ASKED = {
    Names.ascii("security.capability"),
    Names.ascii("security.selinux"),
    Names.ascii("system.posix_acl_access"),
    Names.ascii("system.posix_acl_default")
  };

  private final AtomicIntegerArray errnos = new AtomicIntegerArray(ASKED.length);

  /** Which of the attributes it is that are learned, or {@link #OTHER}. */
  static int kind(byte[] name) {
    for (int kind = 0; kind < ASKED.length; kind++) {
      if (Arrays.equals(ASKED[kind], name)) {
        return kind;
      }
    }
    return OTHER;
  }

  /** The errno for files that have none of a kind; 0 as long as it is not known. */
  int errno(int kind) {
    return errnos.get(kind);
  }

  /** Notes the errno that a bare file gave; others than the two say nothing of the next file. */
  void note(int kind, int errno) {
    if (errno == Errno.ENODATA || errno == Errno.EOPNOTSUPP) {
      errnos.set(kind, errno);
    }
  }
}
