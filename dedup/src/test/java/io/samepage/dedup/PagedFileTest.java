package io.samepage.dedup;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageState;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A file whose pages 64 to 191 are the first 128 of another. */
@Timeout(60)
final class PagedFileTest {
  private static final int PAGE = VerityDigest.BLOCK;
  private static final int PAGES = 256;

  @TempDir Path directory;
  private final NativeBuffer buffer = NativeBuffer.allocate(PAGES * PAGE);
  private final byte[] owners = random(1);
  private final byte[] users = random(2);

  private static byte[] random(long seed) {
    byte[] content = new byte[PAGES * PAGE];
    new Random(seed).nextBytes(content);
    return content;
  }

  @BeforeEach
  void needsRoot() {
    Tree.needsRoot();
    System.arraycopy(owners, 0, users, 64 * PAGE, 128 * PAGE);
  }

  private byte[] read(PagedFile paged, int fd, int page, int count) throws ErrnoException {
    int got = paged.read(fd, (long) page * PAGE, count * PAGE, buffer);
    byte[] read = new byte[got];
    buffer.bytes().get(0, read);
    return read;
  }

  private static byte[] pages(byte[] content, int page, int count) {
    return Arrays.copyOfRange(content, page * PAGE, (page + count) * PAGE);
  }

  /** The descriptors of a file that this process has. */
  private static List<Integer> descriptors(Path file) throws Exception {
    Stat wanted = Tree.stat(file);
    List<Integer> found = new ArrayList<>();
    for (int fd = 3; fd < 1024; fd++) {
      Stat stat = new Stat();
      try {
        Files.stat(fd, stat);
      } catch (ErrnoException e) {
        continue; // none
      }
      if (stat.ino == wanted.ino && stat.dev() == wanted.dev()) {
        found.add(fd);
      }
    }
    return found;
  }

