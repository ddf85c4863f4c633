package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On the file system of the host, and from there to a tmpfs. */
final class DataCopyTest {
  private static final int MIB = 1 << 20;

  @TempDir Path path;
  private HostTree tree;

  @BeforeEach
  void open() throws ErrnoException {
    tree = new HostTree(path);
  }

  @AfterEach
  void close() throws ErrnoException {
    tree.close();
  }

  private void copy(String from, String to) throws ErrnoException {
    int flags = Linux.O_RDWR | Linux.O_CREAT | Linux.O_EXCL;
    try (Fd in = new Fd(Files.open(tree.fd(), bytes(from), Linux.O_RDONLY, 0));
        Fd out = new Fd(Files.open(tree.fd(), bytes(to), flags, 0600))) {
      DataCopy.copy(in.number(), out.number(), tree.stat(from).size);
    }
  }

  /** Starts and ends of data, as far as the file system tells. */
  private List<Long> extents(String name) throws ErrnoException {
    List<Long> extents = new ArrayList<>();
    try (Fd fd = new Fd(Files.open(tree.fd(), bytes(name), Linux.O_RDONLY, 0))) {
      long at = 0;
      while (true) {
        at = Files.seek(fd.number(), at, Linux.SEEK_DATA);
        extents.add(at);
        at = Files.seek(fd.number(), at, Linux.SEEK_HOLE);
        extents.add(at);
      }
    } catch (ErrnoException e) {
      return extents; // ENXIO: nothing but a hole
    }
  }

  private void sparse(String name, long size, long... dataAt) throws Exception {
    byte[] data = new byte[10_000];
    Random random = new Random(size);
    try (RandomAccessFile file = new RandomAccessFile(tree.path(name).toFile(), "rw")) {
      for (long at : dataAt) {
        random.nextBytes(data);
        file.seek(at);
        file.write(data);
      }
      file.setLength(size);
    }
  }

  private void check(String from, String to) throws Exception {
    copy(from, to);
    assertThat(tree.stat(to).size).isEqualTo(tree.stat(from).size);
    assertThat(java.nio.file.Files.mismatch(tree.path(from), tree.path(to))).isEqualTo(-1);
    assertThat(extents(to)).isEqualTo(extents(from));
    assertThat(tree.stat(to).blocks).isLessThanOrEqualTo(tree.stat(from).blocks + 64);
  }

  @Test
  void holesStayHoles() throws Exception {
    sparse("middle", 8 * MIB, 0, 4 * MIB);
    sparse("ends", 8 * MIB, 4 * MIB);
    sparse("full", 30_000, 0, 10_000, 20_000);
    sparse("hole", 8 * MIB);
    sparse("tail", 8 * MIB + 123, 8 * MIB - 10_000);
    sparse("odd", 3 * MIB + 1, MIB + 77, 2 * MIB + 4095);
    tree.file("empty", "");
    tree.file("byte", "x");
    assumeTrue(extents("middle").size() == 4, "this file system tells no holes");
    for (String name : List.of("middle", "ends", "full", "hole", "tail", "odd", "empty", "byte")) {
      check(name, name + ".copy");
    }
  }

  @Test
  void holesStayHolesOnAnotherFileSystem() throws Exception {
    HostTree.needsRoot();
    tree.mkdir("m");
    tree.mount("tmpfs", "m", "size=16m");
    sparse("f", 8 * MIB, 0, 4 * MIB);
    check("f", "m/f");
    check("m/f", "back");
  }

  @Test
  void manyExtentsAreCopied() throws Exception {
    Random random = new Random(1);
    long[] at = new long[100];
    for (int i = 0; i < at.length; i++) {
      at[i] = i * 50_000L + random.nextInt(30_000);
    }
    sparse("f", 6_000_000, at);
    check("f", "copy");
  }

  @Test
  void aFileThatGotShorterIsCopiedAsFarAsItGoes() throws Exception {
    sparse("f", 20_000, 0, 10_000);
    try (Fd in = new Fd(Files.open(tree.fd(), bytes("f"), Linux.O_RDONLY, 0));
        Fd out = new Fd(Files.open(tree.fd(), bytes("o"), Linux.O_RDWR | Linux.O_CREAT, 0600))) {
      DataCopy.copy(in.number(), out.number(), 100_000);
    }
    assertThat(tree.stat("o").size).isEqualTo(100_000);
    assertThat(java.nio.file.Files.mismatch(tree.path("f"), tree.path("o"))).isEqualTo(20_000);
  }
}
