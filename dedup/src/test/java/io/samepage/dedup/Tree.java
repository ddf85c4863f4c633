package io.samepage.dedup;

import io.samepage.posix.Credentials;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** A directory of a test, with what is asked of its files. */
final class Tree {
  private final Path path;

  Tree(Path path) throws IOException {
    this.path = java.nio.file.Files.createDirectories(path);
  }

  static void needsRoot() {
    Assumptions.assumeTrue(Credentials.effectiveUid() == 0, "needs root");
  }

  static byte[] bytes(Path path) {
    return path.toString().getBytes(StandardCharsets.UTF_8);
  }

  Path path() {
    return path;
  }

  byte[] name() {
    return bytes(path);
  }

  Path file(String name, byte[] content) throws IOException {
    return java.nio.file.Files.write(path.resolve(name), content);
  }

  static Fd open(Path path, int flags) throws ErrnoException {
    return new Fd(Files.open(Linux.AT_FDCWD, bytes(path), flags, 0600));
  }

  static Stat stat(Path path) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(Linux.AT_FDCWD, bytes(path), stat);
    return stat;
  }
}
