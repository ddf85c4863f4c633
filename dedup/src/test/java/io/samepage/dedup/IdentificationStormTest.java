package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files that are written again and again while they are identified: whatever the index says of a
 * file as it was at one time is what it held then.
 */
@Timeout(120)
final class IdentificationStormTest {
  private static final int PAGE = VerityDigest.BLOCK;
  private static final int PAGES = 256;
  private static final int SIZE = PAGES * PAGE;
  private static final int FILES = 3;

  /** How often a file is to be found identified, just as it is, before the test ends. */
  private static final int ENOUGH = 15;

  /** When it ends at the latest: a busy machine is slow to identify anything. */
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(8);

  /** Longer than a tick of the kernel's clock, by which it tells the time of a change. */
  private static final long SETTLED_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private static final long DOMAIN = ContentIndex.domain("");

  @TempDir Path directory;
  private final long seed = Long.getLong("samepage.seed", System.nanoTime() & 0xffffff);

  /** What each file held when it was as a key says. */
  private final Map<FileKey, ByteBuffer> history = new ConcurrentHashMap<>();

  private volatile boolean stop;

  @BeforeEach
  void needsRoot() {
    Tree.needsRoot();
    System.out.println("IdentificationStormTest: -Dsamepage.seed=" + seed);
  }

  @Test
  void ofFilesThatAreSharedAsAWhole() throws Exception {
    storm(null);
  }

  @Test
  void ofFilesThatAreSharedInPart() throws Exception {
    storm(PageOptions.DEFAULT);
  }

  private void storm(@Nullable PageOptions pages) throws Exception {
    Tree layer = new Tree(directory.resolve("layer"));
    byte[] index = Tree.bytes(directory.resolve("index"));
    List<Path> paths = new ArrayList<>();
    for (int i = 0; i < FILES; i++) {
      paths.add(layer.file("file" + i, new byte[SIZE]));
    }
    ExecutorService writers = Executors.newFixedThreadPool(FILES);
    try (StableFiles files =
            new StableFiles(
                new StableFiles.Options(index, ContentIndex.DEFAULT_LIMIT, "", pages, null),
                SETTLED_NANOS);
        ContentIndex known = ContentIndex.open(index, ContentIndex.DEFAULT_LIMIT);
        LayerTree mount = LayerTree.mount(layer.name());
        LayerTree tree = files.open(mount.rootFd(), layer.name())) {
      List<Future<?>> done = new ArrayList<>();
      for (Path path : paths) {
        done.add(
            writers.submit(
                () -> {
                  write(tree, path);
                  return null;
                }));
      }
      Set<FileKey> identified = new HashSet<>();
      long end = System.nanoTime() + PATIENCE_NANOS;
      while (identified.size() < ENOUGH
          && (identified.isEmpty() || end - System.nanoTime() > 0)
          && done.stream().noneMatch(Future::isDone)) {
        for (Path path : paths) {
          FileKey key = ask(files, tree, path);
          ContentIndex.Known found = known.find(DOMAIN, key);
          if (found.digest() != null) {
            check(known, key, found.digest());
            identified.add(key);
          }
        }
        Thread.sleep(1); // the others have work to do
      }
      stop = true;
      for (Future<?> one : done) {
        one.get();
      }
      for (FileKey key : history.keySet()) {
        ContentIndex.Known found = known.find(DOMAIN, key);
        if (found.digest() != null) {
          check(known, key, found.digest());
        }
      }
      assertThat(files.counters().filesChanging()).isPositive();
    } finally {
      stop = true;
      writers.shutdownNow();
    }
  }

  /** As an open of the file would; returns what it is at the time. */
  private static FileKey ask(StableFiles files, LayerTree tree, Path path) throws Exception {
    Stat stat = new Stat();
    try (Fd fd = Tree.open(path, Linux.O_PATH)) {
      Files.stat(fd.number(), stat);
      FileKey key = tree.key(fd.number(), stat);
      Content content = files.find(tree, FileAt.of(fd.number()), stat);
      if (key == null || content == null) {
        throw new AssertionError(path + " cannot be identified");
      }
      content.close();
      return key;
    }
  }

  /** What was found of a file as it was, and of all places of that content, is what they held. */
  private void check(ContentIndex known, FileKey file, byte[] digest) {
    same(file, digest);
    for (Place place : known.places(DOMAIN, digest)) {
      same(place.key(), digest);
    }
  }

  private void same(FileKey file, byte[] digest) {
    ByteBuffer held = history.get(file);
    // A write has given it this time and not told yet; or it is not the writer's last word of it.
    if (held != null) {
      assertThat(ByteBuffer.wrap(digest)).as("seed %s: %s", seed, file).isEqualTo(held);
    }
  }

  /** Writes a file in bursts, between which there is often time enough to identify it. */
  private void write(LayerTree tree, Path path) throws Exception {
    Random random = new Random(seed + path.hashCode());
    VerityDigest digest = new VerityDigest();
    NativeBuffer page = NativeBuffer.allocate(PAGE);
    byte[] bytes = new byte[PAGE];
    while (!stop) {
      try (Fd fd = Tree.open(path, Linux.O_RDWR)) {
        for (int writes = 1 + random.nextInt(3); writes > 0; writes--) {
          random.nextBytes(bytes);
          page.bytes().put(0, bytes);
          int at = random.nextInt(PAGES);
          assertThat(Files.pwrite(fd.number(), page.address(), PAGE, (long) at * PAGE))
              .isEqualTo(PAGE);
          remember(tree, fd, digest);
        }
      }
      Thread.sleep(random.nextInt(random.nextInt(4) == 0 ? 500 : 80));
    }
  }

  /** The writer alone changes it: it is now what it was when its times were set. */
  private void remember(LayerTree tree, Fd fd, VerityDigest digest) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(fd.number(), stat);
    FileKey key = tree.key(fd.number(), stat);
    byte[] made = digest.of(fd.number(), SIZE, null);
    if (key == null || made == null) {
      throw new AssertionError("a file of the test cannot be read");
    }
    history.put(key, ByteBuffer.wrap(made));
  }
}
