package io.samepage.overlay;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.PagedFile;
import io.samepage.overlay.OpenFile.Mode;
import org.jspecify.annotations.Nullable;

/**
 * Whose pages open nodes use: told to the reverse map ({@link Sharing#use}, {@link PagedFile#use})
 * for as long as a node is open. Thread-safe.
 */
final class PageUses {
  private final NodeLocks nodeLocks;
  private final @Nullable Sharing sharing;

  /**
   * For one mount.
   *
   * @param sharing null if each file uses its own pages
   */
  PageUses(NodeLocks nodeLocks, @Nullable Sharing sharing) {
    this.nodeLocks = nodeLocks;
    this.sharing = sharing;
  }

  /**
   * How a node is open.
   *
   * @param passthrough whether the kernel reads a file below itself
   * @param pages whose pages it uses; null if that is not kept
   * @param shared whether these are not its own
   * @param paged what it is read through in place of that; null if nothing
   */
  record Use(
      boolean open,
      boolean passthrough,
      @Nullable FileKey pages,
      boolean shared,
      @Nullable PagedFile paged) {}

  /** How a node is open at this moment. The caller holds no lock of a node. */
  Use of(Node node) {
    synchronized (nodeLocks.of(node)) {
      OpenFile file = node.openFile;
      return file == null || file.opens == 0
          ? new Use(false, false, null, false, null)
          : new Use(
              true, file.mode.isPassedThrough(), file.pages(), file.stable != null, file.paged);
    }
  }

  /**
   * A node that is being opened uses its pages from now on, unless it does already. The caller
   * holds the lock of the node.
   */
  void begin(Node node, OpenFile file) {
    if (file.paged != null) {
      if (!file.counted) {
        file.paged.use(node.nodeid);
        file.counted = true;
      }
      return;
    }
    FileKey pages = file.pages();
    if (sharing != null && pages != null && !file.counted && file.mode == Mode.LOWER) {
      sharing.use(node, pages);
      file.counted = true;
    }
  }

  /** A node does not use its pages any more, if it did. The caller holds the lock of the node. */
  void end(Node node, OpenFile file) {
    FileKey pages = file.pages();
    if (file.paged != null) {
      if (file.counted) {
        file.paged.release();
      }
    } else if (file.counted && sharing != null && pages != null) {
      sharing.release(node, pages);
    }
    file.counted = false;
  }
}
