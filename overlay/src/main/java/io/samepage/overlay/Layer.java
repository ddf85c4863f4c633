package io.samepage.overlay;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Mounts;
import io.samepage.posix.Stat;
import java.util.Arrays;

/**
 * One directory tree of the stack. A lower layer is reached only through a detached mount of its
 * own that is read-only, so that nothing the daemon does, and no open that the kernel makes on its
 * behalf, can change it (FUSE passthrough opens backing files with the user's flags).
 *
 * <p>Immutable, but for what {@link AbsentXattrs} learns; {@link #close} is called once, when
 * nobody uses it any more.
 */
final class Layer implements AutoCloseable {
  private static final byte[] SELF = {'.'};
  private static final byte[] EMPTY = {};

  private final int index;
  private final Fd root;
  private final Fd handles;
  private final long dev;
  private final byte[] uuid;
  private final LayerDirectory rootDirectory;
  private final AbsentXattrs absentXattrs = new AbsentXattrs();

  private Layer(int index, Fd root, Fd handles, long dev, byte[] uuid) {
    this.index = index;
    this.root = root;
    this.handles = handles;
    this.dev = dev;
    this.uuid = uuid;
    this.rootDirectory = new LayerDirectory(this, null, EMPTY);
  }

  /**
   * Opens a layer.
   *
   * @param index 0 for the upper layer, from 1 on for lower ones, 1 being the topmost
   * @param directory a descriptor of its root directory, which stays the caller's
   */
  static Layer open(int index, int directory) throws ErrnoException {
    Fd root = new Fd(openRoot(directory, index != 0));
    try {
      Fd handles = new Fd(Files.open(root.number(), SELF, Linux.O_RDONLY | Linux.O_DIRECTORY, 0));
      Stat stat = new Stat();
      Files.stat(root.number(), stat);
      return new Layer(index, root, handles, stat.dev(), readUuid(handles.number()));
    } catch (ErrnoException e) {
      root.close();
      throw e;
    }
  }

  private static int openRoot(int directory, boolean lower) throws ErrnoException {
    if (!lower) {
      // A mount of its own would part it from the work directory: rename(2) stays within a mount.
      return Files.open(directory, SELF, Linux.O_PATH | Linux.O_DIRECTORY, 0);
    }
    int tree;
    try {
      tree = Mounts.openTreeClone(directory, EMPTY);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EPERM && e.errno() != Errno.ENOSYS && e.errno() != Errno.EINVAL) {
        throw e;
      }
      // No right to mount, a kernel before 5.2, or a mount that cannot be cloned (one in another
      // namespace): passthrough needs that right too, so no open of the kernel's comes this way.
      return Files.open(directory, SELF, Linux.O_PATH | Linux.O_DIRECTORY, 0);
    }
    try {
      // No access times are written below: the kernel's overlayfs does not either.
      Mounts.addAttributes(tree, Linux.MOUNT_ATTR_RDONLY | Linux.MOUNT_ATTR_NOATIME);
      return tree;
    } catch (ErrnoException e) {
      Files.close(tree);
      throw e;
    }
  }

  /** The UUID that the kernel's overlayfs writes into origins; zeroes where it cannot be had. */
  private static byte[] readUuid(int fd) {
    byte[] fsuuid = new byte[17];
    try {
      Files.ioctl(fd, Linux.FS_IOC_GETFSUUID, fsuuid);
    } catch (ErrnoException e) {
      return new byte[16]; // before Linux 6.9, or a file system without one
    }
    return Arrays.copyOfRange(fsuuid, 1, 17);
  }

  int index() {
    return index;
  }

  boolean isUpper() {
    return index == 0;
  }

  /** An O_PATH descriptor of the root. */
  int rootFd() {
    return root.number();
  }

  /** A descriptor through which file handles of the file system are opened. */
  int handleFd() {
    return handles.number();
  }

  /** The device that holds the root directory. */
  long dev() {
    return dev;
  }

  /** 16 bytes; all zero if unknown. */
  byte[] uuid() {
    return uuid;
  }

  AbsentXattrs absentXattrs() {
    return absentXattrs;
  }

  LayerDirectory rootDirectory() {
    return rootDirectory;
  }

  @Override
  public void close() {
    handles.close();
    root.close();
  }
}
