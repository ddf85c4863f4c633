package io.samepage.overlay;

import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Opened;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.OpenFile.Mode;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The files that nodes are passed through to, as the kernel has them registered. How a node was
 * open, with its registered file, is kept for its next open after the last release, for a limited
 * number of nodes. Thread-safe.
 */
final class RegisteredFiles {
  /** Of how many nodes that are not open something is kept. */
  private static final int IDLE_LIMIT = 8192;

  private final LayerAccess access;
  private final NodeLocks nodeLocks;
  private final PageUses uses;
  private final @Nullable BackingFiles registry;
  private final IdleFiles idle = new IdleFiles(IDLE_LIMIT);
  private final LongAdder fallbacks = new LongAdder();

  /**
   * For one mount.
   *
   * @param registry null where no passthrough is granted
   */
  RegisteredFiles(
      LayerAccess access, NodeLocks nodeLocks, PageUses uses, @Nullable BackingFiles registry) {
    this.access = access;
    this.nodeLocks = nodeLocks;
    this.uses = uses;
    this.registry = registry;
  }

  /** Whether the kernel or the transport grants passthrough. */
  boolean areGranted() {
    return registry != null;
  }

  /** Opens that wanted passthrough and could not have it. */
  long fallbacks() {
    return fallbacks.sum();
  }

  /**
   * Registers the file that a node is to be passed through to. Where the kernel refuses that and
   * nobody has the node open, its mode becomes CACHED: the daemon can still serve it. ENOENT if the
   * file is gone; what the kernel says if the mode cannot change any more.
   *
   * <p>The caller holds the tree lock and the lock of the node.
   *
   * @param file of mode LOWER or UPPER, with no backing file yet
   */
  void register(Node node, OpenFile file) throws ErrnoException {
    if (registry == null) {
      file.mode = Mode.CACHED;
      return;
    }
    Fd known = file.mode == Mode.UPPER ? file.upper : file.lower;
    try {
      if (known != null) {
        file.backingId = registry.register(known.number());
        file.holdsWritable = known == file.upper && file.upperWritable;
        return;
      }
      try (Place place = file.mode == Mode.UPPER ? access.upper(node) : access.lowerData(node);
          Fd fd = LayerAccess.openPath(place)) {
        file.backingId = registry.register(fd.number());
      }
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT || file.opens > 0) {
        throw e;
      }
      // ELOOP (a stacked file system below), EMFILE, ENOMEM, …
      fallbacks.increment();
      file.mode = Mode.CACHED;
      if (file.stable != null && file.lower != null) {
        file.stable = null; // in the cache of its own inode it would share nothing
        file.lower.close();
        file.lower = null;
      }
    }
  }

  /** A node is open from now on. The caller holds the lock of the node. */
  void opened(Node node) {
    idle.remove(node);
  }

  /**
   * Keeps what there is of a node that was released for the last time, until its next open or until
   * too many others are kept. The caller holds no lock of a node, since what is let go for it is of
   * another one.
   */
  void keep(Node node) {
    Node evicted = idle.add(node);
    if (evicted != null) {
      discard(evicted);
    }
  }

  /**
   * Lets go what is kept of a node that is not open: it was removed, nobody knows it any more, or
   * others are kept in its place. The caller holds its lock or no lock of a node.
   */
  void discard(Node node) {
    if (node.openFile == null) {
      return;
    }
    synchronized (nodeLocks.of(node)) {
      OpenFile file = node.openFile;
      if (file != null && file.opens == 0) {
        idle.remove(node);
        drop(node, file);
      }
    }
  }

  /** Lets go how a node was open; nobody has it open. The caller holds the lock of the node. */
  void drop(Node node, OpenFile file) {
    file.closeDescriptors();
    uses.end(node, file);
    if (file.backingId != Opened.NO_BACKING && registry != null) {
      registry.close(file.backingId);
      file.backingId = Opened.NO_BACKING;
    }
    if (node.openFile == file) {
      node.openFile = null;
    }
  }
}
