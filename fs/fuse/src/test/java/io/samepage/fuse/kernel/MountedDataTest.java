package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.fuse.DataPieces;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Reads and writes of real mounts, through the daemon and past it. Everything on them is done by
 * child processes.
 */
@Timeout(value = 90, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountedDataTest {
  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
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
            public boolean locate(
                Request request,
                long nodeid,
                long handle,
                long offset,
                int size,
                DataPieces pieces) {
              return pieces.add(fd.number(), offset, size);
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
            assert os.pread(fd, 1 << 20, 690000) == below[690000:]    # however little is left
            assert os.pread(fd, 1 << 20, 700001) == b""
            """
                .replace("BELOW", dir.resolve("below").toString()));
      }
    }
  }

  /** A file that is, in turn, a page of another and eleven pages of itself, at another place. */
  @Test
  void largeReadsMovePagesOfManyPieces(@TempDir Path dir) throws Exception {
    byte[] below = new byte[1 << 20];
    new Random(3).nextBytes(below);
    Files.write(dir.resolve("below"), below);
    int page = 4096;
    long shift = 3L * page;
    try (Fd fd = new Fd(open(dir.resolve("below")))) {
      MemoryFileSystem fs =
          new MemoryFileSystem() {
            @Override
            public synchronized void open(
                Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
                throws ErrnoException {
              super.open(request, nodeid, flags, killSuidgid, opened);
              opened.directIo = true;
            }

            @Override
            public boolean locate(
                Request request,
                long nodeid,
                long handle,
                long offset,
                int size,
                DataPieces pieces) {
              for (long at = offset, end = offset + size; at < end; ) {
                boolean single = at / page % 12 == 0;
                long next = (at / page / 12 * 12 + (single ? 1 : 12)) * page;
                int length = (int) (Math.min(end, next) - at);
                if (!pieces.add(fd.number(), single ? at : at + shift, length)) {
                  return false;
                }
                at += length;
              }
              return true;
            }
          };
      fs.addFile("f", new byte[below.length]);
      try (TestMount mount = TestMount.of(fs)) {
        mount.python(
            """
            below = open("BELOW", "rb").read()
            wanted = b"".join(below[at + (0 if at // 4096 % 12 == 0 else 12288):][:4096] for at in range(0, len(below), 4096))
            fd = os.open("f", os.O_RDONLY)
            for offset, size in (0, 1 << 17), (4096, 1 << 18), (4097, 100001), (48 * 1024 - 1, 65537), (3, 1 << 15):
                assert os.pread(fd, size, offset) == wanted[offset:offset + size], (offset, size)
            assert os.pread(fd, 1 << 19, 0) == bytes(1 << 19)        # they are too many
            assert os.pread(fd, 1 << 17, 1 << 20) == b""
            past = (1 << 20) - (1 << 16)                              # a piece ends too early, and is not the last
            assert os.pread(fd, 1 << 17, past) == bytes(1 << 16)
            assert os.pread(fd, 1 << 16, past) == wanted[past:]     # it is the last
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
            public boolean locate(
                Request request,
                long nodeid,
                long handle,
                long offset,
                int size,
                DataPieces pieces) {
              return pieces.add(fd.number(), offset, size);
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
  void largeTransfersTravelInLargeRequests() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("in", new byte[8 << 20]);
    try (TestMount mount = TestMount.of(fs)) {
      mount.sh("dd if=/dev/zero of=out bs=4M count=2 status=none; cmp in out");
      assertThat(mount.count("WRITE")).isEqualTo(8);
    }
  }

  @Test
  void dataPassTheDaemonByThroughABackingFile(@TempDir Path directory) throws Exception {
    byte[] content = new byte[1 << 20];
    new Random(1).nextBytes(content);
    Path backing = Files.write(directory.resolve("backing"), content);
    MemoryFileSystem fs = new MemoryFileSystem();
    MemoryNode node = fs.addFile("f", content);
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
      assertThat(mount.count("READ")).isZero();
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
}
