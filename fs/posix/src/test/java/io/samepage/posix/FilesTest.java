package io.samepage.posix;

import static io.samepage.posix.Failures.assertErrno;
import static io.samepage.posix.TestDirectory.SELF;
import static io.samepage.posix.TestDirectory.bytes;
import static io.samepage.posix.TestDirectory.needsRoot;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class FilesTest {
  private static final int MIB = 1 << 20;
  private static final int FS_NOATIME_FL = 0x80;

  @TempDir Path path;
  private TestDirectory dir;
  private final NativeBuffer buffer = NativeBuffer.allocate(4096);

  @BeforeEach
  void open() throws ErrnoException {
    dir = new TestDirectory(path);
  }

  @AfterEach
  void close() {
    dir.close();
  }

  private void write(Fd fd, long offset, String text) throws ErrnoException {
    buffer.bytes().put(0, bytes(text));
    assertThat(Files.pwrite(fd.number(), buffer.address(), text.length(), offset))
        .isEqualTo(text.length());
  }

  private String read(Fd fd, long offset, int size) throws ErrnoException {
    byte[] got = new byte[Files.pread(fd.number(), buffer.address(), size, offset)];
    buffer.bytes().get(0, got);
    return new String(got, java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  @Test
  void whoIsOpenForWritingIsSeenAndWhoOpensMeanwhileDisturbsNobody() throws Exception {
    Path file = java.nio.file.Files.write(path.resolve("file"), new byte[10]);
    AtomicBoolean stop = new AtomicBoolean();
    try (Fd reader = new Fd(Files.open(dir.fd(), bytes("file"), Linux.O_RDONLY, 0))) {
      assertThat(Files.isOpenForWriting(reader.number())).isFalse();
      try (Fd writer = new Fd(Files.open(dir.fd(), bytes("file"), Linux.O_RDWR, 0))) {
        assertThat(Files.isOpenForWriting(reader.number())).isTrue();
      }
      // The signal that who opens it causes would end this process.
      Thread opener =
          new Thread(
              () -> {
                try {
                  while (!stop.get()) {
                    Files.close(Files.open(dir.fd(), bytes("file"), Linux.O_WRONLY, 0));
                  }
                } catch (ErrnoException e) {
                  throw new IllegalStateException(e);
                }
              });
      opener.start();
      boolean[] seen = new boolean[2];
      for (int i = 0; i < 20_000 || (i < 2_000_000 && !(seen[0] && seen[1])); i++) {
        seen[Files.isOpenForWriting(reader.number()) ? 1 : 0] = true;
      }
      stop.set(true);
      opener.join();
      assertThat(seen).containsOnly(true);
      assertThat(Files.isOpenForWriting(reader.number())).isFalse();
    }
    assertThat(file).hasSize(10);
  }

  @Nested
  final class Opening {
    @Test
    void aNameThatIsNotThereIsAnErrno() throws Exception {
      assertThat(Files.tryOpen(dir.fd(), bytes("no"), Linux.O_RDONLY, 0)).isEqualTo(-Errno.ENOENT);
      assertErrno(
          Errno.ENOENT, () -> Files.close(Files.open(dir.fd(), bytes("no"), Linux.O_RDONLY, 0)));
    }

    @Test
    void descriptorsAreNotInherited() throws Exception {
      byte[] file = dir.file("f", "x");
      int[] fds = {
        Files.open(dir.fd(), file, Linux.O_RDONLY, 0),
        Files.openBeneath(dir.fd(), file, Linux.O_RDONLY, 0),
        Files.reopen(dir.fd(), Linux.O_RDONLY)
      };
      for (int fd : fds) {
        String info = java.nio.file.Files.readString(Path.of("/proc/self/fdinfo/" + fd));
        Files.close(fd);
        String flags = info.replaceAll("(?s).*flags:\\s*(\\S+).*", "$1");
        assertThat(Integer.parseInt(flags, 8) & Linux.O_CLOEXEC).isEqualTo(Linux.O_CLOEXEC);
      }
    }

    @Test
    void aPathDescriptorIsReopenedForWriting() throws Exception {
      dir.file("f", "old");
      try (Fd pathFd = dir.openPath("f");
          Fd fd = new Fd(Files.reopen(pathFd.number(), Linux.O_RDWR))) {
        write(fd, 0, "new");
      }
      assertThat(dir.text("f")).isEqualTo("new");
    }

    @Test
    void nothingLeadsOutOfADirectoryWhereItMayNot() throws Exception {
      Files.mkdir(dir.fd(), bytes("d"), 0755);
      dir.file("d/f", "x");
      Files.symlink(bytes("d"), dir.fd(), bytes("l"));
      long beneath = Linux.RESOLVE_BENEATH | Linux.RESOLVE_NO_SYMLINKS;
      int fd = Files.openBeneath(dir.fd(), bytes("d/f"), Linux.O_RDONLY, beneath);
      Files.close(fd);
      assertErrno(
          Errno.ELOOP, () -> Files.openBeneath(dir.fd(), bytes("l/f"), Linux.O_RDONLY, beneath));
      assertErrno(
          Errno.EXDEV, () -> Files.openBeneath(dir.fd(), bytes(".."), Linux.O_PATH, beneath));
    }

    @ParameterizedTest
    @ValueSource(ints = {256, 4095, 4096, 4127, 4128, 100_000})
    void aNameThatIsTooLongIsRefused(int length) {
      byte[] name = new byte[length];
      Arrays.fill(name, (byte) 'x');
      assertErrno(Errno.ENAMETOOLONG, () -> Files.open(dir.fd(), name, Linux.O_RDONLY, 0));
      assertErrno(Errno.ENAMETOOLONG, () -> Files.symlink(bytes("t"), dir.fd(), name));
      assertErrno(Errno.ENAMETOOLONG, () -> Files.rmdir(dir.fd(), name));
    }

    @Test
    void aNameNeedNotBeText() throws Exception {
      byte[] name = new byte[255];
      for (int i = 0; i < name.length; i++) {
        name[i] = (byte) (i + 1);
      }
      name['/' - 1] = (byte) 0xff;
      Files.close(Files.open(dir.fd(), name, Linux.O_CREAT | Linux.O_EXCL | Linux.O_WRONLY, 0600));
      Stat stat = new Stat();
      Files.stat(dir.fd(), name, stat);
      assertThat(stat.isRegular()).isTrue();
      Files.unlink(dir.fd(), name);
      assertThat(Files.tryStat(dir.fd(), name, stat)).isEqualTo(Errno.ENOENT);
    }
  }

  @Nested
  final class Making {
    @ParameterizedTest
    @CsvSource({
      "0, 0",
      "1, 3",
      "8, 255",
      "8, 256",
      "259, 65536",
      "255, 1048575",
      "256, 1",
      "4095, 0",
      "4095, 1048575",
      "2730, 699050"
    })
    void aDeviceKeepsItsNumbers(int major, int minor) throws Exception {
      needsRoot();
      Stat wanted = new Stat();
      wanted.rdevMajor = major;
      wanted.rdevMinor = minor;
      for (int type : new int[] {Linux.S_IFCHR, Linux.S_IFBLK}) {
        Files.mknod(dir.fd(), bytes("d"), type | 0600, wanted.rdev());
        Stat stat = dir.stat("d");
        Files.unlink(dir.fd(), bytes("d"));
        assertThat(stat.type()).isEqualTo(type);
        assertThat(stat.rdevMajor).isEqualTo(major);
        assertThat(stat.rdevMinor).isEqualTo(minor);
        assertThat(stat.rdev()).isEqualTo(wanted.rdev());
      }
    }

    @Test
    void aWhiteoutNeedsNoNumbers() throws Exception {
      Files.mknod(dir.fd(), bytes("w"), Linux.S_IFCHR, 0);
      assertThat(dir.stat("w").isZeroDevice()).isTrue();
      Files.mknod(dir.fd(), bytes("p"), Linux.S_IFIFO | 0600, 0);
      assertThat(dir.stat("p").isZeroDevice()).isFalse();
      assertThat(dir.stat("p").type()).isEqualTo(Linux.S_IFIFO);
    }

    @Test
    void aSymlinkHasItsTarget() throws Exception {
      byte[] target = bytes("\u00ff/x".repeat(1300));
      Files.symlink(target, dir.fd(), bytes("l"));
      assertThat(Files.readlink(dir.fd(), bytes("l"))).isEqualTo(target);
      assertThat(dir.stat("l").isSymlink()).isTrue();
      try (Fd link = dir.openPath("l")) {
        assertThat(Files.readlink(link.number(), SELF)).isEqualTo(target);
      }
    }

    @Test
    void aDirectoryGoesByRmdirAlone() throws Exception {
      Files.mkdir(dir.fd(), bytes("d"), 0700);
      assertThat(dir.stat("d").isDirectory()).isTrue();
      assertErrno(Errno.EISDIR, () -> Files.unlink(dir.fd(), bytes("d")));
      Files.rmdir(dir.fd(), bytes("d"));
      assertThat(dir.has("d")).isFalse();
    }
  }

  @Nested
  final class Linking {
    @Test
    void aNameIsNotFollowed() throws Exception {
      dir.file("f", "x");
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      Files.link(dir.fd(), bytes("l"), dir.fd(), bytes("l2"));
      assertThat(dir.stat("l2").isSymlink()).isTrue();
      assertThat(dir.stat("l2").ino).isEqualTo(dir.stat("l").ino);
      assertThat(dir.stat("f").nlink).isEqualTo(1);
    }

    @Test
    void aDescriptorOfASymlinkIsTheSymlink() throws Exception {
      dir.file("f", "x");
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      try (Fd link = dir.openPath("l")) {
        Files.link(link.number(), dir.fd(), bytes("l2"));
      }
      assertThat(dir.stat("l2").ino).isEqualTo(dir.stat("l").ino);
    }

    @Test
    void aFileWithoutANameGetsOne() throws Exception {
      try (Fd fd = new Fd(Files.open(dir.fd(), bytes("."), Linux.O_TMPFILE | Linux.O_RDWR, 0600))) {
        write(fd, 0, "nameless");
        Files.link(fd.number(), dir.fd(), bytes("f"));
        assertErrno(Errno.EEXIST, () -> Files.link(fd.number(), dir.fd(), bytes("f")));
      }
      assertThat(dir.text("f")).isEqualTo("nameless");
    }
  }

  @Nested
  final class Renaming {
    @Test
    void noreplaceLeavesWhatIsThere() throws Exception {
      byte[] a = dir.file("a", "a");
      byte[] b = dir.file("b", "b");
      int flags = Linux.RENAME_NOREPLACE;
      assertErrno(Errno.EEXIST, () -> Files.rename(dir.fd(), a, dir.fd(), b, flags));
      assertThat(dir.text("b")).isEqualTo("b");
      Files.rename(dir.fd(), a, dir.fd(), b, 0);
      assertThat(dir.text("b")).isEqualTo("a");
      assertThat(dir.has("a")).isFalse();
    }

    @Test
    void exchangeSwapsFilesOfAnyKind() throws Exception {
      byte[] a = dir.file("a", "a");
      Files.mkdir(dir.fd(), bytes("d"), 0700);
      Files.rename(dir.fd(), a, dir.fd(), bytes("d"), Linux.RENAME_EXCHANGE);
      assertThat(dir.stat("a").isDirectory()).isTrue();
      assertThat(dir.text("d")).isEqualTo("a");
    }

    @Test
    void whiteoutStaysUnderTheOldName() throws Exception {
      byte[] a = dir.file("a", "a");
      try {
        Files.rename(dir.fd(), a, dir.fd(), bytes("b"), Linux.RENAME_WHITEOUT);
      } catch (ErrnoException e) {
        assumeTrue(false, "no RENAME_WHITEOUT here: " + e.getMessage());
      }
      assertThat(dir.stat("a").isZeroDevice()).isTrue();
      assertThat(dir.text("b")).isEqualTo("a");
    }
  }

  @Nested
  final class Metadata {
    @ParameterizedTest
    @CsvSource({"0, 0", "1, 999999999", "1700000000, 123456789", "4000000000, 1", "-5, 7"})
    void timesAreKeptToTheNanosecond(long seconds, int nanos) throws Exception {
      byte[] file = dir.file("f", "x");
      Files.utimens(dir.fd(), file, seconds, nanos, seconds + 1, 42);
      Stat stat = dir.stat("f");
      assertThat(stat.atimeSeconds).isEqualTo(seconds);
      assertThat(stat.atimeNanos).isEqualTo(nanos);
      assertThat(stat.mtimeSeconds).isEqualTo(seconds + 1);
      assertThat(stat.mtimeNanos).isEqualTo(42);
    }

    @Test
    void oneTimeCanStayOrBeNow() throws Exception {
      byte[] file = dir.file("f", "x");
      Files.utimens(dir.fd(), file, 1, 2, 3, 4);
      long before = System.currentTimeMillis() / 1000 - 1;
      Files.utimens(dir.fd(), file, 0, Linux.UTIME_OMIT, 0, Linux.UTIME_NOW);
      Stat stat = dir.stat("f");
      assertThat(stat.atimeSeconds).isEqualTo(1);
      assertThat(stat.atimeNanos).isEqualTo(2);
      assertThat(stat.mtimeSeconds).isGreaterThanOrEqualTo(before);
    }

    @Test
    void timesOfASymlinkAreItsOwn() throws Exception {
      dir.file("f", "x");
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      Files.utimens(dir.fd(), bytes("l"), 11, 0, 12, 0);
      assertThat(dir.stat("l").mtimeSeconds).isEqualTo(12);
      assertThat(dir.stat("f").mtimeSeconds).isNotEqualTo(12);
      try (Fd link = dir.openPath("l")) {
        Files.utimens(link.number(), SELF, 21, 0, 22, 0);
      }
      assertThat(dir.stat("l").mtimeSeconds).isEqualTo(22);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void modeOfAPathDescriptorChanges(boolean byProc) throws Exception {
      dir.file("f", "x");
      Files.mkdir(dir.fd(), bytes("d"), 0700);
      boolean had = Files.noFchmodat2;
      Files.noFchmodat2 = byProc;
      try (Fd file = dir.openPath("f");
          Fd directory = dir.openPath("d")) {
        Files.chmod(file.number(), Linux.S_IFREG | 04751);
        Files.chmod(directory.number(), 01775);
      } finally {
        Files.noFchmodat2 = had;
      }
      assertThat(dir.stat("f").mode).isEqualTo(Linux.S_IFREG | 04751);
      assertThat(dir.stat("d").mode).isEqualTo(Linux.S_IFDIR | 01775);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void modeOfANameChanges(boolean byProc) throws Exception {
      dir.file("f", "x");
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      boolean had = Files.noFchmodat2;
      Files.noFchmodat2 = byProc;
      try (Fd file = dir.openPath("f")) {
        Files.chmod(dir.fd(), bytes("f"), Linux.S_IFREG | 04751);
        assertThat(dir.stat("f").mode).isEqualTo(Linux.S_IFREG | 04751);
        Files.chmod(file.number(), SELF, 0640);
        assertThat(dir.stat("f").mode).isEqualTo(Linux.S_IFREG | 0640);
        assertErrno(Errno.EOPNOTSUPP, () -> Files.chmod(dir.fd(), bytes("l"), 0123));
        assertErrno(Errno.ENOENT, () -> Files.chmod(dir.fd(), bytes("absent"), 0123));
      } finally {
        Files.noFchmodat2 = had;
      }
      assertThat(dir.stat("f").mode).isEqualTo(Linux.S_IFREG | 0640);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSymlinkHasNoModeToChange(boolean byProc) throws Exception {
      dir.file("f", "x");
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      int mode = dir.stat("f").mode;
      boolean had = Files.noFchmodat2;
      Files.noFchmodat2 = byProc;
      try (Fd link = dir.openPath("l")) {
        assertErrno(Errno.EOPNOTSUPP, () -> Files.chmod(link.number(), 0123));
      } finally {
        Files.noFchmodat2 = had;
      }
      assertThat(dir.stat("f").mode).isEqualTo(mode);
    }

    @Test
    void anOwnerOfMinusOneStays() throws Exception {
      needsRoot();
      byte[] file = dir.file("f", "x");
      Files.symlink(bytes("f"), dir.fd(), bytes("l"));
      Files.chown(dir.fd(), file, 1234, -1);
      Files.chown(dir.fd(), file, -1, 70_000);
      Files.chown(dir.fd(), bytes("l"), 5, 6);
      try (Fd pathFd = dir.openPath("l")) {
        Files.chown(pathFd.number(), SELF, -1, 7);
      }
      assertThat(dir.stat("f").uid).isEqualTo(1234);
      assertThat(dir.stat("f").gid).isEqualTo(70_000);
      assertThat(dir.stat("l").uid).isEqualTo(5);
      assertThat(dir.stat("l").gid).isEqualTo(7);
    }

    @Test
    void flagsOfChattrAreReadAndSet() throws Exception {
      dir.file("f", "x");
      try (Fd fd = dir.open("f", Linux.O_RDONLY)) {
        byte[] flags = new byte[4];
        try {
          Files.ioctl(fd.number(), Linux.FS_IOC_GETFLAGS, flags);
        } catch (ErrnoException e) {
          assumeTrue(e.errno() != Errno.ENOTTY, "this file system has no such flags");
          throw e;
        }
        byte[] changed = flags.clone();
        changed[0] |= (byte) FS_NOATIME_FL;
        Files.ioctl(fd.number(), Linux.FS_IOC_SETFLAGS, changed);
        byte[] now = new byte[4];
        Files.ioctl(fd.number(), Linux.FS_IOC_GETFLAGS, now);
        assertThat(now).isEqualTo(changed);
      }
    }
  }

  @Nested
  final class Data {
    @Test
    void copyingARangeMovesNoPosition() throws Exception {
      dir.file("in", "0123456789");
      try (Fd in = dir.open("in", Linux.O_RDONLY);
          Fd out = dir.open("out", Linux.O_RDWR | Linux.O_CREAT)) {
        long copied = Files.copyRange(in.number(), 3, out.number(), 1, 4);
        assertThat(copied).isEqualTo(4);
        assertThat(read(out, 0, 20)).isEqualTo("\0" + "3456");
        assertThat(Files.copyRange(in.number(), 10, out.number(), 0, 4)).isZero();
        assertThat(Files.seek(in.number(), 0, Linux.SEEK_CUR)).isZero();
        assertThat(Files.seek(out.number(), 0, Linux.SEEK_CUR)).isZero();
        assertThat(Files.seek(out.number(), -2, Linux.SEEK_END)).isEqualTo(3);
      }
    }

    @Test
    void holesAreFound() throws Exception {
      try (Fd fd = dir.open("f", Linux.O_RDWR | Linux.O_CREAT)) {
        write(fd, 2 * MIB, "data");
        Files.truncate(fd.number(), 8 * MIB);
        long data = Files.seek(fd.number(), 0, Linux.SEEK_DATA);
        assumeTrue(data > 0, "this file system tells no holes");
        assertThat(data).isBetween(MIB + 1L, 2L * MIB);
        assertThat(Files.seek(fd.number(), data, Linux.SEEK_HOLE)).isBetween(data + 4, 4L * MIB);
        assertErrno(Errno.ENXIO, () -> Files.seek(fd.number(), 4 * MIB, Linux.SEEK_DATA));
        assertErrno(Errno.ENXIO, () -> Files.seek(fd.number(), 8 * MIB, Linux.SEEK_HOLE));
      }
    }

    @Test
    void truncateShortensAndLengthens() throws Exception {
      dir.file("f", "0123456789");
      try (Fd fd = dir.open("f", Linux.O_RDWR)) {
        Files.truncate(fd.number(), 3);
        Files.truncate(fd.number(), 5L << 32);
        assertThat(dir.stat("f").size).isEqualTo(5L << 32);
        assertThat(read(fd, 0, 5)).isEqualTo("012\0\0");
        assertErrno(Errno.EINVAL, () -> Files.truncate(fd.number(), -1));
      }
      try (Fd fd = dir.open("f", Linux.O_RDONLY)) {
        assertErrno(Errno.EINVAL, () -> Files.truncate(fd.number(), 0));
      }
    }

    @Test
    void roomIsTakenAndGivenBack() throws Exception {
      try (Fd fd = dir.open("f", Linux.O_RDWR | Linux.O_CREAT)) {
        Files.fallocate(fd.number(), Linux.FALLOC_FL_KEEP_SIZE, 0, MIB);
        assertThat(dir.stat("f").size).isZero();
        assertThat(dir.stat("f").blocks).isGreaterThanOrEqualTo(MIB / 512);
        Files.fallocate(fd.number(), 0, 0, MIB);
        assertThat(dir.stat("f").size).isEqualTo(MIB);
        write(fd, 0, "data");
        int punch = Linux.FALLOC_FL_PUNCH_HOLE | Linux.FALLOC_FL_KEEP_SIZE;
        Files.fallocate(fd.number(), punch, 0, MIB);
        assertThat(dir.stat("f").blocks).isLessThan(MIB / 512);
        assertThat(read(fd, 0, 4)).isEqualTo("\0\0\0\0");
        assertErrno(Errno.EINVAL, () -> Files.fallocate(fd.number(), 0, 0, 0));
      }
    }

    @Test
    void callsThatReturnAnErrnoDo() {
      assertThat(Files.tryRead(-1, buffer.address(), 16)).isEqualTo(-Errno.EBADF);
      assertThat(Files.tryWrite(-1, buffer.address(), 16)).isEqualTo(-Errno.EBADF);
      assertErrno(Errno.EBADF, () -> Files.pread(-1, buffer.address(), 16, 0));
      assertThat(Files.tryClone(-1, -1)).isFalse();
    }

    @Test
    void aCloneHasTheSameData() throws Exception {
      dir.file("in", "data");
      try (Fd in = dir.open("in", Linux.O_RDONLY);
          Fd out = dir.open("out", Linux.O_RDWR | Linux.O_CREAT)) {
        assertThat(dir.text("out")).isEmpty();
        boolean cloned = Files.tryClone(in.number(), out.number());
        assertThat(dir.text("out")).isEqualTo(cloned ? "data" : "");
      }
    }

    @Test
    void aLockExcludesAnotherDescription() throws Exception {
      dir.file("f", "x");
      try (Fd one = dir.open("f", Linux.O_RDONLY)) {
        try (Fd other = dir.open("f", Linux.O_RDONLY)) {
          assertThat(Files.tryLockExclusively(one.number())).isTrue();
          assertThat(Files.tryLockExclusively(other.number())).isFalse();
        }
        assertThat(Files.tryLockExclusively(one.number())).isTrue();
      }
      assertErrno(Errno.EBADF, () -> Files.tryLockExclusively(-1));
    }
  }

  @Test
  void statfsTellsTheKindOfFileSystem() throws Exception {
    try (Fd proc = new Fd(Files.open(Linux.AT_FDCWD, bytes("/proc"), Linux.O_PATH, 0))) {
      StatFs statfs = new StatFs();
      Files.statfs(proc.number(), statfs);
      assertThat(statfs.type).isEqualTo(0x9fa0);
      Files.statfs(dir.fd(), statfs);
      assertThat(statfs.nameLength).isBetween(100L, 1000L);
      assertThat(statfs.blocks).isGreaterThanOrEqualTo(statfs.blocksFree);
      assertThat(statfs.blocksFree).isGreaterThanOrEqualTo(statfs.blocksAvailable);
      assertThat(statfs.blocks * statfs.fragmentSize)
          .isEqualTo(java.nio.file.Files.getFileStore(path).getTotalSpace());
    }
  }
}
