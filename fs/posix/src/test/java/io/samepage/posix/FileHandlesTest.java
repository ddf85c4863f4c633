package io.samepage.posix;

import static io.samepage.posix.Failures.assertErrno;
import static io.samepage.posix.TestDirectory.SELF;
import static io.samepage.posix.TestDirectory.bytes;
import static io.samepage.posix.TestDirectory.needsRoot;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.posix.FileHandles.FileHandle;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileHandlesTest {
  @TempDir Path path;
  private TestDirectory dir;

  @BeforeEach
  void open() throws Exception {
    needsRoot();
    dir = new TestDirectory(path);
    dir.file("f", "x");
    assumeTrue(
        FileHandles.of(dir.fd(), bytes("f")) != null, "this file system gives no file handles");
  }

  @AfterEach
  void close() {
    if (dir != null) {
      dir.close();
    }
  }

  private FileHandle handle(int dirfd, byte[] name) throws ErrnoException {
    return Objects.requireNonNull(FileHandles.of(dirfd, name));
  }

  private long inodeOf(FileHandle handle) throws ErrnoException {
    try (Fd fd = new Fd(FileHandles.tryOpen(dir.fd(), handle, Linux.O_PATH))) {
      assertThat(fd.number()).isNotNegative();
      Stat stat = new Stat();
      Files.stat(fd.number(), stat);
      return stat.ino;
    }
  }

  @Test
  void aHandleLeadsBackToItsFile() throws Exception {
    Files.mkdir(dir.fd(), bytes("d"), 0700);
    Files.symlink(bytes("f"), dir.fd(), bytes("l"));
    for (String name : new String[] {"f", "d", "l"}) {
      assertThat(inodeOf(handle(dir.fd(), bytes(name)))).isEqualTo(dir.stat(name).ino);
      try (Fd fd = dir.openPath(name)) {
        FileHandle byFd = handle(fd.number(), SELF);
        assertThat(byFd.bytes()).isEqualTo(handle(dir.fd(), bytes(name)).bytes());
        assertThat(inodeOf(new FileHandle(byFd.type(), byFd.bytes())))
            .isEqualTo(dir.stat(name).ino);
      }
    }
  }

  @Test
  void aHandleSurvivesARenameAndNotARemoval() throws Exception {
    FileHandle handle = handle(dir.fd(), bytes("f"));
    long ino = dir.stat("f").ino;
    Files.rename(dir.fd(), bytes("f"), dir.fd(), bytes("g"), 0);
    assertThat(inodeOf(handle)).isEqualTo(ino);
    Files.unlink(dir.fd(), bytes("g"));
    assertThat(FileHandles.tryOpen(dir.fd(), handle, Linux.O_PATH)).isEqualTo(-Errno.ESTALE);
  }

  @Test
  void whatIsNoHandleIsRefused() throws Exception {
    FileHandle tooLong = new FileHandle(1, new byte[129]);
    assertThat(FileHandles.tryOpen(dir.fd(), tooLong, Linux.O_PATH)).isEqualTo(-Errno.EINVAL);
    FileHandle junk = new FileHandle(handle(dir.fd(), bytes("f")).type(), new byte[128]);
    assertThat(FileHandles.tryOpen(dir.fd(), junk, Linux.O_PATH)).isNegative();
    assertErrno(Errno.ENOENT, () -> FileHandles.of(dir.fd(), bytes("no")));
  }

  @Test
  void aFileSystemWithoutHandlesGivesNone() throws Exception {
    try (Fd proc = new Fd(Files.open(Linux.AT_FDCWD, bytes("/proc/self"), Linux.O_PATH, 0))) {
      assertThat(FileHandles.of(proc.number(), bytes("status"))).isNull();
    }
  }
}
