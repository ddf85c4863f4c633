package io.samepage.fuse.libfuse;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.MountTable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One mount, known by the kernel's ID of it, so that what somebody has mounted in its place is let
 * alone.
 */
final class MountedDirectory {
  private static final Logger log = LoggerFactory.getLogger(MountedDirectory.class);

  private final long id;

  /** {@link Files#uniqueMountId}; 0 where the kernel has none. */
  private final long uniqueId;

  private MountedDirectory(long id, long uniqueId) {
    this.id = id;
    this.uniqueId = uniqueId;
  }

  /** The mount that has just been made on a path without symbolic links. */
  static MountedDirectory on(byte[] path) throws ErrnoException {
    MountTable.Mount mount = MountTable.read().on(path);
    if (mount == null || !mount.type().startsWith("fuse")) {
      throw ErrnoException.of(Errno.EBUSY, "somebody else mounts and unmounts there");
    }
    return new MountedDirectory(mount.id(), Files.uniqueMountId(path));
  }

  /** Takes it out of the tree, if it is there: nobody new comes in, and who is in stays. */
  void detach(Libfuse libfuse) {
    try {
      MountTable.Mount mount = MountTable.read().byId(id);
      if (mount == null || (uniqueId != 0 && Files.uniqueMountId(mount.mountPoint()) != uniqueId)) {
        return;
      }
      long path = Memory.allocate(mount.mountPoint().length + 1);
      try {
        Memory.putString(path, mount.mountPoint());
        libfuse.unmount(path);
      } finally {
        Memory.free(path);
      }
      MountTable.Mount left = MountTable.read().byId(id);
      if (left != null && uniqueId != 0 && Files.uniqueMountId(left.mountPoint()) == uniqueId) {
        log.error("unmounting failed; unmount with umount -l or fusermount -u -z");
      }
    } catch (ErrnoException e) {
      // Nobody can look at it: it is not there any more.
      log.debug("no mount to detach: {}", e.getMessage());
    }
  }
}
