package io.samepage.overlay.options;

import io.samepage.overlay.options.MountOptionParser.Form;
import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Directories;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.MountTable;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The directory that is mounted on, opened and checked. */
public final class MountTarget implements AutoCloseable {
  private static final byte[] SELF = {'.'};
  private static final Set<String> OVERLAYS =
      Set.of("fuse.samepage", "overlay", "fuse.fuse-overlayfs");

  private final HostDirectory directory;
  private final boolean mounted;

  private MountTarget(HostDirectory directory, boolean mounted) {
    this.directory = directory;
    this.mounted = mounted;
  }

  /** Opens a mount point. */
  public static MountTarget open(ByteString path) throws MountRefusedException {
    MountTable mounts = MountDirectories.readMounts();
    HostDirectory directory =
        HostDirectory.open("the mount point " + path, path, Linux.O_PATH, Reason.TARGET, mounts);
    MountTable.Mount mount = mounts.byId(directory.mountId());
    return new MountTarget(
        directory, directory.mountRoot() && mount != null && OVERLAYS.contains(mount.type()));
  }

  /** Whether it is the root of an overlay already, of this or another kind. */
  public boolean mounted() {
    return mounted;
  }

  /** Its full path, without symbolic links. */
  public ByteString path() {
    return directory.path();
  }

  /** A descriptor of the directory, which hides behind the mount once that stands. */
  public int fd() {
    return directory.fd();
  }

  /**
   * Refuses a mount point that is mounted on already or not empty, if a person asks for it;
   * container engines may stack mounts.
   */
  public void requireFree(Form form, boolean nonEmpty) throws MountRefusedException {
    if (form != Form.STRICT) {
      return;
    }
    if (mounted) {
      throw new MountRefusedException(
          Reason.TARGET, directory.name() + " is mounted already: unmount it first (umount)");
    }
    if (!nonEmpty && !isEmpty()) {
      throw new MountRefusedException(
          Reason.TARGET,
          directory.name()
              + " is not empty: name an empty directory, or add the option nonempty to hide what is"
              + " in it");
    }
  }

  /** Refuses a mount point within the mount's own upper or work directory. */
  public void requireApart(MountDirectories directories) throws MountRefusedException {
    for (HostDirectory layer :
        new @Nullable HostDirectory[] {directories.upper(), directories.work()}) {
      if (layer != null && directory.isWithin(layer)) {
        throw new MountRefusedException(
            Reason.TARGET,
            directory.name() + " is inside " + layer.name() + ": name a directory outside of it");
      }
    }
  }

  private boolean isEmpty() {
    int fd;
    try {
      fd = Files.open(directory.fd(), SELF, Linux.O_RDONLY | Linux.O_DIRECTORY, 0);
    } catch (ErrnoException e) {
      return true; // what this user cannot read is not hidden from him
    }
    try {
      Directories.list(
          fd,
          (name, ino, type) -> {
            throw ErrnoException.of(Errno.ENOTEMPTY);
          });
      return true;
    } catch (ErrnoException e) {
      return e.errno() != Errno.ENOTEMPTY;
    } finally {
      Files.close(fd);
    }
  }

  @Override
  public void close() {
    directory.close();
  }
}
