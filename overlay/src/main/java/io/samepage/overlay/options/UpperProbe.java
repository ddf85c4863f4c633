package io.samepage.overlay.options;

import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Directories;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Xattrs;
import java.nio.charset.StandardCharsets;

/**
 * Finds out what the file system of an upper directory can do, by trying it in the work directory.
 * An overlay cannot do without attributes, whiteouts and the exchange of two names, and a directory
 * without them is refused. Nothing is left behind.
 */
final class UpperProbe {
  private static final byte[] WORK = ascii("work");
  private static final byte[] WHITEOUT = ascii("whiteout");
  private static final byte[] DIRECTORY = ascii("directory");
  private static final byte[] MOVED = ascii("moved");
  private static final byte[] SELF = ascii(".");
  private static final byte[] NOTHING = {};
  private static final int OPEN = Linux.O_RDONLY | Linux.O_DIRECTORY | Linux.O_NOFOLLOW;

  private final HostDirectory upper;
  private final HostDirectory work;
  private final boolean userXattr;

  private UpperProbe(HostDirectory upper, HostDirectory work, boolean userXattr) {
    this.upper = upper;
    this.work = work;
    this.userXattr = userXattr;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  static UpperFeatures probe(HostDirectory upper, HostDirectory work, boolean userXattr)
      throws MountRefusedException {
    return new UpperProbe(upper, work, userXattr).probe();
  }

  /**
   * Works in a directory of its own in {@code work/work}, which is cleared at every mount, should
   * this process be killed right here.
   */
  private UpperFeatures probe() throws MountRefusedException {
    byte[] name = ascii("#probe-" + ProcessHandle.current().pid());
    try {
      boolean made = makeDirectory(work.fd(), WORK);
      try (Fd cleared = new Fd(Files.open(work.fd(), WORK, OPEN, 0))) {
        makeDirectory(cleared.number(), name);
        try (Fd place = new Fd(Files.open(cleared.number(), name, OPEN, 0))) {
          return probeIn(place.number());
        } finally {
          removeDirectory(cleared.number(), name);
        }
      } finally {
        if (made) {
          removeDirectory(work.fd(), WORK);
        }
      }
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOSPC || e.errno() == Errno.EDQUOT) {
        return UpperFeatures.ALL; // full, and the way out may be to remove something
      }
      throw cannotWrite(e.errno());
    }
  }

  private UpperFeatures probeIn(int place) throws MountRefusedException, ErrnoException {
    requireAttributes(place);
    try {
      requireWhiteouts(place);
      makeDirectory(place, DIRECTORY);
      requireExchange(place);
      // From here on DIRECTORY names the whiteout, and WHITEOUT the directory.
      boolean entryTypes = tellsEntryTypes(place);
      return new UpperFeatures(makesUnnamedFiles(place), leavesWhiteouts(place), entryTypes);
    } finally {
      for (byte[] name : new byte[][] {WHITEOUT, DIRECTORY, MOVED}) {
        removeFile(place, name);
        removeDirectory(place, name);
      }
    }
  }

  private void requireAttributes(int place) throws MountRefusedException, ErrnoException {
    String attribute = (userXattr ? "user" : "trusted") + ".overlay.opaque";
    try {
      Xattrs.set(place, NOTHING, ascii(attribute), ascii("y"), 0);
    } catch (ErrnoException e) {
      switch (e.errno()) {
        case Errno.EOPNOTSUPP ->
            throw lacks(
                "extended attributes of the kind " + attribute.replace("opaque", "*"),
                userXattr
                    ? "put it on a file system that has them (ext4, xfs, btrfs, tmpfs since Linux"
                        + " 6.6)"
                    : "put it on a file system that has them (ext4, xfs, btrfs, tmpfs)");
        case Errno.EPERM, Errno.EACCES ->
            throw new MountRefusedException(
                Reason.PERMISSION,
                "this user may not set "
                    + attribute
                    + " in "
                    + work.name()
                    + ": run as root"
                    + (userXattr ? "" : ", or add the option userxattr"));
        default -> throw e;
      }
    }
  }

  private void requireWhiteouts(int place) throws MountRefusedException, ErrnoException {
    try {
      Files.mknod(place, WHITEOUT, Linux.S_IFCHR, 0);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EPERM
          || e.errno() == Errno.EOPNOTSUPP
          || e.errno() == Errno.EINVAL
          || e.errno() == Errno.ENOSYS) {
        throw lacks(
            "whiteouts (character devices 0:0)",
            "put it on a file system that is no overlay itself (ext4, xfs, btrfs, tmpfs)");
      }
      throw e;
    }
  }

  private void requireExchange(int place) throws MountRefusedException, ErrnoException {
    try {
      Files.rename(place, WHITEOUT, place, DIRECTORY, Linux.RENAME_EXCHANGE);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EINVAL || e.errno() == Errno.ENOSYS || e.errno() == Errno.EOPNOTSUPP) {
        throw lacks(
            "the exchange of two names (RENAME_EXCHANGE)",
            "put it on a file system that has it (ext4, xfs, btrfs, tmpfs)");
      }
      throw e;
    }
  }

  private static boolean makesUnnamedFiles(int place) throws ErrnoException {
    int fd = Files.tryOpen(place, SELF, Linux.O_TMPFILE | Linux.O_WRONLY, 0600);
    if (fd < 0) {
      return false;
    }
    Files.close(fd);
    return true;
  }

  private static boolean leavesWhiteouts(int place) {
    try {
      Files.rename(place, WHITEOUT, place, MOVED, Linux.RENAME_WHITEOUT);
      return true;
    } catch (ErrnoException e) {
      return false;
    }
  }

  private static boolean tellsEntryTypes(int place) throws ErrnoException {
    boolean[] told = {true};
    Directories.list(place, (name, ino, type) -> told[0] &= type != Linux.DT_UNKNOWN);
    return told[0];
  }

  private MountRefusedException lacks(String what, String remedy) {
    return new MountRefusedException(
        Reason.UPPER_FILE_SYSTEM,
        "the file system of " + upper.name() + " has no " + what + ": " + remedy);
  }

  private MountRefusedException cannotWrite(int errno) {
    return switch (errno) {
      case Errno.EROFS ->
          new MountRefusedException(
              Reason.UPPER_FILE_SYSTEM,
              upper.name()
                  + " is on a read-only file system: remount that read-write, or make the directory"
                  + " the first lowerdir of a mount without upperdir");
      case Errno.EACCES, Errno.EPERM ->
          new MountRefusedException(
              Reason.PERMISSION,
              work.name() + " cannot be written: give it to this user, or run as root");
      default ->
          new MountRefusedException(
              Reason.SYSTEM,
              work.name()
                  + " cannot be used ("
                  + Errno.name(errno)
                  + "): see what the kernel says about its file system (dmesg)");
    };
  }

  /** Returns whether it was not there before. */
  private static boolean makeDirectory(int parent, byte[] name) throws ErrnoException {
    try {
      Files.mkdir(parent, name, 0700);
      return true;
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EEXIST) {
        throw e;
      }
      return false;
    }
  }

  private static void removeFile(int parent, byte[] name) {
    try {
      Files.unlink(parent, name);
    } catch (ErrnoException e) {
      // It is a directory, or was never made.
    }
  }

  private static void removeDirectory(int parent, byte[] name) {
    try {
      Files.rmdir(parent, name);
    } catch (ErrnoException e) {
      // It is a file, or was never made, or holds something that was there before.
    }
  }
}
