package io.samepage.overlay;

import io.samepage.fuse.Request;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.OpenFile.Mode;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import org.jspecify.annotations.Nullable;

/** Changes of the size of files in the upper layer. Callers hold the tree lock. */
final class Truncation {
  private final LayerAccess access;
  private final NodeLocks nodeLocks;
  private final Successors successors;

  Truncation(Overlay overlay) {
    access = overlay.access;
    nodeLocks = overlay.nodeLocks;
    successors = overlay.successors;
  }

  /**
   * Changes a file's size such that it reaches who opens it from now on: ESTALE if its nodeid
   * cannot have that.
   *
   * <p>The caller holds no lock of a node.
   *
   * @param size in bytes
   * @param byPath whether it is truncate(2), which differs in what it does to the times, and not
   *     ftruncate(2)
   * @param dropSetIdsFor on whose behalf set-user-ID and set-group-ID bits go; null if they stay
   */
  void truncate(Node node, long size, boolean byPath, @Nullable Request dropSetIdsFor)
      throws ErrnoException {
    synchronized (nodeLocks.of(node)) {
      if (node.isSuperseded()) {
        throw ErrnoException.of(Errno.ESTALE); // this moment, and not a second time
      }
      OpenFile file = node.openFile;
      if (file != null && file.opens > 0 && file.mode.isLower()) {
        successors.supersede(node);
        throw ErrnoException.of(Errno.ESTALE);
      }
      if (byPath) {
        truncateByPath(node, size, dropSetIdsFor);
      } else {
        truncateOpen(node, file, size, dropSetIdsFor);
      }
      if (file == null || file.mode == Mode.UPPER) {
        node.setCacheStale(true);
      }
    }
  }

  private void truncateByPath(Node node, long size, @Nullable Request dropSetIdsFor)
      throws ErrnoException {
    try (Place place = access.upper(node);
        Fd fd = LayerAccess.openPath(place)) {
      Files.truncateByPath(fd.number(), size);
      dropSetIds(dropSetIdsFor, fd);
    }
  }

  /**
   * Changes a file's size as ftruncate(2) does, or open(2) with O_TRUNC.
   *
   * <p>The caller holds the lock of the node, which has an upper file and is not superseded.
   *
   * @param file how it is open, of a mode that can be written; null if it is not
   * @param size in bytes
   * @param dropSetIdsFor on whose behalf set-user-ID and set-group-ID bits go; null if they stay
   */
  void truncateOpen(Node node, @Nullable OpenFile file, long size, @Nullable Request dropSetIdsFor)
      throws ErrnoException {
    if (file != null && file.upper != null && file.upperWritable) {
      Files.truncate(file.upper.number(), size);
      dropSetIds(dropSetIdsFor, file.upper);
      return;
    }
    try (Place place = access.upper(node);
        Fd fd = LayerAccess.open(place, Linux.O_WRONLY | Linux.O_NONBLOCK)) {
      Files.truncate(fd.number(), size);
      dropSetIds(dropSetIdsFor, fd);
    }
  }

  private static void dropSetIds(@Nullable Request request, Fd fd) throws ErrnoException {
    if (request != null) {
      Privileges.dropSetIds(request, fd.number());
    }
  }
}
