package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileHandles;
import io.samepage.posix.FileHandles.FileHandle;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.MountTable;
import io.samepage.posix.Stat;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A regular file on a mount of samepage's, held by a descriptor, so that its kernel inode stays.
 */
final class FileOnMount implements AutoCloseable {
  private static final byte[] ITSELF = {};
  private static final int INODE_AND_GENERATION = 0x81;

  private final Fd fd;
  private final ByteString path;
  private final String device;
  private final ByteString pathInMount;
  private final long nodeid;

  private FileOnMount(Fd fd, ByteString path, String device, ByteString pathInMount, long nodeid) {
    this.fd = fd;
    this.path = path;
    this.device = device;
    this.pathInMount = pathInMount;
    this.nodeid = nodeid;
  }

  static FileOnMount open(ByteString name) throws CommandFailure {
    Fd fd = null;
    try {
      fd = new Fd(Files.open(Linux.AT_FDCWD, name.toBytes(), Linux.O_PATH, 0));
      FileOnMount file = of(fd, name);
      fd = null;
      return file;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOTCONN) {
        throw new CommandFailure(
            ExitCode.UNREACHABLE,
            name + " is on a mount whose daemon does not answer: it was killed; umount it");
      }
      throw new CommandFailure(
          ExitCode.NOT_MOUNTED,
          name + " cannot be reached (" + e.getMessage() + "): name a file that is there");
    } finally {
      if (fd != null) {
        fd.close();
      }
    }
  }

  private static FileOnMount of(Fd fd, ByteString name) throws ErrnoException, CommandFailure {
    byte[] link = ("/proc/self/fd/" + fd.number()).getBytes(StandardCharsets.US_ASCII);
    byte[] path = Files.readlink(Linux.AT_FDCWD, link);
    Stat stat = new Stat();
    Files.statFollow(link, stat);
    MountTable.Mount mount = MountTable.read().byId(stat.mountId);
    if (mount == null || !mount.type().equals(MountedOverlay.TYPE)) {
      throw new CommandFailure(
          ExitCode.NOT_MOUNTED,
          name
              + " is not on a mount of samepage"
              + (mount == null ? "" : " but on " + mount.type())
              + ": samepage status lists the mounts of samepage");
    }
    if (!stat.isRegular()) {
      throw new CommandFailure(
          ExitCode.USAGE, name + " is no regular file: name one, since only these have page maps");
    }
    FileHandle handle = FileHandles.of(fd.number(), ITSELF);
    if (handle == null || handle.type() != INODE_AND_GENERATION || handle.bytes().length < 8) {
      throw new CommandFailure(
          ExitCode.SYSTEM,
          "the kernel gives no file handle for " + name + ": use a kernel with CONFIG_FHANDLE");
    }
    // fuse_encode_fh in fs/fuse/inode.c: the upper half of the nodeid comes first.
    ByteBuffer words = ByteBuffer.wrap(handle.bytes()).order(ByteOrder.nativeOrder());
    long nodeid = ((long) words.getInt(0) << 32) | (words.getInt(4) & 0xffffffffL);
    return new FileOnMount(
        fd, ByteString.of(path), mount.device(), pathInMount(mount, path), nodeid);
  }

  /** The path from the root of the file system, which a bind mount need not show. */
  private static ByteString pathInMount(MountTable.Mount mount, byte[] path) {
    int point = mount.mountPoint().length == 1 ? 0 : mount.mountPoint().length;
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    if (mount.root().length > 1) {
      all.writeBytes(mount.root());
    }
    if (path.length > point) {
      all.write(path, point, path.length - point);
    }
    byte[] bytes = all.toByteArray();
    return bytes.length > 1 && bytes[0] == '/'
        ? ByteString.of(java.util.Arrays.copyOfRange(bytes, 1, bytes.length))
        : ByteString.of(bytes);
  }

  /** Its full path. */
  ByteString path() {
    return path;
  }

  /** Its mount's device, as in {@code 0:53}. */
  String device() {
    return device;
  }

  /** Its path from the root of the mount, without a slash before it. */
  ByteString pathInMount() {
    return pathInMount;
  }

  /** What the kernel and the daemon know it by. */
  long nodeid() {
    return nodeid;
  }

  @Override
  public void close() {
    fd.close();
  }
}
