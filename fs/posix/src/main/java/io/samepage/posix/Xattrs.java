package io.samepage.posix;

import static io.samepage.posix.Files.check;
import static io.samepage.posix.LibC.C;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Extended attributes of a name in a directory that is given by descriptor, of the name itself if
 * it is a symbolic link; or, with an empty name, of what a descriptor stands for, O_PATH ones as
 * well. The calls of Linux 6.13 are used where the kernel has them, paths below /proc/self/fd
 * elsewhere.
 */
public final class Xattrs {
  private static final long SYS_SETXATTRAT = 463;
  private static final long SYS_GETXATTRAT = 464;
  private static final long SYS_LISTXATTRAT = 465;
  private static final long SYS_REMOVEXATTRAT = 466;
  private static final byte[] NONE = {};

  /**
   * What is asked for first. The kernel takes, and for a value clears, as much memory as the caller
   * has room (do_getxattr in fs/xattr.c): 64 KiB of it for each file would take longer than the
   * rest of the call.
   */
  private static final int SHORT = 512;

  /** Whether the kernel has no calls for names; tests set it to have what is done then. */
  static volatile boolean noXattrAt;

  private Xattrs() {}

  private static boolean fallBack(int errno) {
    if (errno == Errno.ENOSYS) {
      noXattrAt = true;
      return true;
    }
    return false;
  }

  /** getxattr(2); null where the file has no such attribute or its file system has none at all. */
  public static byte @Nullable [] find(int dirfd, byte[] name, byte[] attribute)
      throws ErrnoException {
    int length = tryGet(dirfd, name, attribute);
    if (length >= 0) {
      return Scratch.current().value(length);
    }
    if (length == -Errno.ENODATA || length == -Errno.EOPNOTSUPP) {
      return null;
    }
    throw ErrnoException.of(-length);
  }

  /** getxattr(2). */
  public static byte[] get(int dirfd, byte[] name, byte[] attribute) throws ErrnoException {
    int length = tryGet(dirfd, name, attribute);
    if (length < 0) {
      throw ErrnoException.of(-length);
    }
    return Scratch.current().value(length);
  }

  /** Leaves the value in the thread's scratch; returns its length or −errno. */
  private static int tryGet(int dirfd, byte[] name, byte[] attribute) throws ErrnoException {
    int length = tryGet(dirfd, name, attribute, SHORT);
    return length == -Errno.ERANGE ? tryGet(dirfd, name, attribute, Scratch.VALUE_ROOM) : length;
  }

  private static int tryGet(int dirfd, byte[] name, byte[] attribute, int room)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    if (name.length != 0 && !noXattrAt) {
      ByteBuffer b = scratch.bytes();
      int at = scratch.structAt();
      b.putLong(at, scratch.value());
      b.putInt(at + 8, room);
      b.putInt(at + 12, 0);
      long result =
          C.syscall(
              SYS_GETXATTRAT,
              dirfd,
              scratch.first(name),
              Linux.AT_SYMLINK_NOFOLLOW,
              scratch.second(attribute),
              scratch.struct(),
              16);
      if (result >= 0) {
        return (int) result;
      }
      int errno = LibC.errno();
      if (!fallBack(errno)) {
        return -errno;
      }
    }
    long second = scratch.second(attribute);
    long path = scratch.procPath(dirfd, name);
    long result =
        name.length == 0
            ? C.getxattr(path, second, scratch.value(), room)
            : C.lgetxattr(path, second, scratch.value(), room);
    return result >= 0 ? (int) result : -LibC.errno();
  }

  /** setxattr(2). */
  public static void set(int dirfd, byte[] name, byte[] attribute, byte[] value, int flags)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    if (name.length != 0 && !noXattrAt) {
      ByteBuffer b = scratch.bytes();
      int at = scratch.structAt();
      b.putLong(at, scratch.value(value));
      b.putInt(at + 8, value.length);
      b.putInt(at + 12, flags);
      long result =
          C.syscall(
              SYS_SETXATTRAT,
              dirfd,
              scratch.first(name),
              Linux.AT_SYMLINK_NOFOLLOW,
              scratch.second(attribute),
              scratch.struct(),
              16);
      if (result >= 0) {
        return;
      }
      int errno = LibC.errno();
      if (!fallBack(errno)) {
        throw ErrnoException.of(errno);
      }
    }
    long data = scratch.value(value);
    long second = scratch.second(attribute);
    long path = scratch.procPath(dirfd, name);
    check(
        name.length == 0
            ? C.setxattr(path, second, data, value.length, flags)
            : C.lsetxattr(path, second, data, value.length, flags));
  }

  /** listxattr(2): names, each ended by a NUL; empty where the file system has none at all. */
  public static byte[] list(int dirfd, byte[] name) throws ErrnoException {
    int length = tryList(dirfd, name, SHORT);
    if (length == -Errno.ERANGE) {
      length = tryList(dirfd, name, Scratch.VALUE_ROOM);
    }
    if (length == 0 || length == -Errno.EOPNOTSUPP) {
      return NONE;
    }
    if (length < 0) {
      throw ErrnoException.of(-length);
    }
    return Scratch.current().value(length);
  }

  /** Leaves the names in the thread's scratch; returns their length or −errno. */
  private static int tryList(int dirfd, byte[] name, int room) throws ErrnoException {
    Scratch scratch = Scratch.current();
    if (name.length != 0 && !noXattrAt) {
      long result =
          C.syscall(
              SYS_LISTXATTRAT,
              dirfd,
              scratch.first(name),
              Linux.AT_SYMLINK_NOFOLLOW,
              scratch.value(),
              room);
      if (result >= 0) {
        return (int) result;
      }
      int errno = LibC.errno();
      if (!fallBack(errno)) {
        return -errno;
      }
    }
    long path = scratch.procPath(dirfd, name);
    long result =
        name.length == 0
            ? C.listxattr(path, scratch.value(), room)
            : C.llistxattr(path, scratch.value(), room);
    return result >= 0 ? (int) result : -LibC.errno();
  }

  /** removexattr(2). */
  public static void remove(int dirfd, byte[] name, byte[] attribute) throws ErrnoException {
    Scratch scratch = Scratch.current();
    if (name.length != 0 && !noXattrAt) {
      long result =
          C.syscall(
              SYS_REMOVEXATTRAT,
              dirfd,
              scratch.first(name),
              Linux.AT_SYMLINK_NOFOLLOW,
              scratch.second(attribute),
              0);
      if (result >= 0) {
        return;
      }
      int errno = LibC.errno();
      if (!fallBack(errno)) {
        throw ErrnoException.of(errno);
      }
    }
    long second = scratch.second(attribute);
    long path = scratch.procPath(dirfd, name);
    check(name.length == 0 ? C.removexattr(path, second) : C.lremovexattr(path, second));
  }
}
