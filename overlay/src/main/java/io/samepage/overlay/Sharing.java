package io.samepage.overlay;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.LayerTree;
import io.samepage.dedup.StableFile;
import io.samepage.dedup.StableFiles;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The files of this mount's lower layers as {@link StableFiles} knows them: an open of one asks
 * here for the file whose pages it is to use. Layers are numbered from 1 on, as {@link Layer#index}
 * has it. Thread-safe.
 */
final class Sharing implements AutoCloseable {
  private final StableFiles stableFiles;
  private final List<@Nullable LayerTree> trees;

  private Sharing(StableFiles stableFiles, List<@Nullable LayerTree> trees) {
    this.stableFiles = stableFiles;
    this.trees = trees;
  }

  /** Makes the lower layers known; {@code stableFiles} is closed with this. */
  static Sharing open(StableFiles stableFiles, LayerStack layers, List<HostDirectory> directories) {
    List<@Nullable LayerTree> trees = new ArrayList<>();
    for (int i = 0; i < directories.size(); i++) {
      LayerTree tree = null;
      try {
        tree =
            stableFiles.open(layers.lowers().get(i).rootFd(), directories.get(i).path().toBytes());
      } catch (ErrnoException e) {
        // Its file system has no file handles, say: its files are not shared.
      }
      trees.add(tree);
    }
    return new Sharing(stableFiles, trees);
  }

  /** The stable file of a lower file; null if its own data are to be used. */
  @Nullable StableFile find(LayerDirectory directory, Place place) throws ErrnoException {
    LayerTree tree = trees.get(directory.layer().index() - 1);
    if (tree == null) {
      return null;
    }
    try (Fd fd = LayerAccess.openPath(place)) {
      Stat stat = new Stat();
      Files.stat(fd.number(), stat);
      return stableFiles.find(tree, fd.number(), stat);
    }
  }

  /** A node uses a stable file from now on. */
  void use(Node node, FileKey stable) {
    stableFiles.use(node.nodeid, stable);
  }

  /** A node does not use a stable file any more. */
  void release(Node node, FileKey stable) {
    stableFiles.release(node.nodeid, stable);
  }

  StableFiles.Counters counters() {
    return stableFiles.counters();
  }

  @Override
  public void close() {
    for (LayerTree tree : trees) {
      if (tree != null) {
        stableFiles.close(tree);
      }
    }
    stableFiles.close();
  }
}
