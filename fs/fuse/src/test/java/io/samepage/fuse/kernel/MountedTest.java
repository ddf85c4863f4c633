package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.fuse.Entry;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real mounts of {@link MemoryFileSystem}. Everything on them is done by child processes. */
@Timeout(value = 90, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountedTest {
  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static void await(String what, BooleanSupplier condition) throws Exception {
    long until = System.nanoTime() + 10_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - until).as(what).isNegative();
      Thread.sleep(5);
    }
  }

  private static long count(TestMount mount, String opcode) {
    return mount.session().requests().getOrDefault(opcode, 0L);
  }

  @Test
  void aFileIsRead() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("greeting", bytes("hello\n"));
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("ls -l; cat greeting")).contains("greeting").endsWith("hello\n");
      assertThat(mount.session().transport()).isEqualTo("kernel");
      assertThat(mount.session().protocol()).startsWith("7.");
      assertThat(mount.session().requests()).containsEntry("OPEN", 1L);
    }
    assertThat(fs.destroyed).isEqualTo(1);
  }

  /** The descriptor and what read gives differ here, so that it shows which of the two was used. */
  @Test
  void largeReadsMovePagesOfTheDescriptor(@TempDir Path dir) throws Exception {
    byte[] below = new byte[700_001];
    new Random(1).nextBytes(below);
    Files.write(dir.resolve("below"), below);
    byte[] copied = new byte[below.length];
    try (Fd fd = new Fd(open(dir.resolve("below")))) {
      MemoryFileSystem fs =
          new MemoryFileSystem() {
            @Override
            public synchronized void open(
                Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
                throws ErrnoException {
              super.open(request, nodeid, flags, killSuidgid, opened);
              opened.directIo = true; // reads come as they are asked for
            }

            @Override
            public int readDescriptor(
                Request request, long nodeid, long handle, long offset, int size) {
              return fd.number();
            }
          };
      fs.addFile("f", copied);
      try (TestMount mount = TestMount.of(fs)) {
        mount.python(
            """
            below = open("BELOW", "rb").read()
            fd = os.open("f", os.O_RDONLY)
            for offset, size in (0, 1 << 17), (4096, 1 << 19), (4097, 100001), (600000, 1 << 17), (3, 1 << 15):
                assert os.pread(fd, size, offset) == below[offset:offset + size], (offset, size)
            assert os.pread(fd, 32767, 1) == bytes(32767)             # small ones are read
            assert os.pread(fd, 1 << 20, 690000) == bytes(10001)      # what is left is small
            assert os.pread(fd, 1 << 20, 700001) == b""
            """
                .replace("BELOW", dir.resolve("below").toString()));
      }
    }
  }

  /** As where the file was cut off meanwhile, or its disk fails. */
  @Test
  void whatCannotBeMovedIsRead(@TempDir Path dir) throws Exception {
    byte[] content = new byte[200_000];
    new Random(2).nextBytes(content);
    try (Fd fd = new Fd(open(dir))) { // no regular file: it cannot be spliced
      MemoryFileSystem fs =
          new MemoryFileSystem() {
            @Override
            public int readDescriptor(
                Request request, long nodeid, long handle, long offset, int size) {
              return fd.number();
            }
          };
      fs.addFile("f", content);
      Files.write(dir.resolve("content"), content);
      try (TestMount mount = TestMount.of(fs)) {
        mount.sh("cmp f " + dir.resolve("content"));
      }
    }
  }

  private static int open(Path path) throws ErrnoException {
    return io.samepage.posix.Files.open(Linux.AT_FDCWD, bytes(path.toString()), Linux.O_RDONLY, 0);
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
  void largeTransfersTravelInLargeRequests() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("in", new byte[8 << 20]);
    try (TestMount mount = TestMount.of(fs)) {
      mount.sh("dd if=/dev/zero of=out bs=4M count=2 status=none; cmp in out");
      assertThat(count(mount, "WRITE")).isEqualTo(8);
    }
  }

  @Test
  void aLargeDirectoryIsListedWholeAndOnce() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    for (int i = 0; i < 10_000; i++) {
      fs.add(fs.root(), "file-with-a-name-of-some-length-" + i, Linux.S_IFREG | 0644);
    }
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("ls -f | sort | uniq | wc -l").trim()).isEqualTo("10002");
      long asked = count(mount, "READDIR") + count(mount, "READDIRPLUS");
      assertThat(mount.sh("ls -f | sort | uniq | wc -l").trim()).isEqualTo("10002");
      assertThat(count(mount, "READDIR") + count(mount, "READDIRPLUS"))
          .as("a second listing comes from the kernel's cache")
          .isEqualTo(asked);
      assertThat(count(mount, "OPENDIR")).isEqualTo(1);
      long before = count(mount, "LOOKUP") + count(mount, "GETATTR");
      assertThat(mount.sh("ls -l | wc -l").trim()).isEqualTo("10001");
      assertThat(mount.sh("touch new; ls -f | wc -l").trim()).isEqualTo("10003");
      assertThat(count(mount, "LOOKUP") + count(mount, "GETATTR") - before).isLessThan(10_100);
    }
  }

  @Test
  void everyLookupIsForgotten() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    for (int i = 0; i < 500; i++) {
      fs.addFile("file" + i, bytes("content"));
    }
    try (TestMount mount = TestMount.of(fs)) {
      mount.sh(
          """
          set -e
          ls -lR >/dev/null; cat file* >/dev/null; rm file1*
          mkdir d; for i in 1 2 3 4 5 6 7 8 9; do echo $i > d/$i; ln d/$i d/l$i; done
          ls -l d >/dev/null; rm -r d; ln -s x y; mkfifo p
          """);
      assertThat(fs.lookups()).isPositive();
      mount.dropInodes();
      await("forgets", () -> fs.lookups() == 0);
      await("releases", () -> fs.openHandles() == 0);
    }
  }

  @Test
  void inodesAreForgottenInTheMiddleOfEverything() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    try (TestMount mount = TestMount.of(fs)) {
      List<Process> busy = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        busy.add(
            mount.startPython(
                """
                import os
                me = "%d"
                for n in range(150):
                    os.mkdir(me)
                    for name in "abcd":
                        with open(me + "/" + name, "w") as f: f.write(name * 1000)
                    os.rename(me + "/a", me + "/e")
                    os.link(me + "/b", me + "/f")
                    os.symlink("f", me + "/g")
                    assert sorted(os.listdir(me)) == list("bcdefg")
                    for name in "bcdefg":
                        with open(me + "/" + name) as f: assert len(f.read()) == 1000
                    for name in "bcdefg": os.unlink(me + "/" + name)
                    os.rmdir(me)
                """
                    .formatted(i)));
      }
      while (busy.stream().anyMatch(Process::isAlive)) {
        mount.dropInodes();
      }
      for (Process process : busy) {
        TestMount.finish(process);
      }
      mount.dropInodes();
      await("forgets", () -> fs.lookups() == 0);
      await("releases", () -> fs.openHandles() == 0);
    }
  }

  @Test
  void dataPassTheDaemonByThroughABackingFile(@TempDir Path directory) throws Exception {
    byte[] content = new byte[1 << 20];
    new Random(1).nextBytes(content);
    Path backing = Files.write(directory.resolve("backing"), content);
    MemoryFileSystem fs = new MemoryFileSystem();
    MemoryFileSystem.Node node = fs.addFile("f", content);
    try (TestMount mount = TestMount.of(fs)) {
      assumeTrue(mount.session().passthrough(), mount.session().passthroughReason());
      int fd =
          io.samepage.posix.Files.open(
              Linux.AT_FDCWD, bytes(backing.toString()), Linux.O_RDONLY | Linux.O_CLOEXEC, 0);
      node.backingId = fs.backingFiles().register(fd);
      io.samepage.posix.Files.close(fd);
      assertThat(node.backingId).isPositive();
      mount.sh("cmp f '" + backing + "' && tail -c 1000 f | cmp - f -i 0:1047576");
      mount.python(
          "import mmap; f = open('f', 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ);"
              + "assert m[:] == open('"
              + backing
              + "', 'rb').read()");
      assertThat(count(mount, "READ")).isZero();
      fs.backingFiles().close(node.backingId);
    }
  }

  @Test
  void passthroughIsOffWhereAnOptionSaysSo() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    try (TestMount mount =
        TestMount.of(fs, o -> o.withPassthrough(KernelMountOptions.Passthrough.OFF))) {
      assertThat(mount.session().passthrough()).isFalse();
      assertThat(mount.session().passthroughReason()).contains("option");
      assertThat(fs.backingFiles()).isNull();
    }
  }

  @Test
  void aFileThatIsNowAnotherNodeIsLookedUpAgain() throws Exception {
    MemoryFileSystem fs =
        new MemoryFileSystem() {
          @Override
          public synchronized void open(
              Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
              throws ErrnoException {
            Node node = node(nodeid);
            if (nodeid == 2 && node.nlink > 0) {
              unlink(request, ROOT, bytes("f"));
              addFile("f", bytes("new\n"));
              throw ErrnoException.of(Errno.ESTALE);
            }
            super.open(request, nodeid, flags, killSuidgid, opened);
          }
        };
    fs.addFile("f", bytes("old\n"));
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("stat f >/dev/null; cat f")).isEqualTo("new\n");
      assertThat(count(mount, "OPEN")).isEqualTo(2);
    }
  }

  @Test
  void theWaitForALockEndsWhenItIsGrantedOrInterrupted() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      mount.python(
          """
          import fcntl, os, signal, time
          class Alarm(Exception): pass
          def alarm(*_): raise Alarm()
          signal.signal(signal.SIGALRM, alarm)
          for lock in (fcntl.flock, fcntl.lockf):
              mine = open("f", "r+")
              lock(mine, fcntl.LOCK_EX)
              ready, go = os.pipe()
              child = os.fork()
              if child == 0:
                  other = open("f", "r+")
                  try: lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB); os._exit(1)
                  except BlockingIOError: pass
                  signal.setitimer(signal.ITIMER_REAL, 0.2)
                  try: lock(other, fcntl.LOCK_EX); os._exit(2)
                  except Alarm: pass
                  os.write(go, b"x")
                  lock(other, fcntl.LOCK_EX)
                  os._exit(0)
              os.read(ready, 1)
              time.sleep(0.1)
              assert os.waitpid(child, os.WNOHANG) == (0, 0)
              lock(mine, fcntl.LOCK_UN)
              assert os.waitpid(child, 0)[1] == 0
              mine.close()
          """);
      assertThat(count(mount, "INTERRUPT")).isEqualTo(2);
      await("releases", () -> fs.openHandles() == 0);
    }
  }

  @Test
  void aSignalKillsWhoWaitsForALock() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      Process holder = mount.start("exec 3<f; flock 3; sleep 60");
      await("a lock", () -> count(mount, "SETLKW") == 1);
      List<Process> waiters = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        waiters.add(mount.start("exec 3<f; exec flock 3"));
      }
      await("waiters", () -> count(mount, "SETLKW") == 41);
      assertThat(mount.sh("cat f")).as("workers are free").isEqualTo("x");
      waiters.forEach(Process::destroyForcibly);
      for (Process waiter : waiters) {
        assertThat(waiter.waitFor(10, TimeUnit.SECONDS)).isTrue();
      }
      holder.descendants().forEach(ProcessHandle::destroyForcibly);
      holder.destroyForcibly();
      await("releases", () -> fs.openHandles() == 0);
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
      assertThat(count(mount, "FSYNC")).as("ENOSYS would have stopped them").isEqualTo(3);
    }
  }

  @Test
  void theKernelDropsWhatItIsToldTo() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    MemoryFileSystem.Node node = fs.addFile("f", bytes("old\n"));
    try (TestMount mount = TestMount.of(fs)) {
      assertThat(mount.sh("cat f; ls appears 2>&1 | wc -l")).isEqualTo("old\n1\n");
      synchronized (fs) {
        node.data = bytes("new\n");
        fs.addFile("appears", bytes(""));
      }
      assertThat(mount.sh("cat f")).as("it is kept").isEqualTo("old\n");
      fs.connection.invalidateInode(node.id, 0, 0);
      fs.connection.invalidateInode(987654, 0, 0);
      fs.connection.invalidateEntry(1, bytes("appears"));
      fs.connection.invalidateEntry(1, bytes("never-was"));
      await("the inode", () -> quietly(mount, "cat f").equals("new\n"));
      await("the name", () -> quietly(mount, "ls appears").equals("appears\n"));
      synchronized (fs) {
        node.mode = Linux.S_IFREG | 0600;
      }
      fs.connection.invalidateInode(node.id, -1, 0);
      await("the mode", () -> quietly(mount, "stat -c %a f").equals("600\n"));
    }
  }

  private static String quietly(TestMount mount, String script) {
    try {
      return mount.sh(script);
    } catch (Exception | AssertionError e) {
      return e.toString();
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

  @Test
  void attributesAreKeptForAsLongAsTheFileSystemSays() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    fs.addFile("d", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      // Once more for the attributes of the directory, whose time of access READDIR makes doubtful.
      mount.sh("for i in 1 2; do stat f d none; ls; done; true");
      var before = mount.session().requests();
      mount.sh("for i in 1 2 3 4 5; do stat f d none; ls; done; true");
      assertThat(mount.session().requests()).isEqualTo(before);
    }
  }

  @Test
  void whoeverUnmountsEndsTheSession() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      mount.sh("cat f");
      TestMount.finish(new ProcessBuilder("umount", mount.directory().toString()).start());
      mount.session().awaitEnd();
      assertThat(fs.destroyed).isEqualTo(1);
    }
    assertThat(fs.destroyed).isEqualTo(1);
  }

  @Test
  void anAbortEndsTheSessionAndTheMount() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      Process holder = mount.start("exec 3<f; flock 3; exec flock f -c true");
      await("a waiting lock", () -> count(mount, "SETLKW") == 2);
      mount.abort();
      mount.session().awaitEnd();
      assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
          .doesNotContain(mount.directory().toString());
      assertThat(fs.destroyed).isEqualTo(1);
      assertThat(holder.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void aSessionLeavesNothingBehind() throws Exception {
    for (int i = 0; i < 3; i++) {
      MemoryFileSystem fs = new MemoryFileSystem();
      fs.addFile("f", bytes("x"));
      try (TestMount mount = TestMount.of(fs)) {
        mount.sh("for i in 1 2 3 4; do cat f & done; wait");
      }
    }
    await(
        "threads",
        () ->
            Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("fuse-")));
    List<String> open = new ArrayList<>();
    try (var list = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path fd : list) {
        try {
          open.add(Files.readSymbolicLink(fd).toString());
        } catch (java.nio.file.NoSuchFileException e) {
          // The listing's own.
        }
      }
    }
    assertThat(open).doesNotContain("/dev/fuse");
  }

  @Test
  void aMountThatCannotBeSaysWhatToDo(@TempDir Path directory) throws Exception {
    assumeTrue(Files.isWritable(Path.of("/dev/fuse")), "/dev/fuse cannot be used here");
    MemoryFileSystem fs = new MemoryFileSystem();
    Path file = Files.createFile(directory.resolve("file"));
    assertThatThrownBy(() -> KernelTransport.mount(options(directory.resolve("none")), fs))
        .isInstanceOf(MountException.class)
        .hasMessageContaining("create it");
    assertThatThrownBy(() -> KernelTransport.mount(options(file), fs))
        .isInstanceOf(MountException.class)
        .hasMessageContaining("not a directory");
    assertThatThrownBy(
            () ->
                KernelTransport.mount(
                    options(directory),
                    new MemoryFileSystem() {
                      @Override
                      public void init(io.samepage.fuse.Connection connection) {
                        throw new IllegalStateException("on purpose");
                      }
                    }))
        .hasMessageContaining("on purpose");
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(directory.toString());
  }

  private static KernelMountOptions options(Path target) {
    return KernelMountOptions.of(bytes(target.toString()), bytes("samepage-test"));
  }
}
