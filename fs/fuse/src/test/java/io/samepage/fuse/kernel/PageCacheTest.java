package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.Opened;
import io.samepage.fuse.PageCache;
import io.samepage.fuse.Request;
import io.samepage.fuse.wire.EntryOut;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OpenOut;
import io.samepage.fuse.wire.StoreOut;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a file system stores while it opens a file. Its own data differ from those, so that a reader
 * shows where it has read.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PageCacheTest {
  private static final String FILE = "f";

  /** Stores {@link #size} bytes of a file at each open. */
  private static final class Storing extends MemoryFileSystem {
    final Fd fd;
    final int size;
    volatile boolean stored;

    Storing(Fd fd, int size) {
      this.fd = fd;
      this.size = size;
    }

    @Override
    public synchronized void open(
        Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
        throws ErrnoException {
      super.open(request, nodeid, flags, killSuidgid, opened);
      PageCache cache = opened.pageCache;
      stored = cache != null && cache.store(fd.number(), size);
    }
  }

  private static Fd open(Path path) throws ErrnoException {
    byte[] name = path.toString().getBytes(UTF_8);
    return new Fd(io.samepage.posix.Files.open(Linux.AT_FDCWD, name, Linux.O_RDONLY, 0));
  }

  private static long reads(TestMount mount) {
    return mount.session().requests().getOrDefault("READ", 0L);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4095, 4096, 4097, PageCache.LIMIT - 1, PageCache.LIMIT})
  void storedDataAreReadWithoutARequest(int size, @TempDir Path dir) throws Exception {
    byte[] content = new byte[size];
    new Random(size).nextBytes(content);
    Path below = dir.resolve("below");
    Files.write(below, content);
    try (Fd fd = open(below)) {
      Storing fs = new Storing(fd, size);
      fs.addFile(FILE, new byte[size]);
      try (TestMount mount = TestMount.of(fs)) {
        mount.sh("cmp f " + below + " && test $(stat -c %s f) = " + size);
        assertThat(fs.stored).isTrue();
        assertThat(reads(mount)).isZero();
        mount.dropInodes(); // then it is stored anew
        mount.sh("cmp f " + below);
        assertThat(reads(mount)).isZero();
      }
    }
  }

  @Test
  void whatCannotBeStoredIsRead(@TempDir Path dir) throws Exception {
    Path below = dir.resolve("below");
    Files.write(below, new byte[10]);
    try (Fd fd = open(below)) {
      Storing fs = new Storing(fd, 4096); // cut off meanwhile, as it were
      fs.addFile(FILE, "content".getBytes(UTF_8));
      try (TestMount mount = TestMount.of(fs)) {
        mount.sh("test $(cat f) = content");
        assertThat(fs.stored).isFalse();
        assertThat(reads(mount)).isPositive();
      }
    }
  }

  @Test
  void theAnswerThatFollowsIsWhole(@TempDir Path dir) throws Exception {
    Path below = dir.resolve("below");
    Files.write(below, "below".getBytes(UTF_8));
    CapturedReplies replies = new CapturedReplies();
    try (Fd fd = open(below);
        Exchange x = new Exchange(new Storing(fd, 5), new Interrupts(), true)) {
      ((MemoryFileSystem) x.fs).addFile(FILE, new byte[5]);
      byte[] lookup = RequestBytes.of(Opcode.LOOKUP, 1, 1).string(FILE).toBytes();
      x.in.put(Exchange.requestAt(), lookup);
      new Dispatcher().dispatch(x, replies, lookup.length);
      long node = replies.take().get(0).body().getLong(EntryOut.NODEID);
      byte[] open = RequestBytes.of(Opcode.OPEN, 2, node).u32(Linux.O_RDONLY, 0).toBytes();
      x.in.put(Exchange.requestAt(), open);
      new Dispatcher().dispatch(x, replies, open.length);
      var taken = replies.take();
      assertThat(taken).hasSize(2);
      assertThat(taken.get(0).unique()).as("a notification").isZero();
      var stored = taken.get(0).body();
      assertThat(stored.getLong(StoreOut.NODEID)).isEqualTo(node);
      assertThat(stored.getLong(StoreOut.OFFSET)).isZero();
      assertThat(stored.getInt(StoreOut.SIZE)).isEqualTo(5);
      assertThat(stored.capacity()).isEqualTo(StoreOut.BYTES + 5);
      assertThat(taken.get(1).unique()).isEqualTo(2);
      assertThat(taken.get(1).error()).isZero();
      assertThat(taken.get(1).body().capacity()).isEqualTo(OpenOut.BYTES);
    }
  }
}
