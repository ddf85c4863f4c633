package io.samepage.overlay.options;

import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.MountTable;
import io.samepage.posix.Stat;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A directory of the host that a mount is made of, opened. Its path was resolved once, by the
 * kernel, and is never looked at again: only the kernel knows what {@code ..} behind a symbolic
 * link means.
 */
public final class HostDirectory implements AutoCloseable {
  private final String name;
  private final Fd fd;
  private final ByteString path;
  private final ByteString location;
  private final long mountId;
  private final boolean mountRoot;

  private HostDirectory(String name, Fd fd, ByteString path, ByteString location, Stat stat) {
    this.name = name;
    this.fd = fd;
    this.path = path;
    this.location = location;
    this.mountId = stat.mountId;
    this.mountRoot = (stat.attributes & Linux.STATX_ATTR_MOUNT_ROOT) != 0;
  }

  /**
   * Opens a directory.
   *
   * @param name what messages call it, as in {@code upperdir=/u}
   * @param flags O_RDONLY or O_PATH
   */
  static HostDirectory open(
      String name, ByteString given, int flags, Reason reason, MountTable mounts)
      throws MountRefusedException {
    int fd = tryOpen(given, flags);
    if (fd < 0) {
      throw cannotOpen(name, -fd, reason);
    }
    Fd owned = new Fd(fd);
    try {
      Stat stat = new Stat();
      Files.stat(fd, stat);
      if (stat.nlink == 0) {
        throw new MountRefusedException(
            reason, name + " has been removed: create it again, or name another directory");
      }
      byte[] path =
          Files.readlink(
              Linux.AT_FDCWD, ("/proc/self/fd/" + fd).getBytes(StandardCharsets.US_ASCII));
      return new HostDirectory(
          name, owned, ByteString.of(path), locate(path, stat.mountId, mounts), stat);
    } catch (ErrnoException e) {
      owned.close();
      throw cannotOpen(name, e.errno(), reason);
    } catch (MountRefusedException e) {
      owned.close();
      throw e;
    }
  }

  private static int tryOpen(ByteString given, int flags) {
    try {
      return Files.tryOpen(Linux.AT_FDCWD, given.toBytes(), flags | Linux.O_DIRECTORY, 0);
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  private static MountRefusedException cannotOpen(String name, int errno, Reason reason) {
    return switch (errno) {
      case Errno.ENOENT ->
          new MountRefusedException(
              reason, name + " does not exist: create it, or correct the path");
      case Errno.ENOTDIR ->
          new MountRefusedException(
              reason, name + " is not a directory, or leads through a file: name a directory");
      case Errno.EACCES, Errno.EPERM ->
          new MountRefusedException(
              reason, name + " cannot be read: give this user permission to it, or run as root");
      case Errno.ENOTCONN, Errno.ESTALE ->
          new MountRefusedException(
              reason, name + " is on a mount whose server is gone: unmount that first (umount -l)");
      case Errno.ELOOP ->
          new MountRefusedException(
              reason, name + " leads through too many symbolic links: correct the path");
      case Errno.ENAMETOOLONG ->
          new MountRefusedException(
              reason, name + " is longer than a path can be: use a shorter one");
      case Errno.EMFILE, Errno.ENFILE ->
          new MountRefusedException(
              Reason.SYSTEM,
              name + " cannot be opened, too many files are open: raise the limit (ulimit -n)");
      default ->
          new MountRefusedException(
              Reason.SYSTEM,
              name
                  + " cannot be opened ("
                  + Errno.name(errno)
                  + "): see what the kernel says about it (dmesg)");
    };
  }

  /**
   * The place of a directory in its file system: the device, and the path from the file system's
   * root, whichever mount shows it. Both come from the kernel, so that they can be compared.
   */
  private static ByteString locate(byte[] path, long mountId, MountTable mounts) {
    MountTable.Mount mount = mounts.byId(mountId);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    if (mount == null || !startsWith(path, mount.mountPoint())) {
      // A mount that is not seen from here, such as a detached one: compare within it.
      out.writeBytes(("mount " + mountId).getBytes(StandardCharsets.US_ASCII));
      out.writeBytes(path);
      return ByteString.of(out.toByteArray());
    }
    out.writeBytes(mount.device().getBytes(StandardCharsets.ISO_8859_1));
    if (mount.root().length > 1) {
      out.writeBytes(mount.root());
    }
    int from = mount.mountPoint().length > 1 ? mount.mountPoint().length : 0;
    byte[] rest = Arrays.copyOfRange(path, from, path.length);
    if (rest.length > 1 || (rest.length == 1 && rest[0] != '/')) {
      out.writeBytes(rest);
    }
    return ByteString.of(out.toByteArray());
  }

  private static boolean startsWith(byte[] path, byte[] directory) {
    return path.length >= directory.length
        && Arrays.equals(path, 0, directory.length, directory, 0, directory.length)
        && (directory.length == 1
            || path.length == directory.length
            || path[directory.length] == '/');
  }

  /** What messages call it, as in {@code upperdir=/u}. */
  public String name() {
    return name;
  }

  /** The descriptor, open until {@link #close}; it stays this object's. */
  public Fd descriptor() {
    return fd;
  }

  /** The number of {@link #descriptor}. */
  public int fd() {
    return fd.number();
  }

  /** Its full path, without symbolic links, as of when it was opened. */
  public ByteString path() {
    return path;
  }

  /** Equal for equal directories; a directory's begins with that of any directory it is in. */
  ByteString location() {
    return location;
  }

  long mountId() {
    return mountId;
  }

  /** Whether something is mounted right here. */
  boolean mountRoot() {
    return mountRoot;
  }

  /** Whether it is in another directory, at any depth, or is that directory. */
  boolean isWithin(HostDirectory other) {
    ByteString outer = other.location;
    if (location.length() < outer.length()) {
      return false;
    }
    for (int i = 0; i < outer.length(); i++) {
      if (location.byteAt(i) != outer.byteAt(i)) {
        return false;
      }
    }
    return location.length() == outer.length() || location.byteAt(outer.length()) == '/';
  }

  @Override
  public void close() {
    fd.close();
  }
}
