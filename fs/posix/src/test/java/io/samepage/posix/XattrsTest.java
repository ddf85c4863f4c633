package io.samepage.posix;

import static io.samepage.posix.Failures.assertErrno;
import static io.samepage.posix.TestDirectory.SELF;
import static io.samepage.posix.TestDirectory.bytes;
import static io.samepage.posix.TestDirectory.needsRoot;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** All of it twice: by the calls of Linux 6.13, where the kernel has them, and by /proc. */
final class XattrsTest {
  private static final byte[] USER = bytes("user.samepage");
  private static final byte[] TRUSTED = bytes("trusted.samepage");

  @Nested
  final class ByTheCallsForNames extends Calls {
    ByTheCallsForNames() {
      super(false);
    }
  }

  @Nested
  final class ByProc extends Calls {
    ByProc() {
      super(true);
    }
  }

  abstract static class Calls {
    private final boolean byProc;
    private boolean had;

    @TempDir Path path;
    private TestDirectory dir;

    Calls(boolean byProc) {
      this.byProc = byProc;
    }

    @BeforeEach
    void open() throws Exception {
      had = Xattrs.noXattrAt;
      Xattrs.noXattrAt = byProc;
      dir = new TestDirectory(path);
      dir.file("f", "x");
      Files.mkdir(dir.fd(), bytes("d"), 0700);
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      try {
        Xattrs.set(dir.fd(), bytes("f"), USER, bytes("probe"), 0);
      } catch (ErrnoException e) {
        assumeTrue(e.errno() != Errno.EOPNOTSUPP, "this file system has no user attributes");
        throw e;
      }
      Xattrs.remove(dir.fd(), bytes("f"), USER);
      assumeTrue(Xattrs.noXattrAt == byProc, "this kernel is older than 6.13");
    }

    @AfterEach
    void close() {
      Xattrs.noXattrAt = had;
      if (dir != null) {
        dir.close();
      }
    }

    private List<String> list(int dirfd, byte[] name) throws ErrnoException {
      String list = new String(Xattrs.list(dirfd, name), StandardCharsets.ISO_8859_1);
      assertThat(list.isEmpty() || list.endsWith("\0")).isTrue();
      return list.isEmpty()
          ? List.of()
          : List.of(list.substring(0, list.length() - 1).split("\0", -1));
    }

    /** A whole life of an attribute. */
    private void check(int dirfd, byte[] name, byte[] attribute) throws Exception {
      String text = new String(attribute, StandardCharsets.ISO_8859_1);
      assertThat(list(dirfd, name)).doesNotContain(text);
      assertThat(Xattrs.find(dirfd, name, attribute)).isNull();
      assertErrno(Errno.ENODATA, () -> Xattrs.get(dirfd, name, attribute));
      assertErrno(Errno.ENODATA, () -> Xattrs.remove(dirfd, name, attribute));
      assertErrno(
          Errno.ENODATA, () -> Xattrs.set(dirfd, name, attribute, bytes("v"), Linux.XATTR_REPLACE));

      byte[] value = bytes("\0value\u00ff");
      Xattrs.set(dirfd, name, attribute, value, Linux.XATTR_CREATE);
      assertErrno(
          Errno.EEXIST, () -> Xattrs.set(dirfd, name, attribute, value, Linux.XATTR_CREATE));
      assertThat(Xattrs.find(dirfd, name, attribute)).isEqualTo(value);
      assertThat(Xattrs.get(dirfd, name, attribute)).isEqualTo(value);
      assertThat(list(dirfd, name)).contains(text);

      Xattrs.set(dirfd, name, attribute, bytes(""), Linux.XATTR_REPLACE);
      assertThat(Xattrs.find(dirfd, name, attribute)).isEmpty();
      Xattrs.remove(dirfd, name, attribute);
      assertThat(list(dirfd, name)).doesNotContain(text);
    }

    @Test
    void ofANameInADirectory() throws Exception {
      check(dir.fd(), bytes("f"), USER);
      check(dir.fd(), bytes("d"), USER);
    }

