package io.samepage.dedup;

import io.samepage.posix.Directories;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * Finds the regular files of a tree that have content, each hard-linked one once. It keeps to the
 * tree as its own mount shows it; where the tree could not be mounted apart, it leaves out what
 * other mounts cover, and counts them. Symbolic links are not followed.
 *
 * <p>One object is one walk, by one thread.
 */
final class TreeWalk {
  private static final byte[] SELF = {'.'};
  private static final long RESOLVE =
      Linux.RESOLVE_BENEATH | Linux.RESOLVE_NO_SYMLINKS | Linux.RESOLVE_NO_MAGICLINKS;

  /** Takes files. */
  @FunctionalInterface
  interface Visitor {
    /**
     * One file.
     *
     * @param file its key, as of now
     * @param stat is written over afterwards
     */
    void file(int dirfd, byte[] name, FileKey file, Stat stat) throws ErrnoException;
  }

  private record Inode(long fileSystem, long ino) {}

  private final LayerTree tree;
  private final Visitor visitor;
  private final BooleanSupplier stopped;
  private final boolean everywhere;
  private final Stat stat = new Stat();
  private final Deque<byte[]> directories = new ArrayDeque<>();

  /** Those files with several names that were met. */
  private final Set<Inode> linked = new HashSet<>();

  private byte[] directory = SELF;

  long special;
  long empty;
  long unreadable;
  long covered;

  /**
   * Sets a walk up.
   *
   * @param everywhere whether files are taken on file systems where none are identified, too; their
   *     keys are then good for this walk alone
   */
  TreeWalk(LayerTree tree, Visitor visitor, BooleanSupplier stopped, boolean everywhere) {
    this.tree = tree;
    this.visitor = visitor;
    this.stopped = stopped;
    this.everywhere = everywhere;
  }

  /** The directory that the visitor's names are in, from the root of the tree; "." for that. */
  byte[] directory() {
    return directory;
  }

  /** Walks to the end, or until it is stopped. */
  void run() {
    directories.push(SELF);
    while (!stopped.getAsBoolean()) {
      byte[] path = directories.poll();
      if (path == null) {
        return;
      }
      directory = path;
      int flags = Linux.O_RDONLY | Linux.O_DIRECTORY | Linux.O_NOFOLLOW;
      try (Fd directory = new Fd(Files.openBeneath(tree.rootFd(), path, flags, RESOLVE))) {
        int fd = directory.number();
        Directories.list(fd, (name, ino, type) -> entry(fd, path, name, type));
      } catch (ErrnoException e) {
        unreadable++;
      }
    }
  }

  private void entry(int dirfd, byte[] path, byte[] name, int type) {
    if (stopped.getAsBoolean()) {
      return;
    }
    if (type != Linux.DT_UNKNOWN && type != Linux.DT_REG && type != Linux.DT_DIR) {
      special++;
      return;
    }
    try {
      Files.stat(dirfd, name, stat);
      if ((stat.attributes & Linux.STATX_ATTR_MOUNT_ROOT) != 0) {
        covered++;
      } else if (stat.isDirectory()) {
        byte[] below = Arrays.copyOf(path, path.length + 1 + name.length);
        below[path.length] = '/';
        System.arraycopy(name, 0, below, path.length + 1, name.length);
        directories.push(below);
      } else if (!stat.isRegular()) {
        special++;
      } else if (stat.size == 0) {
        empty++;
      } else {
        regular(dirfd, name);
      }
    } catch (ErrnoException e) {
      unreadable++;
    }
  }

  private void regular(int dirfd, byte[] name) throws ErrnoException {
    // All files in a directory are on its file system.
    FileKey file = tree.key(dirfd, stat);
    if (file == null && everywhere) {
      file = FileKey.of(stat.dev(), stat);
    }
    if (file == null) {
      unreadable++;
    } else if (stat.nlink == 1 || linked.add(new Inode(file.fileSystem(), file.ino()))) {
      visitor.file(dirfd, name, file, stat);
    }
  }
}
