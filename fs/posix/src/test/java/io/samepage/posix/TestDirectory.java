package io.samepage.posix;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;

/** A directory of a test as the classes of this package see it: a descriptor, and names in it. */
final class TestDirectory implements AutoCloseable {
  static final byte[] SELF = {};

  private final Path path;
  private final int fd;

  TestDirectory(Path path) throws ErrnoException {
    this.path = path;
    this.fd =
        Files.open(Linux.AT_FDCWD, bytes(path.toString()), Linux.O_RDONLY | Linux.O_DIRECTORY, 0);
  }

  static byte[] bytes(String latin1) {
    return latin1.getBytes(ISO_8859_1);
  }

  static void needsRoot() {
    assumeTrue(Credentials.effectiveUid() == 0, "needs root");
  }

  int fd() {
    return fd;
  }

  Path path() {
    return path;
  }

  /** Makes a file that holds a text. */
  byte[] file(String name, String text) throws IOException {
    java.nio.file.Files.write(path.resolve(name), bytes(text));
    return bytes(name);
  }

  String text(String name) throws IOException {
    return new String(java.nio.file.Files.readAllBytes(path.resolve(name)), ISO_8859_1);
  }

  Stat stat(String name) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(fd, bytes(name), stat);
    return stat;
  }

  boolean has(String name) throws ErrnoException {
    return Files.tryStat(fd, bytes(name), new Stat()) == 0;
  }

  Fd open(String name, int flags) throws ErrnoException {
    return new Fd(Files.open(fd, bytes(name), flags, 0600));
  }

  /** An O_PATH descriptor of a name itself. */
  Fd openPath(String name) throws ErrnoException {
    return open(name, Linux.O_PATH | Linux.O_NOFOLLOW);
  }

  @Override
  public void close() {
    Files.close(fd);
  }
}
