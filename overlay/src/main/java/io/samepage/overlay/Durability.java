package io.samepage.overlay;

import io.samepage.overlay.Handles.Handle;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.Partials.Use;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;

/**
 * What is to survive a loss of power: files, directories, or all that is in the upper layer.
 * Nothing is, on a mount that was told so ({@code volatile}); what is in lower layers has. Callers
 * hold none of the locks of {@link Overlay}.
 */
final class Durability {
  private final Overlay overlay;
  private final DataDescriptors descriptors;

  Durability(Overlay overlay, DataDescriptors descriptors) {
    this.overlay = overlay;
    this.descriptors = descriptors;
  }

  /**
   * A file: fsync(2), or fdatasync(2).
   *
   * @param dataOnly whether it is fdatasync(2)
   */
  void file(long nodeid, long handle, boolean dataOnly) throws ErrnoException {
    if (overlay.config.volatileUpper()) {
      return;
    }
    PartialCopies copies = overlay.partialCopies;
    Handle open = overlay.handles.get(handle);
    try (Use partial = overlay.partials.use(overlay.successors.current(open.node()))) {
      if (partial != null && copies != null) {
        copies.sync(partial);
        return;
      }
    }
    if (!overlay.node(nodeid).hasUpper()) {
      return;
    }
    int fd = descriptors.readable(open);
    if (dataOnly) {
      Files.fdatasync(fd);
    } else {
      Files.fsync(fd);
    }
  }

  /** A directory: fsync(2). */
  void directory(long nodeid) throws ErrnoException {
    Node node = overlay.node(nodeid);
    if (overlay.config.volatileUpper() || !node.hasUpper()) {
      return;
    }
    Fd fd;
    overlay.tree.readLock().lock();
    try (Place place = overlay.access.upper(node)) {
      fd = LayerAccess.open(place, Linux.O_RDONLY | Linux.O_DIRECTORY);
    } finally {
      overlay.tree.readLock().unlock();
    }
    try (fd) {
      Files.fsync(fd.number());
    }
  }

  /** All: syncfs(2). */
  void all() throws ErrnoException {
    Layer upper = overlay.layers.upper();
    if (upper != null && !overlay.config.volatileUpper()) {
      Files.syncfs(upper.handleFd());
    }
  }
}
