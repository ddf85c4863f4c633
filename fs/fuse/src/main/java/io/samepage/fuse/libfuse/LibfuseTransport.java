package io.samepage.fuse.libfuse;

import io.samepage.fuse.FileSystem;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Session;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Mounts file systems through libfuse 2, by its setuid program where this process may not. */
public final class LibfuseTransport {
  private LibfuseTransport() {}

  /**
   * Mounts a file system. When this returns, the mount stands and requests are answered.
   *
   * @throws MountException if it does not come about; then nothing is mounted
   */
  public static Session mount(LibfuseMountOptions options, FileSystem fs) throws MountException {
    Libfuse libfuse = Libfuse.open();
    byte[] target = resolve(options.target());
    try (ErrorOutput errors = ErrorOutput.capture()) {
      long channel = mount(libfuse, target, options);
      if (channel == 0) {
        throw failure(target, errors.line());
      }
      MountedDirectory mounted = null;
      try {
        mounted = MountedDirectory.on(target);
        LibfuseSession session = LibfuseSession.open(libfuse, mounted, channel, fs);
        if (session == null) {
          throw new MountException(
              Errno.EINVAL, "libfuse does not take its options: " + errors.line());
        }
        session.start();
        return session;
      } catch (MountException | ErrnoException | RuntimeException | Error e) {
        if (mounted != null) {
          mounted.detach(libfuse);
        }
        throw e;
      }
    } catch (ErrnoException | IOException e) {
      int errno = e instanceof ErrnoException failed ? failed.errno() : Errno.EIO;
      throw new MountException(errno, "the mount could not be set up: " + e.getMessage());
    }
  }

  private static long mount(Libfuse libfuse, byte[] target, LibfuseMountOptions options) {
    long path = Memory.allocate(target.length + 1);
    Memory.putString(path, target);
    try (Arguments arguments = Arguments.of(options.mountOptions())) {
      return libfuse.mount(path, arguments.address());
    } finally {
      Memory.free(path);
    }
  }

  /** The path as it is without symbolic links, from the root. */
  private static byte[] resolve(byte[] path) throws MountException {
    try {
      int fd =
          Files.open(Linux.AT_FDCWD, path, Linux.O_PATH | Linux.O_DIRECTORY | Linux.O_CLOEXEC, 0);
      try {
        return Files.readlink(
            Linux.AT_FDCWD, ("/proc/self/fd/" + fd).getBytes(StandardCharsets.US_ASCII));
      } finally {
        Files.close(fd);
      }
    } catch (ErrnoException e) {
      throw new MountException(e.errno(), text(path) + ": " + e.getMessage());
    }
  }

  /** What libfuse and fusermount have printed, with what to do about it. */
  private static MountException failure(byte[] target, String said) {
    String what = said.isEmpty() ? "libfuse could not mount, and does not say why" : said;
    int errno = Errno.EIO;
    String remedy = "see what the kernel says about it (dmesg)";
    if (what.contains("device not found")) {
      errno = Errno.ENOENT;
      remedy = "load the module with modprobe fuse, or give the container the device";
    } else if (what.contains("failed to exec fusermount")) {
      errno = Errno.EPERM;
      remedy = "apt-get install fuse3 (or fuse), or run as root";
    } else if (what.contains("user_allow_other")) {
      errno = Errno.EPERM;
      remedy = "have root write user_allow_other into /etc/fuse.conf, or leave allow_other out";
    } else if (what.contains("ermi") || what.contains("no write access")) {
      errno = Errno.EPERM;
      remedy =
          "run as root; or have root chmod 666 /dev/fuse, and mount on a directory of your own";
    }
    return new MountException(errno, text(target) + ": " + what + ": " + remedy);
  }

  private static String text(byte[] path) {
    return new String(path, StandardCharsets.UTF_8);
  }
}