  @Test
  void pagesThatFailedOnceAreNotReadFromThereAgainAndOthersAre() throws Exception {
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path user = layer.file("user", users);
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY);
        Fd broken = broken()) {
      mount.identify(owner, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(paged).isNotNull();
        PageExtent before = new PageExtent(64, 128, PageState.SHARED, 0, 0);
        assertThat(PagedMount.extents(paged)).contains(before);
        assertThat(read(paged, own.number(), 0, PAGES)).isEqualTo(users);
        try (Failing failing = new Failing(owner)) {
          assertThat(read(paged, own.number(), 100, 2)).isEqualTo(pages(users, 100, 2));
        }
        assertThat(PagedMount.extents(paged))
            .containsExactly(
                new PageExtent(0, 64, PageState.OWN, 0, 0),
                new PageExtent(64, 36, PageState.SHARED, 0, 0),
                new PageExtent(100, 2, PageState.OWN, 0, 100),
                new PageExtent(102, 90, PageState.SHARED, 0, 38),
                new PageExtent(192, 64, PageState.OWN, 0, 192));
        // Where the file itself fails too, that is said of these pages alone.
        assertThat(read(paged, broken.number(), 90, 20)).isEqualTo(pages(users, 90, 10));
        assertThat(
                catchThrowableOfType(
                        ErrnoException.class, () -> read(paged, broken.number(), 100, 1))
                    .errno())
            .isEqualTo(Errno.EIO);
        assertThat(read(paged, broken.number(), 102, 90)).isEqualTo(pages(users, 102, 90));
      }
    }
  }

  /** Makes every descriptor of a file that this process has fail to be read, while it lasts. */
  private static final class Failing implements AutoCloseable {
    private final List<Integer> numbers;
    private final List<Fd> good = new ArrayList<>();

    Failing(Path file) throws Exception {
      numbers = descriptors(file);
      assertThat(numbers).isNotEmpty();
      try (Fd broken = broken()) {
        for (int number : numbers) {
          good.add(new Fd(Files.dup(number)));
          Files.dup2(broken.number(), number);
        }
      }
    }

    @Override
    public void close() throws ErrnoException {
      for (int i = 0; i < good.size(); i++) {
        try (Fd fd = good.get(i)) {
          Files.dup2(fd.number(), numbers.get(i));
        }
      }
    }
  }

  /** What answers every read with EIO. */
  private static Fd broken() throws ErrnoException {
    return new Fd(Files.open(Linux.AT_FDCWD, "/proc/self/mem".getBytes(UTF_8), 0, 0));
  }

  private static byte[] bytes(byte[] content, long offset, int size) {
    int from = (int) Math.min(content.length, offset);
    return Arrays.copyOfRange(content, from, (int) Math.min(content.length, offset + size));
  }

  @Test
  void readsAtAnyOffsetAndOfAnyLengthAreThoseOfTheFileAndSoIsWhatIsLocated() throws Exception {
    long seed = Long.getLong("samepage.seed", System.nanoTime() & 0xffffff);
    System.out.println("PagedFileTest: -Dsamepage.seed=" + seed);
    Random random = new Random(seed);
    byte[] seconds = random(3);
    // 64 own pages, 128 of one, 40 of zeros, 80 of another, 20 of zeros, 30 own ones and a bit
    byte[] content = new byte[362 * PAGE + 1234];
    random.nextBytes(content);
    System.arraycopy(owners, 10 * PAGE, content, 64 * PAGE, 128 * PAGE);
    Arrays.fill(content, 192 * PAGE, 232 * PAGE, (byte) 0);
    System.arraycopy(seconds, 100 * PAGE, content, 232 * PAGE, 80 * PAGE);
    Arrays.fill(content, 312 * PAGE, 332 * PAGE, (byte) 0);
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path second = layer.file("second", seconds);
    Path user = layer.file("user", content);
    NativeBuffer out = NativeBuffer.allocate(400 * PAGE);
    NativeBuffer there = NativeBuffer.allocate(400 * PAGE);
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY)) {
      mount.identify(owner, second, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(PagedMount.extents(paged))
            .containsExactly(
                new PageExtent(0, 64, PageState.OWN, 0, 0),
                new PageExtent(64, 128, PageState.SHARED, 0, 10),
                new PageExtent(192, 40, PageState.HOLE, 0, 0),
                new PageExtent(232, 80, PageState.SHARED, 1, 100),
                new PageExtent(312, 20, PageState.HOLE, 0, 0),
                new PageExtent(332, 31, PageState.OWN, 0, 332));
        for (int round = 0; round < 2000; round++) {
          long offset = random.nextInt(content.length + 2 * PAGE);
          int size = random.nextInt(random.nextBoolean() ? 3 * PAGE : 380 * PAGE);
          if (random.nextBoolean()) {
            offset -= offset % PAGE;
          }
          String what = "seed " + seed + ": " + size + " bytes at " + offset;
          out.bytes().put(0, owners); // nothing of it may be left where a hole is
          int got = paged.read(own.number(), offset, size, out);
          byte[] wanted = bytes(content, offset, size);
          byte[] read = new byte[got];
          out.bytes().get(0, read);
          assertThat(Arrays.equals(read, wanted)).as(what).isTrue();
          int[] located = {0};
          boolean found =
              paged.locate(
                  own.number(),
                  offset,
                  size,
                  (fd, at, length) -> pread(fd, at, length, there, located));
          long end = offset + size;
          boolean within = size > 0 && end <= content.length;
          boolean hole =
              (offset < 232L * PAGE && end > 192L * PAGE)
                  || (offset < 332L * PAGE && end > 312L * PAGE);
          assertThat(found).as(what).isEqualTo(within && !hole);
          if (found) {
            byte[] same = new byte[located[0]];
            there.bytes().get(0, same);
            assertThat(Arrays.equals(same, wanted)).as(what).isTrue();
          }
        }
      }
    }
  }

  /** Reads a piece behind those that were read before. */
  private static boolean pread(int fd, long at, int length, NativeBuffer out, int[] done) {
    try {
      done[0] += Files.pread(fd, out.address() + done[0], length, at);
      return true;
    } catch (ErrnoException e) {
      return false;
    }
  }

  @Test
  void pagesThatFailComeFromTheNextPlaceAndAtLastFromTheFileItself() throws Exception {
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path next = layer.file("next", owners);
    Path user = layer.file("user", users);
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY)) {
      mount.identify(owner, next, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(paged).isNotNull();
        paged.use(7);
        assertThat(read(paged, own.number(), 0, PAGES)).isEqualTo(users);
        try (Failing failing = new Failing(owner)) {
          assertThat(read(paged, own.number(), 100, 2)).isEqualTo(pages(users, 100, 2));
        }
        assertThat(PagedMount.extents(paged))
            .containsExactly(
                new PageExtent(0, 64, PageState.OWN, 0, 0),
                new PageExtent(64, 36, PageState.SHARED, 0, 0),
                new PageExtent(100, 2, PageState.SHARED, 1, 36),
                new PageExtent(102, 90, PageState.SHARED, 0, 38),
                new PageExtent(192, 64, PageState.OWN, 0, 192));
        assertThat(descriptors(next)).hasSize(1);
        // whose pages they are now, the reverse maps know
        FileKey before = mount.key(owner);
        FileKey after = mount.key(next);
        assertThat(mount.files().userCount(before, 36, 2)).isZero();
        assertThat(mount.files().userCount(before, 35, 2)).isEqualTo(1);
        assertThat(mount.files().userCount(after, 36, 2)).isEqualTo(1);
        assertThat(mount.files().userCount(after, 38, 90)).isZero();
        // the place that failed is no place any more, and is not asked again for these pages
        mount.settle();
        assertThat(mount.files().counters().fallbacks()).isEqualTo(1);
        try (Failing failing = new Failing(next)) {
          assertThat(read(paged, own.number(), 99, 4)).isEqualTo(pages(users, 99, 4));
        }
        assertThat(PagedMount.extents(paged))
            .contains(new PageExtent(100, 2, PageState.OWN, 0, 100));
        assertThat(mount.files().userCount(after, 0, PAGES)).isZero();
        assertThat(mount.files().userCount(mount.key(user), 100, 2)).isEqualTo(1);
        assertThat(read(paged, own.number(), 0, PAGES)).isEqualTo(users);
        paged.release();
      }
    }
  }

  @Test
  void aPlaceThatFailsAgainAndAgainIsLeftAltogether() throws Exception {
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path next = layer.file("next", owners);
    Path user = layer.file("user", users);
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY)) {
      mount.identify(owner, next, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(paged).isNotNull();
        assertThat(read(paged, own.number(), 64, 1)).isEqualTo(pages(users, 64, 1));
        try (Failing failing = new Failing(owner)) {
          for (int i = 0; i < 16; i++) {
            assertThat(read(paged, own.number(), 70 + 2 * i, 1))
                .isEqualTo(pages(users, 70 + 2 * i, 1));
          }
          assertThat(PagedMount.extents(paged))
              .contains(
                  new PageExtent(100, 1, PageState.SHARED, 1, 36),
                  new PageExtent(101, 91, PageState.SHARED, 0, 37));
          assertThat(read(paged, own.number(), 150, 1)).isEqualTo(pages(users, 150, 1));
        }
        assertThat(PagedMount.extents(paged))
            .containsExactly(
                new PageExtent(0, 64, PageState.OWN, 0, 0),
                new PageExtent(64, 128, PageState.SHARED, 1, 0),
                new PageExtent(192, 64, PageState.OWN, 0, 192));
        assertThat(read(paged, own.number(), 0, PAGES)).isEqualTo(users);
      }
    }
  }

  @Test
  void aStableFileThatHasChangedIsNotLocated() throws Exception {
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path next = layer.file("next", owners);
    Path user = layer.file("user", users);
    List<Integer> located = new ArrayList<>();
    PagedFile.Pieces pieces = (fd, at, length) -> located.add(fd);
    long from = 80L * PAGE;
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY)) {
      mount.identify(owner, next, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(paged).isNotNull();
        assertThat(paged.locate(own.number(), from, PAGE, pieces)).isTrue();
        assertThat(located).isEqualTo(descriptors(owner));
        Stat before = Tree.stat(owner);
        while (FileKey.of(1, before).matches(Tree.stat(owner))) { // until the clock has ticked
          java.nio.file.Files.write(owner, new byte[] {1}, java.nio.file.StandardOpenOption.WRITE);
        }
        located.clear();
        assertThat(paged.locate(own.number(), from, PAGE, pieces)).isFalse();
        assertThat(located).isEmpty();
        assertThat(read(paged, own.number(), 80, 1)).isEqualTo(pages(users, 80, 1));
        assertThat(paged.locate(own.number(), from, PAGE, pieces)).isTrue();
        assertThat(located).isEqualTo(descriptors(next));
        // the taker says no
        assertThat(paged.locate(own.number(), from, PAGE, (fd, at, length) -> false)).isFalse();
      }
    }
  }

  @Test
  void aStableFileIsOpenAsLongAsSomebodyReadsFromItAndOpenedAnewAfterwards() throws Exception {
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path user = layer.file("user", users);
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY)) {
      mount.identify(owner, user);
      try (PagedFile one = mount.find(user);
          PagedFile two = mount.find(user)) {
        assertThat(one).isNotNull();
        assertThat(two).isNotNull();
        assertThat(descriptors(owner)).isEmpty();
        assertThat(read(one, own.number(), 0, PAGES)).isEqualTo(users);
        assertThat(read(two, own.number(), 0, PAGES)).isEqualTo(users);
        assertThat(descriptors(owner)).hasSize(1);
        one.close();
        one.close();
        assertThat(descriptors(owner)).hasSize(1);
        assertThat(read(two, own.number(), 0, PAGES)).isEqualTo(users);
        two.close();
        assertThat(descriptors(owner)).isEmpty();
        assertThat(read(one, own.number(), 0, PAGES)).isEqualTo(users);
        assertThat(descriptors(owner)).hasSize(1);
        assertThat(PagedMount.extents(one))
            .contains(new PageExtent(64, 128, PageState.SHARED, 0, 0));
      }
      assertThat(descriptors(owner)).isEmpty();
    }
  }

  @Test
  void whoReadsIsNotDisturbedByOthersWhoOpenAndCloseAndNothingIsLeftOfThem() throws Exception {
    int threads = 4;
    int rounds = 300;
    Tree layer = new Tree(directory.resolve("layer"));
    Path owner = layer.file("owner", owners);
    Path user = layer.file("user", users);
    ExecutorService readers = Executors.newFixedThreadPool(threads);
    try (PagedMount mount = new PagedMount(directory.resolve("index"), layer, PageOptions.DEFAULT);
        Fd own = Tree.open(user, Linux.O_RDONLY)) {
      mount.identify(owner, user);
      FileKey key = mount.key(owner);
      List<Future<?>> done = new ArrayList<>();
      for (int thread = 1; thread <= threads; thread++) {
        long mapping = thread;
        done.add(
            readers.submit(
                () -> {
                  Random random = new Random(mapping);
                  NativeBuffer out = NativeBuffer.allocate(PAGES * PAGE);
                  for (int round = 0; round < rounds; round++) {
                    try (PagedFile paged = mount.find(user)) {
                      assertThat(paged).isNotNull();
                      paged.use(mapping);
                      for (int i = 0; i < 3; i++) {
                        int offset = random.nextInt(users.length);
                        int size = random.nextInt(users.length);
                        byte[] read = new byte[paged.read(own.number(), offset, size, out)];
                        out.bytes().get(0, read);
                        assertThat(Arrays.equals(read, bytes(users, offset, size))).isTrue();
                      }
                      assertThat(PagedMount.extents(paged)).hasSize(3);
                      int count = mount.files().userCount(key, 0, PAGES);
                      assertThat(count).isBetween(1, threads);
                      paged.release();
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> one : done) {
        one.get();
      }
      assertThat(descriptors(owner)).isEmpty();
      assertThat(mount.files().userCount(key, 0, PAGES)).isZero();
      assertThat(mount.files().counters().sharedRangeBytes()).isZero();
      assertThat(mount.files().counters().fallbacks()).isZero();
    } finally {
      readers.shutdownNow();
    }
  }

  @Test
  void aStableFileOnAFileSystemThatIsNotMountedYetIsReadOnceItIs() throws Exception {
    Path memory = Path.of("/dev/shm/samepage-test-" + ProcessHandle.current().pid());
    Tree there = new Tree(memory);
    try {
      Path owner = there.file("owner", owners);
      Tree here = new Tree(directory.resolve("layer"));
      Path user = here.file("user", users);
      org.junit.jupiter.api.Assumptions.assumeTrue(
          Tree.stat(owner).dev() != Tree.stat(user).dev(), "needs two file systems");
      Path index = directory.resolve("index");
      try (PagedMount first = new PagedMount(index, there, PageOptions.DEFAULT)) {
        first.identify(owner);
      }
      try (PagedMount mount = new PagedMount(index, here, PageOptions.DEFAULT);
          Fd own = Tree.open(user, Linux.O_RDONLY)) {
        mount.identify(user);
        PageExtent shared = new PageExtent(64, 128, PageState.SHARED, 0, 0);
        try (PagedFile paged = mount.find(user)) {
          assertThat(paged).isNotNull();
          mount.hold();
          assertThat(read(paged, own.number(), 0, PAGES)).isEqualTo(users); // of its own
          assertThat(descriptors(owner)).isEmpty();
          assertThat(PagedMount.extents(paged)).contains(shared);
          mount.go();
          do {
            assertThat(read(paged, own.number(), 0, PAGES)).isEqualTo(users);
          } while (descriptors(owner).isEmpty()); // it tries again after a while
          assertThat(PagedMount.extents(paged)).contains(shared);
        }
      }
    } finally {
      java.nio.file.Files.deleteIfExists(memory.resolve("owner"));
      java.nio.file.Files.delete(memory);
    }
  }
}