    @Test
    void ofADescriptor() throws Exception {
      try (Fd fd = dir.open("f", Linux.O_RDONLY)) {
        check(fd.number(), SELF, USER);
      }
      check(dir.fd(), SELF, USER);
    }

    @Test
    void ofAPathDescriptor() throws Exception {
      try (Fd file = dir.openPath("f");
          Fd directory = dir.openPath("d")) {
        check(file.number(), SELF, USER);
        check(directory.number(), SELF, USER);
      }
    }

    @Test
    void ofANameInADirectoryThatIsAPathDescriptor() throws Exception {
      dir.file("d/g", "x");
      try (Fd directory = dir.openPath("d")) {
        check(directory.number(), bytes("g"), USER);
      }
    }

    @Test
    void ofASymlinkItself() throws Exception {
      needsRoot();
      check(dir.fd(), bytes("l"), TRUSTED);
      try (Fd link = dir.openPath("l")) {
        check(link.number(), SELF, TRUSTED);
        Xattrs.set(link.number(), SELF, TRUSTED, bytes("link"), 0);
      }
      assertThat(Xattrs.get(dir.fd(), bytes("l"), TRUSTED)).isEqualTo(bytes("link"));
      assertThat(Xattrs.find(dir.fd(), bytes("f"), TRUSTED)).isNull();
      assertErrno(Errno.EPERM, () -> Xattrs.set(dir.fd(), bytes("l"), USER, bytes("v"), 0));
    }

    @Test
    void ofAFileThatIsNotThere() {
      byte[] no = bytes("no");
      assertErrno(Errno.ENOENT, () -> Xattrs.find(dir.fd(), no, USER));
      assertErrno(Errno.ENOENT, () -> Xattrs.get(dir.fd(), no, USER));
      assertErrno(Errno.ENOENT, () -> Xattrs.list(dir.fd(), no));
      assertErrno(Errno.ENOENT, () -> Xattrs.set(dir.fd(), no, USER, no, 0));
      assertErrno(Errno.ENOENT, () -> Xattrs.remove(dir.fd(), no, USER));
    }

    @Test
    void ofAFileSystemThatHasNone() throws Exception {
      try (Fd proc = new Fd(Files.open(Linux.AT_FDCWD, bytes("/proc/self"), Linux.O_PATH, 0))) {
        assertThat(Xattrs.find(proc.number(), bytes("status"), USER)).isNull();
        assertThat(Xattrs.list(proc.number(), bytes("status"))).isEmpty();
        assertErrno(
            Errno.EOPNOTSUPP,
            () -> Xattrs.set(proc.number(), bytes("status"), USER, bytes("v"), 0));
      }
    }

    @Test
    void largeOnes() throws Exception {
      byte[] value = new byte[3000];
      new java.util.Random(1).nextBytes(value);
      Xattrs.set(dir.fd(), bytes("f"), USER, value, 0);
      assertThat(Xattrs.get(dir.fd(), bytes("f"), USER)).isEqualTo(value);
      assertErrno(Errno.E2BIG, () -> Xattrs.set(dir.fd(), bytes("f"), USER, new byte[65_537], 0));
      assertErrno(
          Errno.ERANGE, () -> Xattrs.get(dir.fd(), bytes("f"), bytes("user." + "x".repeat(251))));
      assertThat(Xattrs.get(dir.fd(), bytes("f"), USER)).isEqualTo(value);
    }

    @Test
    void aListOfMoreThanTheFirstRoomIsWhole() throws ErrnoException {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        String name = "user." + "n".repeat(100) + i;
        names.add(name);
        Xattrs.set(dir.fd(), bytes("f"), bytes(name), bytes("v"), 0);
      }
      assertThat(list(dir.fd(), bytes("f"))).containsExactlyInAnyOrderElementsOf(names);
    }

    @Test
    void leaveTheChosenCallsInUse() throws Exception {
      assertErrno(Errno.ENOENT, () -> Xattrs.get(dir.fd(), bytes("no"), USER));
      check(dir.fd(), bytes("f"), USER);
      assertThat(Xattrs.noXattrAt).isEqualTo(byProc);
    }
  }
}
