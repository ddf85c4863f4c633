package io.samepage.fuse.kernel;

import io.samepage.fuse.FileSystem;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Session;
import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.nio.charset.StandardCharsets;

/** Mounts file systems through /dev/fuse. */
public final class KernelTransport {
  private KernelTransport() {}

  /**
   * Mounts a file system. When this returns, the mount stands and requests are answered.
   *
   * @throws MountException if it does not come about; then nothing is mounted
   */
  public static Session mount(KernelMountOptions options, FileSystem fs) throws MountException {
    Channel device = openDevice();
    try {
      MountPoint mountPoint = mount(device, options);
      try {
        Handshake.Agreement agreement = Handshake.perform(device, options);
        KernelSession session = new KernelSession(device, mountPoint, fs, agreement, options);
        session.start();
        return session;
      } catch (ErrnoException e) {
        detach(mountPoint);
        throw new MountException(e.errno(), "the mount could not be set up: " + e.getMessage());
      } catch (MountException | RuntimeException | Error e) {
        detach(mountPoint);
        throw e;
      }
    } catch (MountException | RuntimeException | Error e) {
      device.release();
      throw e;
    }
  }

  private static void detach(MountPoint mountPoint) {
    try {
      mountPoint.detach(true);
    } catch (ErrnoException e) {
      // Whoever unmounted it first has done the same.
    }
  }

  private static Channel openDevice() throws MountException {
    try {
      return Channel.open();
    } catch (ErrnoException e) {
      throw new MountException(
          e.errno(),
          switch (e.errno()) {
            case Errno.ENOENT, Errno.ENXIO, Errno.ENODEV ->
                "there is no /dev/fuse: load the module with modprobe fuse, or give the container"
                    + " the device (--device /dev/fuse)";
            case Errno.EACCES, Errno.EPERM ->
                "/dev/fuse may not be opened ("
                    + e.getMessage()
                    + "): run as root, or give the container the device (--device /dev/fuse)";
            default -> "/dev/fuse cannot be opened: " + e.getMessage();
          });
    }
  }

  private static MountPoint mount(Channel device, KernelMountOptions options)
      throws MountException {
    // max_read: what the buffers and the pipe take, whatever the size of a page.
    String data =
        "fd="
            + device.number()
            + ",rootmode=40000,user_id="
            + Integer.toUnsignedString(Credentials.effectiveUid())
            + ",group_id="
            + Integer.toUnsignedString(Credentials.effectiveGid())
            + ",default_permissions"
            + (options.allowOther() ? ",allow_other" : "")
            + ",max_read="
            + PagePipe.MOST;
    try {
      return MountPoint.mount(options, data.getBytes(StandardCharsets.US_ASCII));
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EINVAL && !isFuse(device)) {
        throw new MountException(
            e.errno(), "/dev/fuse is not the FUSE device: make it with mknod /dev/fuse c 10 229");
      }
      String target = new String(options.target(), StandardCharsets.UTF_8);
      throw new MountException(e.errno(), target + ": " + explain(e));
    }
  }

  private static boolean isFuse(Channel device) {
    try {
      return device.isFuse();
    } catch (ErrnoException e) {
      return false;
    }
  }

  private static String explain(ErrnoException e) {
    return switch (e.errno()) {
      case Errno.ENOENT -> "there is no such directory to mount on: create it";
      case Errno.ENOTDIR -> "this is not a directory; mount on one";
      case Errno.ENOTCONN -> "a dead FUSE mount is in the way: remove it with umount";
      case Errno.EPERM, Errno.EACCES ->
          "mounting is not permitted (" + e.getMessage() + "): run as root";
      case Errno.ENODEV -> "the kernel has no FUSE file system: load it with modprobe fuse";
      default -> "mounting failed: " + e.getMessage();
    };
  }
}
