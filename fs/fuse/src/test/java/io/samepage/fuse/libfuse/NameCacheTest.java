package io.samepage.fuse.libfuse;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.Entry;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.Request;
import io.samepage.fuse.kernel.MemoryFileSystem;
import io.samepage.posix.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Names and the nodes that they keep known, in the root of a file system in memory. */
@Timeout(60)
final class NameCacheTest {
  private static final int MOST = 16;
  private static final int FILES = 64;

  private final MemoryFileSystem fs = new MemoryFileSystem();
  private final KnownNodes nodes = new KnownNodes(fs);
  private final NameCache names = new NameCache(nodes, MOST);

  @BeforeEach
  void files() throws ErrnoException {
    for (int i = 0; i < FILES; i++) {
      Entry entry = new Entry();
      fs.mknod(new Request(), FileSystem.ROOT, name(i), 0100644, 0, 0, entry);
      fs.forget(entry.nodeid, 1);
    }
  }

  private static byte[] name(int number) {
    return ("f" + number).getBytes(US_ASCII);
  }

  /** As the walk along a path does it: from the cache, or else looked up and remembered. */
  private KnownNode node(int number) throws ErrnoException {
    KnownNode known = names.get(nodes.root(), name(number));
    if (known != null) {
      return known;
    }
    long begun = names.begin();
    Entry entry = new Entry();
    fs.lookup(new Request(), FileSystem.ROOT, name(number), entry);
    KnownNode found = nodes.lookedUp(entry.nodeid);
    names.put(nodes.root(), name(number), found, begun);
    return found;
  }

  private boolean isKept(int number) {
    KnownNode known = names.get(nodes.root(), name(number));
    if (known != null) {
      nodes.release(known);
    }
    return known != null;
  }

  @Test
  void whatIsAskedForAgainStaysWhileOthersComeAndGo() throws Exception {
    nodes.release(node(0));
    for (int i = 1; i < FILES; i++) {
      assertThat(isKept(0)).as("before %d came", i).isTrue();
      nodes.release(node(i));
    }
    int kept = 0;
    for (int i = 0; i < FILES; i++) {
      kept += isKept(i) ? 1 : 0;
    }
    assertThat(kept).isEqualTo(MOST);
  }

  @Test
  void aNameThatHasChangedMeanwhileIsNotRemembered() throws Exception {
    long begun = names.begin();
    KnownNode node = node(1);
    names.forget(FileSystem.ROOT, name(1));
    names.put(nodes.root(), name(1), node, begun);
    nodes.release(node);
    assertThat(isKept(1)).isFalse();
  }

  @Test
  void aPartOfAPathIsTheNameThatItSpells() throws Exception {
    nodes.release(node(12));
    byte[] path = "/f12/f1".getBytes(US_ASCII);
    KnownNode found = names.get(nodes.root(), path, 1, 4);
    assertThat(found).isNotNull();
    nodes.release(java.util.Objects.requireNonNull(found));
    assertThat(names.get(nodes.root(), path, 1, 3)).isNull();
  }

  @Test
  void manyThreadsGiveBackWhatTheyUsed() throws Exception {
    long seed = System.nanoTime();
    System.out.println("NameCacheTest: seed " + seed);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Callable<Void>> work = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        Random random = new Random(seed + t);
        work.add(
            () -> {
              for (int i = 0; i < 20_000; i++) {
                int number = random.nextInt(FILES);
                KnownNode node = node(number);
                assertThat(node.users.get()).isPositive();
                if (random.nextInt(4) == 0) {
                  names.forget(FileSystem.ROOT, name(number));
                }
                nodes.release(node);
              }
              return null;
            });
      }
      for (Future<Void> done : threads.invokeAll(work)) {
        done.get();
      }
    } finally {
      threads.shutdown();
    }
    names.clear();
    assertThat(nodes.size()).as("the root").isEqualTo(1);
    assertThat(fs.lookups()).isZero();
  }
}
