package io.samepage.fuse.kernel;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.MountTable;
import io.samepage.posix.Mounts;
import java.nio.charset.StandardCharsets;

/**
 * One mount, known by the kernel's ID of it: it is found again where it was moved to, and what
 * somebody has mounted in its place is let alone.
 */
final class MountPoint {
  private static final String TYPE = "fuse.samepage";

  private final long id;

  /** {@link Files#uniqueMountId}. */
  private final long uniqueId;

  private MountPoint(long id, long uniqueId) {
    this.id = id;
    this.uniqueId = uniqueId;
  }

  /** mount(2), on the directory that a path leads to now. */
  static MountPoint mount(KernelMountOptions options, byte[] data) throws ErrnoException {
    byte[] target = resolve(options.target());
    Mounts.mount(options.fsname(), target, ascii(TYPE), options.flags(), data);
    try {
      MountTable.Mount mount = MountTable.read().on(target);
      if (mount != null && mount.type().equals(TYPE)) {
        return new MountPoint(mount.id(), Files.uniqueMountId(target));
      }
      throw ErrnoException.of(Errno.EBUSY, "somebody else mounts and unmounts there");
    } catch (ErrnoException e) {
      Mounts.unmount(target, Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
      throw e;
    }
  }

  /** The path as it is without symbolic links, from the root. */
  private static byte[] resolve(byte[] path) throws ErrnoException {
    int fd =
        Files.open(Linux.AT_FDCWD, path, Linux.O_PATH | Linux.O_DIRECTORY | Linux.O_CLOEXEC, 0);
    try {
      return Files.readlink(Linux.AT_FDCWD, ascii("/proc/self/fd/" + fd));
    } finally {
      Files.close(fd);
    }
  }

  /**
   * Takes it out of the tree, if it is there: nobody new comes in, and who is in stays.
   *
   * @param mayBeGone whether somebody may have unmounted it. The ID in the table is given again at
   *     once; a kernel that has no other cannot tell then, and nothing is done.
   */
  void detach(boolean mayBeGone) throws ErrnoException {
    MountTable.Mount mount = MountTable.read().byId(id);
    if (mount == null || (uniqueId == 0 && mayBeGone)) {
      return;
    }
    if (uniqueId == 0 || Files.uniqueMountId(mount.mountPoint()) == uniqueId) {
      Mounts.unmount(mount.mountPoint(), Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
