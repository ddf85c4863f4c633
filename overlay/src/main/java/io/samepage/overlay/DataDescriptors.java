package io.samepage.overlay;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.PagedFile;
import io.samepage.overlay.Handles.Handle;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The descriptors by which the daemon reads and writes the files of open handles; they are opened
 * when they are first asked for, and stay until the last release of their node. Thread-safe;
 * callers hold none of the locks of {@link Overlay}.
 */
final class DataDescriptors {
  private static final Logger LOG = LoggerFactory.getLogger(DataDescriptors.class);

  private final LayerAccess access;
  private final CopyUp copyUp;
  private final NodeLocks nodeLocks;
  private final Successors successors;
  private final ReentrantReadWriteLock tree;
  private final @Nullable Sharing sharing;

  /**
   * For one mount.
   *
   * @param sharing what lower files use the pages of; null if each uses its own
   */
  DataDescriptors(Overlay overlay, @Nullable Sharing sharing) {
    access = overlay.access;
    copyUp = overlay.copyUp;
    nodeLocks = overlay.nodeLocks;
    successors = overlay.successors;
    tree = overlay.tree;
    this.sharing = sharing;
  }

  /** A descriptor to read the current data of a handle's file; it stays this object's. */
  int readable(Handle handle) throws ErrnoException {
    if (sharing != null) {
      sharing.reading();
    }
    OpenFile file = handle.file();
    Node node = handle.node();
    Fd ready = successors.current(node).hasUpperData() ? file.upper : file.lower;
    if (ready != null) {
      return ready.number();
    }
    tree.readLock().lock();
    try {
      synchronized (nodeLocks.of(node)) {
        // It may have been superseded, or brought up, meanwhile.
        Node now = successors.current(node);
        if (now.hasUpperData()) {
          if (file.upper == null) {
            try (Place place = access.upper(now)) {
              file.upper = LayerAccess.open(place, Linux.O_RDONLY);
            }
          }
          return file.upper.number();
        }
        if (file.lower == null) {
          try (Place place = access.lowerData(now)) {
            file.lower = LayerAccess.open(place, Linux.O_RDONLY);
          }
          file.readPagesAlone();
        }
        return file.lower.number();
      }
    } finally {
      tree.readLock().unlock();
    }
  }

  /** What {@link #readable} is read through just now; null if not through a page map. */
  @Nullable PagedFile paged(Handle handle) {
    PagedFile paged = handle.file().paged;
    return paged == null || successors.current(handle.node()).hasUpperData() ? null : paged;
  }

  /**
   * A read of {@link #readable} has failed. If that was the stable file, the file's own copy takes
   * its place, and no open from now on will use the stable file.
   *
   * @return whether it is worth to read again
   */
  boolean recover(Handle handle, ErrnoException failure) {
    OpenFile file = handle.file();
    Node node = handle.node();
    tree.readLock().lock();
    try {
      synchronized (nodeLocks.of(node)) {
        FileKey stable = file.pages();
        Fd lower = file.lower;
        if (sharing == null || stable == null || file.stable == null || lower == null) {
          return false;
        }
        if (file.leftStable || successors.current(node).hasUpperData()) {
          return true; // another thread was faster
        }
        try (Place place = access.lowerData(node);
            Fd own = LayerAccess.open(place, Linux.O_RDONLY)) {
          // Others may be reading through it: its number gets the other file.
          Files.dup2(own.number(), lower.number());
        }
        file.readPagesAlone();
        file.leftStable = true;
        LOG.warn(
            "inode {} of a layer stands for others and cannot be read ({}); they use their own"
                + " copies from now on. See what the kernel says about its disk (dmesg)",
            stable.ino(),
            failure.getMessage());
        sharing.discard(stable);
        return true;
      }
    } catch (ErrnoException e) {
      return false; // there is no other copy: the failure stands
    } finally {
      tree.readLock().unlock();
    }
  }

  /**
   * A descriptor to write a handle's file, which is copied up whole if it has not been; it stays
   * this object's. EBADF if the handle cannot write.
   */
  int writable(Handle handle) throws ErrnoException {
    OpenFile file = handle.file();
    Node node = handle.node();
    if (file.upper != null && file.upperWritable) {
      return file.upper.number();
    }
    Node now = successors.current(node);
    if (!now.hasUpperData()) {
      if (!handle.mayWrite()) {
        throw ErrnoException.of(Errno.EBADF);
      }
      copyUp.node(now, CopyUp.Extent.DATA); // not page by page, or not any more
    }
    tree.readLock().lock();
    try {
      synchronized (nodeLocks.of(node)) {
        return openForWriting(node, file).number();
      }
    } finally {
      tree.readLock().unlock();
    }
  }

  private Fd openForWriting(Node node, OpenFile file) throws ErrnoException {
    Fd old = file.upper;
    if (old != null && file.upperWritable) {
      return old;
    }
    try (Place place = access.upper(successors.current(node))) {
      Fd fd = LayerAccess.open(place, Linux.O_RDWR);
      if (old == null) {
        file.upper = fd;
        file.upperWritable = true;
        return fd;
      }
      // Another thread may be reading through it: its number gets the new file instead.
      try (fd) {
        Files.dup2(fd.number(), old.number());
      }
      file.upperWritable = true;
      return old;
    }
  }
}
