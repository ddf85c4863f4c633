package io.samepage.overlay;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.posix.Credentials;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Mounts;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Set;
import java.util.TreeSet;

/** A directory of a test, with what it has mounted below. */
final class HostTree implements AutoCloseable {
  private final Path path;
  private final Fd fd;
  private final Deque<Path> mounted = new ArrayDeque<>();

  HostTree(Path path) throws ErrnoException {
    this.path = path;
    this.fd = directory(Linux.AT_FDCWD, path.toString());
  }

  static byte[] bytes(String latin1) {
    return latin1.getBytes(ISO_8859_1);
  }

  static void needsRoot() {
    assumeTrue(Credentials.effectiveUid() == 0, "needs root");
  }

  private static Fd directory(int dirfd, String name) throws ErrnoException {
    return new Fd(Files.open(dirfd, bytes(name), Linux.O_RDONLY | Linux.O_DIRECTORY, 0));
  }

  int fd() {
    return fd.number();
  }

  Path path(String name) {
    return path.resolve(name);
  }

  /** Opens a directory of the tree for reading. */
  Fd directory(String name) throws ErrnoException {
    return directory(fd(), name);
  }

  void mkdir(String... names) throws ErrnoException {
    for (String name : names) {
      Files.mkdir(fd(), bytes(name), 0755);
    }
  }

  void file(String name, String text) throws Exception {
    java.nio.file.Files.write(path(name), bytes(text));
  }

  /** An O_PATH descriptor of a name itself. */
  Fd openPath(String name) throws ErrnoException {
    return new Fd(Files.open(fd(), bytes(name), Linux.O_PATH | Linux.O_NOFOLLOW, 0));
  }

  Stat stat(String name) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(fd(), bytes(name), stat);
    return stat;
  }

  boolean has(String name) throws ErrnoException {
    return Files.tryStat(fd(), bytes(name), new Stat()) == 0;
  }

  byte[] xattr(String name, byte[] attribute) throws ErrnoException {
    return Xattrs.get(fd(), bytes(name), attribute);
  }

  /** The names in a directory. */
  Set<String> names(String name) {
    String[] names = path(name).toFile().list();
    return new TreeSet<>(Arrays.asList(names == null ? new String[0] : names));
  }

  /** Mounts something on a directory of the tree; skips the test where that cannot be. */
  void mount(String type, String name, String data) throws ErrnoException {
    needsRoot();
    try {
      Mounts.mount(bytes(type), bytes(path(name).toString()), bytes(type), 0, bytes(data));
    } catch (ErrnoException e) {
      assumeTrue(false, "cannot mount " + type + ": " + e.getMessage());
    }
    mounted.push(path(name));
  }

  /**
   * Mounts the kernel's overlayfs on {@code merged} over {@code lower}, {@code upper} and {@code
   * work}, which are made if need be.
   */
  void mountOverlay(String options) throws ErrnoException {
    for (String name : new String[] {"lower", "upper", "work", "merged"}) {
      if (!has(name)) {
        mkdir(name);
      }
    }
    mount(
        "overlay",
        "merged",
        "lowerdir="
            + path("lower")
            + ",upperdir="
            + path("upper")
            + ",workdir="
            + path("work")
            + options);
  }

  void unmount() throws ErrnoException {
    Mounts.unmount(bytes(mounted.pop().toString()), Linux.MNT_DETACH);
  }

  @Override
  public void close() throws ErrnoException {
    while (!mounted.isEmpty()) {
      unmount();
    }
    fd.close();
  }
}
