package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.MountTable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A mount of samepage's, as the kernel lists it.
 *
 * @param path its mount point
 * @param device its device, as in {@code 0:53}
 */
record MountedOverlay(ByteString path, String device) {
  static final String TYPE = "fuse.samepage";

  /** All that this process sees. */
  static List<MountedOverlay> all() throws CommandFailure {
    List<MountedOverlay> all = new ArrayList<>();
    for (MountTable.Mount mount : readTable().mounts()) {
      if (mount.type().equals(TYPE)) {
        all.add(new MountedOverlay(ByteString.of(mount.mountPoint()), mount.device()));
      }
    }
    return all;
  }

  /** The one on a directory. Its daemon is not asked anything, and need not be alive. */
  static MountedOverlay on(ByteString directory) throws CommandFailure {
    byte[] path;
    try {
      int fd = Files.open(Linux.AT_FDCWD, directory.toBytes(), Linux.O_PATH | Linux.O_DIRECTORY, 0);
      try {
        path =
            Files.readlink(
                Linux.AT_FDCWD, ("/proc/self/fd/" + fd).getBytes(StandardCharsets.US_ASCII));
      } finally {
        Files.close(fd);
      }
    } catch (ErrnoException e) {
      throw new CommandFailure(
          ExitCode.NOT_MOUNTED,
          directory + " is no directory that can be reached (" + e.getMessage() + ")");
    }
    MountTable.Mount mount = readTable().on(path);
    if (mount == null || !mount.type().equals(TYPE)) {
      throw new CommandFailure(
          ExitCode.NOT_MOUNTED,
          directory
              + (mount == null
                  ? " is not a mount point"
                  : " is a mount of another kind (" + mount.type() + ")")
              + ": samepage status lists the mounts of samepage");
    }
    return new MountedOverlay(ByteString.of(path), mount.device());
  }

  private static MountTable readTable() throws CommandFailure {
    try {
      return MountTable.read();
    } catch (ErrnoException e) {
      throw new CommandFailure(ExitCode.SYSTEM, e.getMessage() + ": is /proc mounted?");
    }
  }
}
