package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.fuse.Entry;
import io.samepage.fuse.Request;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What ordinary programs do on real mounts, and what they are told when it fails. Everything on
 * them is done by child processes.
 */
@Timeout(value = 90, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountedProgramsTest {
  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void whatShellsDoWorks() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    try (TestMount mount = TestMount.of(fs)) {
      mount.sh(
          """
          set -e
          mkdir -p a/b/c && echo one > a/b/c/one && ln a/b/c/one two && ln -s a/b/c/one three
          test "$(stat -c %h two)" = 2 && test "$(cat three)" = one && test "$(readlink three)" = a/b/c/one
          mv two a/four && test ! -e two && test "$(cat a/four)" = one
          echo more >> a/four && test "$(wc -l < a/b/c/one)" = 2
          mkfifo pipe && test -p pipe && mknod null c 1 3 && test "$(stat -c %t:%T null)" = 1:3
          chmod 4751 a/four && test "$(stat -c %a a/four)" = 4751 && chown 12:34 a/four
          test "$(stat -c %u:%g a/b/c/one)" = 12:34
          touch -d '2001-02-03 04:05:06.789012345 UTC' pipe
          test "$(stat -c %y pipe | cut -c21-29)" = 789012345
          test "$(stat -f -c %S.%b .)" = 4096.1000
          ! rmdir a 2>/dev/null && ! cat none 2>/dev/null && ! mkdir a 2>/dev/null
          rm -r a && rm three pipe null && test -z "$(ls -A)"
          umask 027 && touch masked && test "$(stat -c %a masked)" = 640
          test "$(stat -c %W masked)" -gt 1000000000
          """);
    }
  }

  @Test
  void whatProgramsDoWorks() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    try (TestMount mount = TestMount.of(fs)) {
      mount.python(
          """
          import os, errno, fcntl, struct, array
          def fails(errno, call, *arguments):
              try: call(*arguments)
              except OSError as e: assert e.errno == errno, e
              else: raise AssertionError("did not fail")
          fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
          fails(errno.EEXIST, os.open, "f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
          data = os.urandom(3000001)
          assert os.write(fd, data) == len(data)
          assert os.pread(fd, len(data) + 5, 0) == data
          os.posix_fallocate(fd, 0, 4000000)
          assert os.fstat(fd).st_size == 4000000
          assert os.lseek(fd, 0, os.SEEK_HOLE) == 4000000 and os.lseek(fd, 5, os.SEEK_DATA) == 5
          os.ftruncate(fd, 3000001)
          other = os.open("g", os.O_RDWR | os.O_CREAT, 0o600)
          n = 0
          while n < len(data): n += os.copy_file_range(fd, other, len(data) - n, n, n)
          assert os.pread(other, len(data), 0) == data
          os.fsync(fd), os.fdatasync(fd), os.sync()
          os.setxattr("f", "user.one", b"1" * 300)
          os.setxattr("f", "user.two", b"")
          assert os.getxattr("f", "user.one") == b"1" * 300 and os.getxattr("f", "user.two") == b""
          assert sorted(os.listxattr("f")) == ["user.one", "user.two"]
          fails(errno.EEXIST, os.setxattr, "f", "user.one", b"", os.XATTR_CREATE)
          fails(errno.ENODATA, os.getxattr, "f", "user.three")
          os.removexattr("f", "user.one")
          assert os.listxattr("f") == ["user.two"]
          flags = array.array("i", [0])
          fcntl.ioctl(fd, 0x80086601, flags)  # FS_IOC_GETFLAGS
          assert flags[0] == 0x10, flags
          d = os.open(".", os.O_RDONLY)
          fcntl.ioctl(d, 0x80086601, flags)
          os.fsync(d)
          fails(errno.ENOTTY, fcntl.ioctl, fd, 0x1234)
          t = os.open(".", os.O_RDWR | os.O_TMPFILE, 0o600)
          os.write(t, b"late")
          os.link("/proc/self/fd/%d" % t, "t", src_dir_fd=d, follow_symlinks=True)
          assert open("t").read() == "late"
          name = b"\\xff\\xfe" + b"n" * 253
          os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644))
          assert name in os.listdir(b".")
          fails(errno.ENAMETOOLONG, os.open, b"n" * 256, os.O_CREAT | os.O_WRONLY, 0o644)
          os.rename("f", "g")
          assert os.fstat(other).st_nlink == 0 and os.pread(other, 3, 0) == data[:3]
          open("g", "w").close()
          assert os.stat("g").st_size == 0
          """);
    }
  }

  @Test
  void slowRequestsKeepNobodyWaiting() throws Exception {
    CountDownLatch latch = new CountDownLatch(1);
    MemoryFileSystem fs =
        new MemoryFileSystem() {
          @Override
          @SuppressWarnings("UnsynchronizedOverridesSynchronized") // Others are to go on.
          public void lookup(Request request, long parent, byte[] name, Entry entry)
              throws ErrnoException {
            if (new String(name, US_ASCII).startsWith("slow")) {
              try {
                latch.await();
              } catch (InterruptedException e) {
                throw ErrnoException.of(Errno.EINTR);
              }
            }
            super.lookup(request, parent, name, entry);
          }
        };
    fs.addFile("f", bytes("quick\n"));
    try (TestMount mount = TestMount.of(fs)) {
      List<Process> slow = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        slow.add(mount.start("ls slow" + i));
        long begin = System.nanoTime();
        assertThat(mount.sh("cat f")).isEqualTo("quick\n");
        assertThat(System.nanoTime() - begin).isLessThan(5_000_000_000L);
      }
      latch.countDown();
      for (Process process : slow) {
        assertThatThrownBy(() -> TestMount.finish(process)).hasMessageContaining("No such file");
      }
    }
  }

  @Test
  void failuresOfTheFileSystemAreErrorsOfTheRequest() throws Exception {
    MemoryFileSystem fs =
        new MemoryFileSystem() {
          @Override
          public synchronized void lookup(Request request, long parent, byte[] name, Entry entry)
              throws ErrnoException {
            switch (new String(name, US_ASCII)) {
              case "exception" -> throw new IllegalStateException("on purpose");
              case "overflow" -> lookup(request, parent, name, entry);
              case "enosys" -> throw ErrnoException.of(Errno.ENOSYS);
              case "errno" -> throw ErrnoException.of(Errno.EDQUOT);
              default -> super.lookup(request, parent, name, entry);
            }
          }

          @Override
          public void fsync(Request request, long nodeid, long handle, boolean dataOnly)
              throws ErrnoException {
            throw ErrnoException.of(Errno.ENOSYS);
          }
        };
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      mount.python(
          """
          import os, errno
          def fails(errno, call, *arguments):
              try: call(*arguments)
              except OSError as e: assert e.errno == errno, e
              else: raise AssertionError("did not fail")
          for _ in range(3):
              fails(errno.EIO, os.stat, "exception")
              fails(errno.EIO, os.stat, "overflow")
              fails(errno.EOPNOTSUPP, os.stat, "enosys")
              fails(errno.EDQUOT, os.stat, "errno")
              fails(errno.EOPNOTSUPP, os.fsync, os.open("f", os.O_RDWR))
          """);
      assertThat(mount.count("FSYNC")).as("ENOSYS would have stopped them").isEqualTo(3);
    }
  }

  @Test
  void aWriteClearsTheSetUserIdBit() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x")).mode = Linux.S_IFREG | 04777;
    try (TestMount mount = TestMount.of(fs, o -> o.withAllowOther(true))) {
      mount.python(
          """
          import os
          os.setgroups([]); os.setgid(65534); os.setuid(65534)
          fd = os.open("f", os.O_RDWR)
          os.write(fd, b"y")
          assert os.fstat(fd).st_mode & 0o7777 == 0o777, oct(os.fstat(fd).st_mode)
          """);
      assertThat(fs.sawKillSuidgid).isTrue();
    }
  }
}
