package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import io.samepage.posix.Directories;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Finds the name of a file in a layer, of which the index knows the inode number alone: file
 * handles lead to a file, but not to its name.
 */
final class LayerSearch {
  private static final byte[] ROOT = {'.'};
  private static final long RESOLVE =
      Linux.RESOLVE_BENEATH | Linux.RESOLVE_NO_SYMLINKS | Linux.RESOLVE_NO_MAGICLINKS;

  private final int root;
  private final long device;
  private final long ino;
  private byte @Nullable [] found;

  private LayerSearch(int root, long device, long ino) {
    this.root = root;
    this.device = device;
    this.ino = ino;
  }

  /**
   * The path of a file in a layer; null if there is none, or the layer cannot be read.
   *
   * @param likely where to look first: equal files mostly have equal paths
   */
  static @Nullable ByteString path(ByteString layer, long ino, ByteString likely) {
    int flags = Linux.O_PATH | Linux.O_DIRECTORY;
    try (Fd root = new Fd(Files.open(Linux.AT_FDCWD, layer.toBytes(), flags, 0))) {
      Stat stat = new Stat();
      Files.stat(root.number(), stat);
      LayerSearch search = new LayerSearch(root.number(), stat.dev(), ino);
      if (search.is(likely.toBytes())) {
        return likely;
      }
      byte[] path = search.walk();
      return path == null ? null : ByteString.of(path);
    } catch (ErrnoException e) {
      return null;
    }
  }

  private boolean is(byte[] path) throws ErrnoException {
    int flags = Linux.O_PATH | Linux.O_NOFOLLOW;
    try (Fd fd = new Fd(Files.openBeneath(root, path, flags, RESOLVE))) {
      Stat stat = new Stat();
      Files.stat(fd.number(), stat);
      return stat.isRegular() && stat.ino == ino && stat.dev() == device;
    } catch (ErrnoException e) {
      return false;
    }
  }

  private byte @Nullable [] walk() {
    Deque<byte[]> directories = new ArrayDeque<>();
    directories.push(ROOT);
    while (found == null && !directories.isEmpty()) {
      byte[] path = directories.pop();
      int flags = Linux.O_RDONLY | Linux.O_DIRECTORY | Linux.O_NOFOLLOW;
      try (Fd directory = new Fd(Files.openBeneath(root, path, flags, RESOLVE))) {
        Directories.list(
            directory.number(),
            (name, number, type) -> {
              byte[] below = join(path, name);
              if (number == ino && found == null && is(below)) {
                found = below;
              } else if (type == Linux.DT_DIR) {
                directories.push(below);
              }
            });
      } catch (ErrnoException e) {
        // What cannot be read cannot be told.
      }
    }
    return found;
  }

  private static byte[] join(byte[] directory, byte[] name) {
    if (directory == ROOT) {
      return name;
    }
    ByteArrayOutputStream path = new ByteArrayOutputStream(directory.length + 1 + name.length);
    path.writeBytes(directory);
    path.write('/');
    path.writeBytes(name);
    return path.toByteArray();
  }
}
