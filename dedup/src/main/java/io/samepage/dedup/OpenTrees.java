package io.samepage.dedup;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The trees through which places are opened: those that were given, and, for places on other file
 * systems, mounts of the layers they were found in, which go when they were not used for a while.
 * One tree serves for all places on its file system. Thread-safe, without a lock of its own.
 */
final class OpenTrees implements AutoCloseable {
  private static final long IDLE_NANOS = 60_000_000_000L;

  /** A tree that was mounted here. */
  private static final class Mounted {
    final LayerTree tree;
    volatile long lastUse = System.nanoTime();

    Mounted(LayerTree tree) {
      this.tree = tree;
    }
  }

  private final ConcurrentHashMap<Long, LayerTree> given = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<Long, Mounted> mounted = new ConcurrentHashMap<>();

  /** Makes a tree known, which has to be {@link #forget forgotten} before its maker closes it. */
  void add(LayerTree tree) {
    given.put(tree.fileSystem(), tree);
  }

  void forget(LayerTree tree) {
    given.remove(tree.fileSystem(), tree);
  }

  /** What {@link #open} returns where only {@link #mount} can help. */
  static final int NOT_MOUNTED = -Errno.ENODEV;

  /**
   * Opens a place, and sees that it is as it was.
   *
   * @param near a tree to be used if the place is on its file system
   * @param stat is overwritten
   * @return a descriptor, or −errno: {@link #NOT_MOUNTED} if no tree leads there; ESTALE if the
   *     file is gone or has changed
   */
  int open(@Nullable LayerTree near, Place place, Stat stat) {
    long fileSystem = place.key().fileSystem();
    if (near != null && near.fileSystem() == fileSystem) {
      return openIn(near, place, stat);
    }
    LayerTree tree = given.get(fileSystem);
    if (tree == null) {
      Mounted found = mounted.get(fileSystem);
      if (found == null) {
        return NOT_MOUNTED;
      }
      found.lastUse = System.nanoTime();
      tree = found.tree;
    }
    if (!tree.acquire()) {
      return NOT_MOUNTED;
    }
    try {
      return openIn(tree, place, stat);
    } finally {
      tree.close();
    }
  }

  private static int openIn(LayerTree tree, Place place, Stat stat) {
    int fd = tree.tryOpen(place.handle());
    if (fd < 0) {
      return fd;
    }
    try {
      Files.stat(fd, stat);
      if (place.key().matches(stat)) {
        return fd;
      }
    } catch (ErrnoException e) {
      Files.close(fd);
      return -e.errno();
    }
    Files.close(fd);
    return -Errno.ESTALE;
  }

  /**
   * Mounts a layer, so that places on a file system can be opened. It may wait for a disk.
   *
   * @return whether the layer is still there, on that file system
   */
  boolean mount(byte[] layer, long fileSystem) {
    if (mounted.containsKey(fileSystem)) {
      return true;
    }
    try {
      LayerTree tree = LayerTree.mount(layer);
      if (tree.fileSystem() != fileSystem
          || mounted.putIfAbsent(fileSystem, new Mounted(tree)) != null) {
        tree.close();
      }
      return mounted.containsKey(fileSystem);
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** Closes what was not used for a while. */
  void closeIdle() {
    long now = System.nanoTime();
    mounted.forEach(
        (id, one) -> {
          if (now - one.lastUse > IDLE_NANOS && mounted.remove(id, one)) {
            one.tree.close();
          }
        });
  }

  @Override
  public void close() {
    mounted.forEach(
        (id, one) -> {
          if (mounted.remove(id, one)) {
            one.tree.close();
          }
        });
  }

  /** A place, opened in any way there is, with the wait that it takes. */
  @Nullable Fd openAnyway(@Nullable LayerTree near, ContentIndex index, Place place, Stat stat) {
    int fd = open(near, place, stat);
    if (fd == NOT_MOUNTED) {
      byte[] layer = index.layerPath(place.layer());
      if (layer != null && mount(layer, place.key().fileSystem())) {
        fd = open(near, place, stat);
      }
    }
    return fd < 0 ? null : new Fd(fd);
  }
}
