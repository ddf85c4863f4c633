package io.samepage.overlay;

import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.posix.ErrnoException;
import org.jspecify.annotations.Nullable;

/**
 * The directories of an overlay, opened: its layers, and what is beside the upper one in the work
 * directory. Whoever opens them closes them, after the {@link Overlay} that they are for.
 *
 * @param work where changes are made complete; null on an overlay that cannot change
 * @param index of hard links; null if there is none, or the overlay cannot change
 * @param partial what is copied up page by page; null on an overlay that cannot change
 * @param partialLayers what {@code partial} is to say of the layers ({@link PartialLayers})
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record OverlayDirectories(
    LayerStack layers,
    @Nullable WorkDirectory work,
    @Nullable HardLinkIndex index,
    @Nullable PartialDirectory partial,
    byte[] partialLayers)
    implements AutoCloseable {

  /**
   * Opens the directories of a mount that has been checked; the host's stay the caller's. The work
   * directory is emptied of what a crash has left in it.
   */
  static OverlayDirectories open(OverlayConfig config, MountDirectories directories)
      throws ErrnoException {
    LayerStack layers =
        LayerStack.open(directories.upper(), directories.lower(), directories.data());
    HostDirectory workdir = directories.work();
    WorkDirectory work = null;
    PartialDirectory partial = null;
    HardLinkIndex index = null;
    try {
      if (workdir != null && !config.readOnly()) {
        work = WorkDirectory.open(workdir.fd());
        partial = PartialDirectory.open(workdir.fd());
        if (config.index()) {
          index =
              new HardLinkIndex(
                  WorkDirectory.openIndex(workdir.fd()), new OverlayXattrs(config.userXattrs()));
        }
      }
      byte[] partialLayers = PartialLayers.describe(config, directories);
      return new OverlayDirectories(layers, work, index, partial, partialLayers);
    } catch (ErrnoException e) {
      close(layers, work, index, partial);
      throw e;
    }
  }

  @Override
  public void close() {
    close(layers, work, index, partial);
  }

  private static void close(
      LayerStack layers,
      @Nullable WorkDirectory work,
      @Nullable HardLinkIndex index,
      @Nullable PartialDirectory partial) {
    if (partial != null) {
      partial.close();
    }
    if (index != null) {
      index.close();
    }
    if (work != null) {
      work.close();
    }
    layers.close();
  }
}
