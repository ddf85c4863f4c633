package io.samepage.posix;

import static io.samepage.posix.Failures.assertErrno;
import static io.samepage.posix.TestDirectory.bytes;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DirectoriesTest {
  private static final int NEW = Linux.O_CREAT | Linux.O_EXCL | Linux.O_WRONLY;

  @TempDir Path path;

  private static Map<String, Integer> list(TestDirectory dir) throws ErrnoException {
    Map<String, Integer> entries = new HashMap<>();
    Directories.list(
        dir.fd(),
        (name, ino, type) ->
            assertThat(entries.put(new String(name, ISO_8859_1), type)).as("twice").isNull());
    return entries;
  }

  @Test
  void manyNamesAreEachListedOnce() throws Exception {
    try (TestDirectory dir = new TestDirectory(path)) {
      Set<String> made = new HashSet<>();
      for (int i = 0; i < 10_000; i++) {
        String name = "n".repeat(i % 50) + i;
        Files.close(Files.open(dir.fd(), bytes(name), NEW, 0600));
        made.add(name);
      }
      assertThat(list(dir).keySet()).isEqualTo(made);
    }
  }

  @Test
  void namesAreBytesAndOnlyTheTwoDotsAreLeftOut() throws Exception {
    Set<String> names =
        Set.of("\u00ff\u00fe", "\u0001", "...", ".x", "..x", "\u00c3(", "a b\n", "x".repeat(255));
    try (TestDirectory dir = new TestDirectory(path)) {
      for (String name : names) {
        Files.close(Files.open(dir.fd(), bytes(name), NEW, 0600));
      }
      assertThat(list(dir).keySet()).isEqualTo(names);
    }
  }

  @Test
  void typesAndNumbersAreThoseOfStat() throws Exception {
    try (TestDirectory dir = new TestDirectory(path)) {
      dir.file("f", "x");
      Files.mkdir(dir.fd(), bytes("d"), 0700);
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      Files.mknod(dir.fd(), bytes("p"), Linux.S_IFIFO | 0600, 0);
      Files.mknod(dir.fd(), bytes("s"), Linux.S_IFSOCK | 0600, 0);
      Files.mknod(dir.fd(), bytes("c"), Linux.S_IFCHR, 0);
      Map<String, Integer> types = new HashMap<>();
      Directories.list(
          dir.fd(),
          (name, ino, type) -> {
            String text = new String(name, ISO_8859_1);
            types.put(text, type);
          });
      assertThat(types)
          .containsExactlyInAnyOrderEntriesOf(
              Map.of(
                  "f", Linux.DT_REG,
                  "d", Linux.DT_DIR,
                  "l", Linux.DT_LNK,
                  "p", Linux.DT_FIFO,
                  "s", Linux.DT_SOCK,
                  "c", Linux.DT_CHR));
      Map<String, Long> numbers = new HashMap<>();
      Files.seek(dir.fd(), 0, Linux.SEEK_SET);
      Directories.list(
          dir.fd(), (name, ino, type) -> numbers.put(new String(name, ISO_8859_1), ino));
      for (String name : types.keySet()) {
        assertThat(numbers.get(name)).isEqualTo(dir.stat(name).ino);
      }
    }
  }

  @Test
  void aDirectoryIsReadFromWhereItStands() throws Exception {
    try (TestDirectory dir = new TestDirectory(path)) {
      dir.file("f", "x");
      assertThat(list(dir)).hasSize(1);
      assertThat(list(dir)).isEmpty();
      Files.seek(dir.fd(), 0, Linux.SEEK_SET);
      assertThat(list(dir)).hasSize(1);
    }
  }

  @Test
  void whatAVisitorThrowsEndsTheList() throws Exception {
    try (TestDirectory dir = new TestDirectory(path)) {
      dir.file("a", "");
      dir.file("b", "");
      List<byte[]> seen = new ArrayList<>();
      assertErrno(
          Errno.EIO,
          () ->
              Directories.list(
                  dir.fd(),
                  (name, ino, type) -> {
                    seen.add(name);
                    throw ErrnoException.of(Errno.EIO);
                  }));
      assertThat(seen).hasSize(1);
    }
  }

  @Test
  void aFileIsNoDirectory() throws Exception {
    try (TestDirectory dir = new TestDirectory(path)) {
      dir.file("f", "x");
      try (Fd file = dir.open("f", Linux.O_RDONLY)) {
        assertErrno(Errno.ENOTDIR, () -> Directories.list(file.number(), (n, i, t) -> {}));
      }
    }
  }
}
