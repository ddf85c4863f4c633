package io.samepage.dedup;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileHandles;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Mounts;
import io.samepage.posix.Stat;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One directory tree whose files may have the content of others: a lower layer. Files are opened
 * through the mount that its descriptor is on, which is to be detached and read-only.
 *
 * <p>Thread-safe. It lives until it is closed and nobody has it {@link #acquire acquired}.
 */
public final class LayerTree implements AutoCloseable {
  private static final byte[] SELF = {'.'};
  private static final int READ = Linux.O_RDONLY | Linux.O_NONBLOCK;

  private final Fd root;
  private final Fd handles;
  private final byte[] path;
  private final long dev;
  private final long fileSystem;

  /** Owners: this object's maker, and whoever works with it just now; at 0 it is closed. */
  private final AtomicInteger holders = new AtomicInteger(1);

  private volatile boolean hasHandles = true;

  private LayerTree(Fd root, Fd handles, byte[] path, long dev, long fileSystem) {
    this.root = root;
    this.handles = handles;
    this.path = path;
    this.dev = dev;
    this.fileSystem = fileSystem;
  }

  /**
   * Opens a tree.
   *
   * @param root a descriptor of its root directory, O_PATH or not, which stays the caller's
   * @param path where it is; others find it there again
   */
  static LayerTree open(int root, byte[] path) throws ErrnoException {
    Fd own = new Fd(Files.dup(root));
    Fd handles = null;
    try {
      handles = new Fd(Files.open(root, SELF, Linux.O_RDONLY | Linux.O_DIRECTORY, 0));
      Stat stat = new Stat();
      Files.stat(root, stat);
      long fileSystem = FileSystemId.of(root, stat.dev());
      LayerTree tree = new LayerTree(own, handles, path.clone(), stat.dev(), fileSystem);
      own = null;
      handles = null;
      return tree;
    } finally {
      if (own != null) {
        own.close();
      }
      if (handles != null) {
        handles.close();
      }
    }
  }

  /**
   * Opens the tree at a path through a detached read-only mount of its own, where that is possible.
   */
  static LayerTree mount(byte[] path) throws ErrnoException {
    int fd;
    try {
      fd = Mounts.openTreeClone(Linux.AT_FDCWD, path);
    } catch (ErrnoException e) {
      // No right to mount: then no kernel opens a backing file with our rights either.
      fd = Files.open(Linux.AT_FDCWD, path, Linux.O_PATH | Linux.O_DIRECTORY, 0);
      try (Fd root = new Fd(fd)) {
        return open(root.number(), path);
      }
    }
    try (Fd root = new Fd(fd)) {
      Mounts.addAttributes(fd, Linux.MOUNT_ATTR_RDONLY | Linux.MOUNT_ATTR_NOATIME);
      return open(root.number(), path);
    }
  }

  byte[] path() {
    return path;
  }

  /** An O_PATH descriptor of the root. */
  int rootFd() {
    return root.number();
  }

  /** {@link FileSystemId} of the root directory's file system. */
  long fileSystem() {
    return fileSystem;
  }

  /**
   * The key of one of its files.
   *
   * @param fd a descriptor of the file or of its directory
   * @param stat what statx says of it
   * @return null if files of its file system are not identified
   */
  @Nullable FileKey key(int fd, Stat stat) throws ErrnoException {
    // A subvolume of btrfs below the root is a device of its own.
    long id = stat.dev() == dev ? fileSystem : FileSystemId.of(fd, stat.dev());
    return id == FileSystemId.NONE ? null : FileKey.of(id, stat);
  }

  /** The handle of a file; null where there are none. */
  FileHandles.@Nullable FileHandle handle(FileAt at) throws ErrnoException {
    if (!hasHandles) {
      return null;
    }
    FileHandles.FileHandle handle = FileHandles.of(at.dirfd(), at.name());
    if (handle == null) {
      hasHandles = false;
    }
    return handle;
  }

  /** Opens a file of its file system for reading; −errno where that fails. */
  int tryOpen(FileHandles.FileHandle handle) {
    return FileHandles.tryOpen(handles.number(), handle, READ);
  }

  /** Keeps it open until {@link #close}; false if it is closed already. */
  boolean acquire() {
    while (true) {
      int now = holders.get();
      if (now == 0) {
        return false;
      }
      if (holders.compareAndSet(now, now + 1)) {
        return true;
      }
    }
  }

  /** Once for the maker, and once for each {@link #acquire}. */
  @Override
  public void close() {
    if (holders.decrementAndGet() == 0) {
      root.close();
      handles.close();
    }
  }
}
