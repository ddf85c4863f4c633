package io.samepage.fuse.libfuse;

import io.samepage.posix.ErrnoException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What this process, and programs that it starts, print to stderr for a while: libfuse and
 * fusermount say there what is wrong, and nowhere else.
 */
final class ErrorOutput implements AutoCloseable {
  private static final int STDERR = 2;

  private final Path file;
  private final int saved;

  private ErrorOutput(Path file, int saved) {
    this.file = file;
    this.saved = saved;
  }

  static ErrorOutput capture() throws IOException, ErrnoException {
    Path file = Files.createTempFile("samepage-libfuse", null);
    try {
      byte[] path = file.toString().getBytes(StandardCharsets.UTF_8);
      int fd =
          io.samepage.posix.Files.open(
              io.samepage.posix.Linux.AT_FDCWD,
              path,
              io.samepage.posix.Linux.O_WRONLY | io.samepage.posix.Linux.O_APPEND,
              0);
      try {
        int saved = io.samepage.posix.Files.dup(STDERR);
        io.samepage.posix.Files.dup2(fd, STDERR);
        return new ErrorOutput(file, saved);
      } finally {
        io.samepage.posix.Files.close(fd);
      }
    } catch (ErrnoException e) {
      Files.delete(file);
      throw e;
    }
  }

  /** What has been printed so far, as one line. */
  String line() {
    try {
      String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
      return text.strip().replaceAll("\\s*\\R\\s*", "; ");
    } catch (IOException e) {
      return "";
    }
  }

  @Override
  public void close() throws ErrnoException, IOException {
    io.samepage.posix.Files.dup2(saved, STDERR);
    io.samepage.posix.Files.close(saved);
    Files.delete(file);
  }
}
