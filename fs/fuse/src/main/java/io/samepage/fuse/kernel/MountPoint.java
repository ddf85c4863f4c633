package io.samepage.fuse.kernel;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Mounts;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One mount, known by the kernel's ID of it: it is found again where it was moved to, and what
 * somebody has mounted in its place is let alone.
 */
final class MountPoint {
  private static final Path MOUNTINFO = Path.of("/proc/self/mountinfo");
  private static final byte[] TYPE = ascii("fuse.samepage");
  private static final String ID = "mnt_id:";

  private final byte[] target;
  private final String id;

  private MountPoint(byte[] target, String id) {
    this.target = target;
    this.id = id;
  }

  /** mount(2), on the directory that a path leads to now. */
  static MountPoint mount(Channel device, KernelMountOptions options, byte[] data)
      throws ErrnoException {
    byte[] target = resolve(options.target());
    Mounts.mount(options.fsname(), target, TYPE, options.flags(), data);
    try {
      return new MountPoint(target, idOf(target));
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

  /** The ID of the mount whose root is at a path. It asks nothing of the file system there. */
  private static String idOf(byte[] path) throws ErrnoException {
    int fd = Files.open(Linux.AT_FDCWD, path, Linux.O_PATH | Linux.O_CLOEXEC, 0);
    try {
      for (String line : read(Path.of("/proc/self/fdinfo/" + fd))) {
        if (line.startsWith(ID)) {
          return line.substring(ID.length()).trim();
        }
      }
      throw new IllegalStateException("/proc/self/fdinfo does not say mnt_id");
    } finally {
      Files.close(fd);
    }
  }

  byte[] target() {
    return target.clone();
  }

  /** Where it is now, null if it is no longer in the tree. */
  private byte @Nullable [] find() {
    for (String line : read(MOUNTINFO)) {
      String[] fields = line.split(" ", 6);
      if (fields[0].equals(id)) {
        return unescape(fields[4]);
      }
    }
    return null;
  }

  /** Takes it out of the tree, if it is there: nobody new comes in, and who is in stays. */
  void detach() throws ErrnoException {
    byte[] path = find();
    if (path != null) {
      Mounts.unmount(path, Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
    }
  }

  private static List<String> read(Path file) {
    try {
      // A path is bytes: in this charset each is one character and comes back as it was.
      return java.nio.file.Files.readAllLines(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new IllegalStateException(file + " cannot be read; is /proc mounted?", e);
    }
  }

  /** Paths in /proc have space, tab, newline and backslash as three octal digits. */
  static byte[] unescape(String path) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < path.length(); i++) {
      if (path.charAt(i) == '\\' && i + 3 < path.length()) {
        bytes.write(Integer.parseInt(path.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        bytes.write(path.charAt(i));
      }
    }
    return bytes.toByteArray();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
