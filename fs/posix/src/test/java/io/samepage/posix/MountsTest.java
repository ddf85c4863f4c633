package io.samepage.posix;

import static io.samepage.posix.Failures.assertErrno;
import static io.samepage.posix.TestDirectory.SELF;
import static io.samepage.posix.TestDirectory.bytes;
import static io.samepage.posix.TestDirectory.needsRoot;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MountsTest {
  @TempDir Path path;
  private final NativeBuffer buffer = NativeBuffer.allocate(16);

  @Test
  void nothingIsWrittenThroughAReadOnlyClone() throws Exception {
    needsRoot();
    try (TestDirectory dir = new TestDirectory(path)) {
      byte[] file = dir.file("f", "old");
      Files.utimens(dir.fd(), file, 1, 0, 2, 0);
      try (Fd clone = new Fd(Mounts.openTreeClone(dir.fd(), SELF))) {
        Mounts.addAttributes(clone.number(), Linux.MOUNT_ATTR_RDONLY | Linux.MOUNT_ATTR_NOATIME);
        int at = clone.number();
        assertErrno(Errno.EROFS, () -> Files.open(at, file, Linux.O_WRONLY, 0));
        assertErrno(Errno.EROFS, () -> Files.open(at, file, Linux.O_RDWR | Linux.O_TRUNC, 0));
        assertErrno(Errno.EROFS, () -> Files.open(at, bytes("n"), Linux.O_CREAT, 0600));
        assertErrno(Errno.EROFS, () -> Files.unlink(at, file));
        assertErrno(Errno.EROFS, () -> Files.mkdir(at, bytes("n"), 0700));
        assertErrno(Errno.EROFS, () -> Files.utimens(at, file, 5, 0, 5, 0));
        assertErrno(Errno.EROFS, () -> Xattrs.set(at, file, bytes("user.x"), bytes("v"), 0));
        try (Fd pathFd = new Fd(Files.open(at, file, Linux.O_PATH, 0))) {
          assertErrno(Errno.EROFS, () -> Files.chmod(pathFd.number(), 0777));
          assertErrno(Errno.EROFS, () -> Files.reopen(pathFd.number(), Linux.O_RDWR));
        }
        try (Fd fd = new Fd(Files.open(at, file, Linux.O_RDONLY, 0))) {
          assertThat(Files.pread(fd.number(), buffer.address(), 3, 0)).isEqualTo(3);
        }
        assertThat(dir.stat("f").atimeSeconds).as("access time").isEqualTo(1);
        // The mount that was cloned is as it was.
        dir.file("f", "new");
        assertThat(dir.text("f")).isEqualTo("new");
      }
    }
  }

  @Test
  void aCloneIsAttachedNowhereAndIsOfTheDirectory() throws Exception {
    needsRoot();
    try (TestDirectory dir = new TestDirectory(path)) {
      dir.file("f", "x");
      int before = MountTable.read().mounts().size();
      byte[] whole = bytes(path.toString());
      try (Fd clone = new Fd(Mounts.openTreeClone(Linux.AT_FDCWD, whole))) {
        assertThat(MountTable.read().mounts()).hasSize(before);
        Stat stat = new Stat();
        Files.stat(clone.number(), bytes("f"), stat);
        assertThat(stat.ino).isEqualTo(dir.stat("f").ino);
        Files.stat(clone.number(), stat);
        assertThat(stat.attributes & Linux.STATX_ATTR_MOUNT_ROOT).isNotZero();
        assertErrno(
            Errno.EXDEV, () -> Files.link(clone.number(), bytes("f"), dir.fd(), bytes("across")));
      }
    }
  }

  @Test
  void theAccessTimeSettingIsOnlyReplacedWhenItIsAskedFor() throws Exception {
    needsRoot();
    try (TestDirectory dir = new TestDirectory(path);
        Fd clone = new Fd(Mounts.openTreeClone(dir.fd(), SELF))) {
      Mounts.addAttributes(clone.number(), Linux.MOUNT_ATTR_NOATIME);
      Mounts.addAttributes(clone.number(), Linux.MOUNT_ATTR_RDONLY | Linux.MOUNT_ATTR_NODEV);
      byte[] file = dir.file("f", "x");
      Files.utimens(dir.fd(), file, 1, 0, 2, 0);
      try (Fd fd = new Fd(Files.open(clone.number(), file, Linux.O_RDONLY, 0))) {
        Files.pread(fd.number(), buffer.address(), 1, 0);
      }
      assertThat(dir.stat("f").atimeSeconds).isEqualTo(1);
    }
  }

  @Test
  void whatIsMountedIsInTheTableWithItsOptionsUntilItIsUnmounted() throws Exception {
    needsRoot();
    byte[] at = bytes(path.toString());
    String data = "size=64k,mode=711";
    Mounts.mount(bytes("samepage-test"), at, bytes("tmpfs"), Linux.MS_NOSUID, bytes(data));
    try {
      MountTable.Mount mount = Objects.requireNonNull(MountTable.read().on(at));
      assertThat(mount.type()).isEqualTo("tmpfs");
      assertThat(mount.source()).isEqualTo(bytes("samepage-test"));
      Stat stat = new Stat();
      Files.statFollow(at, stat);
      assertThat(stat.mode & 0777).isEqualTo(0711);
      assertThat(stat.mountId).isEqualTo(mount.id());
    } finally {
      Mounts.unmount(at, Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
    }
    assertThat(MountTable.read().on(at)).isNull();
    assertErrno(Errno.EINVAL, () -> Mounts.unmount(at, 0));
  }
}
