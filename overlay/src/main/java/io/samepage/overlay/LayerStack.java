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

/** The layers of a mount: at most one upper one, and the lower ones, topmost first. Immutable. */
final class LayerStack implements AutoCloseable {
  private final @Nullable Layer upper;
  private final List<Layer> lowers;
  private final InodeNumbers numbers;
  private final int nameMax;

  private LayerStack(@Nullable Layer upper, List<Layer> lowers, int nameMax) {
    this.upper = upper;
    this.lowers = List.copyOf(lowers);
    List<Layer> all = new ArrayList<>();
    if (upper != null) {
      all.add(upper);
    }
    all.addAll(lowers);
    this.numbers = new InodeNumbers(all.stream().mapToLong(Layer::dev).toArray());
    this.nameMax = nameMax;
  }

  /** Opens layers by descriptors of their root directories, which stay the caller's. */
  static LayerStack open(@Nullable HostDirectory upperRoot, List<HostDirectory> lowerRoots)
      throws ErrnoException {
    List<Layer> opened = new ArrayList<>();
    try {
      Layer upper = null;
      if (upperRoot != null) {
        upper = Layer.open(0, upperRoot.fd());
        opened.add(upper);
      }
      List<Layer> lowers = new ArrayList<>();
      for (HostDirectory root : lowerRoots) {
        Layer layer = Layer.open(lowers.size() + 1, root.fd());
        opened.add(layer);
        lowers.add(layer);
      }
      int nameMax = 0;
      StatFs statfs = new StatFs();
      for (Layer layer : opened) {
        Files.statfs(layer.rootFd(), statfs);
        nameMax = Math.max(nameMax, (int) statfs.nameLength);
      }
      return new LayerStack(upper, lowers, nameMax);
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
    lowers.forEach(Layer::close);
  }
}
