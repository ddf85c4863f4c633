package io.samepage.overlay;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.samepage.overlay.Descriptors.Shared;
import io.samepage.overlay.options.ByteString;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The data-only layers of a mount: files by path, which metacopies in lower layers name as the
 * place of their data. Whiteouts and marks mean nothing there, and no symbolic link is followed.
 * They are used whatever redirect_dir and metacopy say, as since Linux 6.16 (ovl_lookup_data_layers
 * and ovl_lookup in fs/overlayfs/namei.c).
 *
 * <p>Thread-safe.
 */
final class DataLayers {
  private static final byte SLASH = '/';

  /** Objects are spread over a few hundred directories, as a rule. */
  private static final int MOST_DIRECTORIES = 4096;

  private final LayerStack layers;
  private final Descriptors descriptors;

  /** So that a directory has one descriptor, not one for each of its files. */
  private final Cache<At, LayerDirectory> directories =
      Caffeine.newBuilder().maximumSize(MOST_DIRECTORIES).executor(Runnable::run).build();

  private record At(int layer, ByteString path) {}

  /** A place for data. */
  static final class Location {
    final LayerDirectory directory;
    final byte[] name;

    /** Whether a regular file is there. */
    final boolean exists;

    private Location(LayerDirectory directory, byte[] name, boolean exists) {
      this.directory = directory;
      this.name = name;
      this.exists = exists;
    }
  }

  DataLayers(LayerStack layers, Descriptors descriptors) {
    this.layers = layers;
    this.descriptors = descriptors;
  }

  /**
   * Finds the topmost file that has a path.
   *
   * @param path absolute, without empty components
   * @param stat filled with what it is, if it exists
   * @return where it is; if none of them has it, where it could be, so that opening it says what is
   *     wrong
   * @throws ErrnoException EACCES if the path goes over "..", EIO if all of them have something
   *     else there
   */
  Location find(byte[] path, Stat stat) throws ErrnoException {
    Location absent = null;
    for (Layer layer : layers.dataOnly()) {
      Location location = look(layer, path, stat);
      if (location != null && location.exists) {
        return location;
      }
      absent = absent == null ? location : absent;
    }
    if (absent == null) {
      throw ErrnoException.of(Errno.EIO);
    }
    return absent;
  }

  /** Null if what is there is no regular file. */
  private @Nullable Location look(Layer layer, byte[] path, Stat stat) throws ErrnoException {
    int slash = path.length - 1;
    while (path[slash] != SLASH) {
      slash--;
    }
    LayerDirectory directory = directory(layer, Arrays.copyOf(path, slash));
    byte[] name = Arrays.copyOfRange(path, slash + 1, path.length);
    checkComponent(name);
    int errno;
    try (Shared above = descriptors.lower(directory)) {
      errno = Files.tryStat(above.number(), name, stat);
    } catch (ErrnoException e) {
      errno = e.errno();
    }
    if (errno == Errno.ENOENT || errno == Errno.ENOTDIR || errno == Errno.ELOOP) {
      return new Location(directory, name, false);
    }
    if (errno != 0) {
      throw ErrnoException.of(errno);
    }
    return stat.isRegular() ? new Location(directory, name, true) : null;
  }

  private static void checkComponent(byte[] name) throws ErrnoException {
    if (Names.isDots(name)) {
      throw ErrnoException.of(Errno.EACCES);
    }
  }

  /** The directory that has a path: empty for the root, without a slash at the end. */
  private LayerDirectory directory(Layer layer, byte[] path) throws ErrnoException {
    if (path.length == 0) {
      return layer.rootDirectory();
    }
    At at = new At(layer.index(), ByteString.of(path));
    LayerDirectory known = directories.getIfPresent(at);
    if (known == null) {
      int slash = path.length - 1;
      while (path[slash] != SLASH) {
        slash--;
      }
      byte[] name = Arrays.copyOfRange(path, slash + 1, path.length);
      checkComponent(name);
      known = new LayerDirectory(layer, directory(layer, Arrays.copyOf(path, slash)), name);
      directories.put(at, known);
    }
    return known;
  }
}
