package io.samepage.overlay;

import io.samepage.overlay.options.HostDirectory;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.FileHandles;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.StatFs;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The layers of a mount: at most one upper one, the lower ones, topmost first, and below them
 * data-only ones, of which nothing is seen but the data of metacopies that name their files.
 * Immutable.
 */
final class LayerStack implements AutoCloseable {
  private final @Nullable Layer upper;
  private final List<Layer> lowers;
  private final List<Layer> dataOnly;
  private final List<Layer> readOnly;
  private final InodeNumbers numbers;
  private final int nameMax;

  private LayerStack(@Nullable Layer upper, List<Layer> readOnly, int lowers, int nameMax) {
    this.upper = upper;
    this.readOnly = List.copyOf(readOnly);
    this.lowers = this.readOnly.subList(0, lowers);
    this.dataOnly = this.readOnly.subList(lowers, readOnly.size());
    List<Layer> all = new ArrayList<>();
    if (upper != null) {
      all.add(upper);
    }
    all.addAll(readOnly);
    this.numbers = new InodeNumbers(all.stream().mapToLong(Layer::dev).toArray());
    this.nameMax = nameMax;
  }

  /** Opens layers by descriptors of their root directories, which stay the caller's. */
  static LayerStack open(
      @Nullable HostDirectory upperRoot,
      List<HostDirectory> lowerRoots,
      List<HostDirectory> dataRoots)
      throws ErrnoException {
    List<Layer> opened = new ArrayList<>();
    try {
      Layer upper = null;
      if (upperRoot != null) {
        upper = Layer.open(0, upperRoot.fd());
        opened.add(upper);
      }
      List<HostDirectory> roots = new ArrayList<>(lowerRoots);
      roots.addAll(dataRoots);
      List<Layer> readOnly = new ArrayList<>();
      for (HostDirectory root : roots) {
        Layer layer = Layer.open(readOnly.size() + 1, root.fd());
        opened.add(layer);
        readOnly.add(layer);
      }
      int nameMax = 0;
      StatFs statfs = new StatFs();
      for (Layer layer : opened) {
        Files.statfs(layer.rootFd(), statfs);
        nameMax = Math.max(nameMax, (int) statfs.nameLength);
      }
      return new LayerStack(upper, readOnly, lowerRoots.size(), nameMax);
    } catch (ErrnoException e) {
      opened.forEach(Layer::close);
      throw e;
    }
  }

  @Nullable Layer upper() {
    return upper;
  }

  List<Layer> lowers() {
    return lowers;
  }

  List<Layer> dataOnly() {
    return dataOnly;
  }

  /** The lower and the data-only ones: where {@link Layer#index} is i, at i − 1. */
  List<Layer> readOnly() {
    return readOnly;
  }

  InodeNumbers numbers() {
    return numbers;
  }

  /** How long a name in any of the layers can be, in bytes. */
  int nameMax() {
    return nameMax;
  }

  /** The inode that an origin names, in {@code stat}; false if it is gone or not decodable. */
  boolean findOrigin(byte[] encoded, Stat stat) throws ErrnoException {
    Origin origin = Origin.decode(encoded);
    if (origin == null) {
      return false;
    }
    long tried = -1;
    for (Layer layer : lowers) {
      if (layer.dev() == tried || !origin.mayBeOf(layer)) {
        continue;
      }
      tried = layer.dev();
      int fd = FileHandles.tryOpen(layer.handleFd(), origin.handle(), Linux.O_PATH);
      if (fd >= 0) {
        try {
          Files.stat(fd, stat);
          return true;
        } finally {
          Files.close(fd);
        }
      }
    }
    return false;
  }

  /** Opens the file that an origin names; −errno if it is gone or not decodable. */
  int openOrigin(byte[] encoded, int flags) {
    Origin origin = Origin.decode(encoded);
    int result = -Errno.ESTALE;
    if (origin != null) {
      for (Layer layer : lowers) {
        if (result < 0 && origin.mayBeOf(layer)) {
          result = FileHandles.tryOpen(layer.handleFd(), origin.handle(), flags);
        }
      }
    }
    return result;
  }

  @Override
  public void close() {
    if (upper != null) {
      upper.close();
    }
    readOnly.forEach(Layer::close);
  }
}
