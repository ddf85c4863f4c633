package io.samepage.overlay;

import io.samepage.dedup.Content;
import io.samepage.dedup.FileAt;
import io.samepage.dedup.FileKey;
import io.samepage.dedup.LayerTree;
import io.samepage.dedup.SharingCounters;
import io.samepage.dedup.StableFile;
import io.samepage.dedup.StableFiles;
import io.samepage.dedup.UsedPages;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ObjLongConsumer;
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
            stableFiles.open(
                layers.readOnly().get(i).rootFd(), directories.get(i).path().toBytes());
      } catch (ErrnoException e) {
        // Its file system has no file handles, say: its files are not shared.
      }
      trees.add(tree);
    }
    return new Sharing(stableFiles, trees);
  }

  /**
   * What is known of a lower file's content; null if files like it are not identified.
   *
   * @param stat what statx says of the file now
   */
  @Nullable Content find(LayerDirectory directory, Place place, Stat stat) {
    LayerTree tree = tree(directory);
    return tree == null
        ? null
        : stableFiles.find(tree, new FileAt(place.dirfd(), place.name()), stat);
  }

  /** {@link StableFiles#unshared}. */
  @Nullable Content unshared(LayerDirectory directory, Place place, Stat stat) {
    LayerTree tree = tree(directory);
    return tree == null
        ? null
        : stableFiles.unshared(tree, new FileAt(place.dirfd(), place.name()), stat);
  }

  private @Nullable LayerTree tree(LayerDirectory directory) {
    return trees.get(directory.layer().index() - 1);
  }

  /** {@link StableFiles#generation}. */
  long generation() {
    return stableFiles.generation();
  }

  /** {@link StableFiles#opened}. */
  void opened(int pid) {
    stableFiles.opened(pid);
  }

  /** {@link StableFiles#reading}. */
  void reading() {
    stableFiles.reading();
  }

  /** {@link StableFiles#placing}. */
  long placing() {
    return stableFiles.placing();
  }

  /**
   * Opens a stable file again for a lower file that used it before.
   *
   * @param own the lower file as it was then
   * @return null if one of them has changed
   */
  @Nullable StableFile open(
      LayerDirectory directory, Place place, FileKey own, io.samepage.dedup.Place stable)
      throws ErrnoException {
    LayerTree tree = tree(directory);
    Stat stat = new Stat();
    Files.stat(place.dirfd(), place.name(), stat);
    return tree != null && own.matches(stat) ? stableFiles.open(tree, stable) : null;
  }

  /** A node uses the pages of a file from now on: a stable file, or its own. */
  void use(Node node, FileKey file) {
    stableFiles.use(node.nodeid, file);
  }

  /** A node does not use the pages of a file any more. */
  void release(Node node, FileKey file) {
    stableFiles.release(node.nodeid, file);
  }

  /** A stable file failed to be read: it stands for nobody from the next open on. */
  void discard(FileKey stable) {
    stableFiles.discard(stable);
  }

  /** The layer of a stable file, as a path; null if the index does not know it any more. */
  byte @Nullable [] layerOf(FileKey stable) {
    return stableFiles.layerOf(stable);
  }

  /** How many nodes of this mount use the pages of a file. */
  int userCount(FileKey file) {
    return stableFiles.userCount(file);
  }

  /** How many nodes of this mount use some of a range of a file's pages. */
  int userCount(FileKey file, long firstPage, long pages) {
    return stableFiles.userCount(file, firstPage, pages);
  }

  /** {@link StableFiles#sharesInPart}. */
  boolean sharesInPart() {
    return stableFiles.sharesInPart();
  }

  /** Hands out every file whose pages nodes of this mount use, with how many they are. */
  void forEachUsed(ObjLongConsumer<FileKey> visitor) {
    stableFiles.forEachUsed(visitor);
  }

  /** {@link StableFiles#forEachUsedRange}. */
  void forEachUsedRange(UsedPages.Visitor visitor) {
    stableFiles.forEachUsedRange(visitor);
  }

  long bookkeepingBytes() {
    return stableFiles.bookkeepingBytes();
  }

  SharingCounters counters() {
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
