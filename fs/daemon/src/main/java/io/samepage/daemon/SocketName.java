package io.samepage.daemon;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/**
 * The name of a daemon's socket, which is that of its mount's device. The kernel gives the number
 * of a device that has gone to the next mount, whose daemon may stand while the one before is still
 * ending: so a name is only ever removed together with the socket that it was given to. Who gives
 * or takes a name holds a lock of the directory (flock(2)), for that long.
 */
final class SocketName {
  private SocketName() {}

  /** What tells a socket's file from another's; null if there is none of that name. */
  static @Nullable Object fileOf(Path path) throws IOException {
    try {
      return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  /** Gives a socket its name, which an ended or ending daemon may have. */
  static void give(Path nascent, Path path) throws IOException {
    try (Fd lock = lock(path)) {
      Files.move(nascent, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (ErrnoException e) {
      throw new IOException(e);
    }
  }

  /** Removes a name if it is still that of a certain {@link #fileOf file}. */
  static void remove(Path path, Object file) throws IOException {
    try (Fd lock = lock(path)) {
      if (file.equals(fileOf(path))) {
        Files.deleteIfExists(path);
      }
    } catch (ErrnoException e) {
      throw new IOException(e);
    }
  }

  private static Fd lock(Path path) throws ErrnoException {
    Path directory = path.toAbsolutePath().getParent();
    byte[] name = String.valueOf(directory).getBytes(StandardCharsets.UTF_8);
    int flags = Linux.O_RDONLY | Linux.O_DIRECTORY;
    Fd fd = new Fd(io.samepage.posix.Files.open(Linux.AT_FDCWD, name, flags, 0));
    try {
      io.samepage.posix.Files.lockExclusively(fd.number());
      return fd;
    } catch (ErrnoException e) {
      fd.close();
      throw e;
    }
  }
}
