package io.samepage.posix;

import static io.samepage.posix.Files.check;
import static io.samepage.posix.LibC.C;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;

/** Mounting, and detached mounts (mount(2), open_tree(2), mount_setattr(2)). */
public final class Mounts {
  private static final long SYS_OPEN_TREE = 428;
  private static final long SYS_MOUNT_SETATTR = 442;

  private Mounts() {}

  /** mount(2). Strings are NUL-ended in place; {@code data} may be up to a page. */
  public static void mount(byte[] source, byte[] target, byte[] type, long flags, byte[] data)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    NativeBuffer rest = NativeBuffer.allocate(type.length + data.length + 2);
    rest.bytes().put(0, type);
    rest.bytes().put(type.length + 1, data);
    long dataAt = rest.address() + type.length + 1;
    try {
      check(C.mount(scratch.first(source), scratch.second(target), rest.address(), flags, dataAt));
    } finally {
      Reference.reachabilityFence(rest);
    }
  }

  /** umount2(2). */
  public static void unmount(byte[] target, int flags) throws ErrnoException {
    check(C.umount2(Scratch.current().first(target), flags));
  }

  /**
   * A private copy of the mount that holds a directory, from that directory on, attached nowhere:
   * open_tree(2) with OPEN_TREE_CLONE. It goes when its last descriptor is closed.
   *
   * @return an O_PATH descriptor of its root
   */
  public static int openTreeClone(int dirfd, byte[] path) throws ErrnoException {
    Scratch scratch = Scratch.current();
    int flags = Linux.OPEN_TREE_CLONE | Linux.O_CLOEXEC;
    if (path.length == 0) {
      flags |= Linux.AT_EMPTY_PATH;
    }
    return (int) check(C.syscall(SYS_OPEN_TREE, dirfd, scratch.first(path), flags, 0, 0));
  }

  /** mount_setattr(2): adds MOUNT_ATTR_* bits to the mount that a descriptor is the root of. */
  public static void addAttributes(int fd, long attributes) throws ErrnoException {
    Scratch scratch = Scratch.current();
    ByteBuffer b = scratch.bytes();
    int at = scratch.structAt();
    b.putLong(at, attributes);
    // The access time settings are one choice, not bits: a new one needs the old one cleared.
    b.putLong(at + 8, (attributes & Linux.MOUNT_ATTR_NOATIME) != 0 ? Linux.MOUNT_ATTR__ATIME : 0);
    b.putLong(at + 16, 0);
    b.putLong(at + 24, 0);
    check(
        C.syscall(
            SYS_MOUNT_SETATTR, fd, scratch.empty(), Linux.AT_EMPTY_PATH, scratch.struct(), 32));
  }
}
