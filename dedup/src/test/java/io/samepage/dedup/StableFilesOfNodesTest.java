package io.samepage.dedup;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.numa.DescribedNodes;
import io.samepage.dedup.numa.HomeNode;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The stable files of mounts whose processes run on different nodes. */
final class StableFilesOfNodesTest {
  private static final byte[] TEXT = "the same in several layers".getBytes(UTF_8);

  @TempDir Path directory;
  private Tree layer;
  private final List<StableFiles> opened = new ArrayList<>();
  private final List<LayerTree> trees = new ArrayList<>();

  @BeforeEach
  void needsRoot() throws Exception {
    Tree.needsRoot();
    layer = new Tree(directory.resolve("layer"));
  }

  @AfterEach
  void close() {
    trees.forEach(LayerTree::close);
    opened.forEach(StableFiles::close);
  }

  /** A mount, with the layer. */
  private final class Mount {
    final StableFiles files;
    final LayerTree tree;
    private final @Nullable HomeNode home;
    private boolean hasIndex;

    Mount(@Nullable HomeNode home) throws Exception {
      this.home = home;
      byte[] index = Tree.bytes(directory.resolve("index"));
      files =
          new StableFiles(
              new StableFiles.Options(index, ContentIndex.DEFAULT_LIMIT, "", null, home),
              Long.MIN_VALUE / 2);
      opened.add(files);
      LayerTree mounted = LayerTree.mount(layer.name());
      trees.add(mounted);
      tree = files.open(mounted.rootFd(), layer.name());
      trees.add(tree);
      if (home != null) {
        files.opened((int) ProcessHandle.current().pid());
      }
    }

    /** The inode whose pages an open of a file would use. */
    long used(Path file) {
      Stat stat = new Stat();
      try (Fd fd = Tree.open(file, Linux.O_PATH)) {
        Files.stat(fd.number(), stat);
        try (Content content = files.find(tree, FileAt.of(fd.number()), stat)) {
          assertThat(content).isNotNull();
          StableFile stable = content.stable();
          return stable == null ? stat.ino : stable.key().ino();
        }
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }

    void identify(Path file) {
      long scans = files.counters().fullScans();
      used(file);
      await(() -> files.counters().fullScans() > scans);
    }

    /** The background thread does, when it is first asked of a file. */
    void openIndex(Path file) {
      if (!hasIndex) {
        hasIndex = true;
        identify(file);
      }
    }

    void uses(Path file, Path stable) throws Exception {
      openIndex(file);
      long expected = Tree.stat(stable).ino;
      await(() -> used(file) == expected);
    }

    /** And nobody else does, from now on. */
    void owns(Path file, Path stable) throws Exception {
      uses(file, stable);
      long domain = ContentIndex.domain("");
      byte[] path = Tree.bytes(directory.resolve("index"));
      try (Fd fd = Tree.open(stable, Linux.O_PATH);
          ContentIndex index = ContentIndex.open(path, ContentIndex.DEFAULT_LIMIT)) {
        FileKey key = tree.key(fd.number(), Tree.stat(stable));
        assertThat(key).isNotNull();
        byte[] digest = index.find(domain, key).digest();
        assertThat(digest).isNotNull();
        await(() -> index.nodePlaces(domain, digest).has(home.node(), key));
      }
    }
  }

  /**
   * A mount all of whose processes run on one of so many nodes: this process has all CPUs there.
   */
  private Mount on(int node, int nodes) throws Exception {
    DescribedNodes described = new DescribedNodes(directory.resolve(node + " of " + nodes));
    for (int i = 0; i < nodes; i++) {
      described.node(i, i == node ? "0-9999" : String.valueOf(10_000 + i));
    }
    return new Mount(new HomeNode(described.topology()));
  }

  /** Waits for the background thread, which tells nobody when it is done. */
  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in 30 s").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  private Path[] identified(int count) throws Exception {
    Mount any = new Mount(null);
    Path[] files = new Path[count];
    for (int i = 0; i < count; i++) {
      files[i] = layer.file("f" + i, TEXT);
      any.identify(files[i]);
    }
    return files;
  }

  @Test
  void eachNodeHasAPlaceOfItsOwnOnWhichAllMountsAgree() throws Exception {
    Path[] f = identified(4);
    Mount first = on(0, 2);
    Mount second = on(1, 2);
    first.owns(f[3], f[3]); // its own, since nobody had it
    second.owns(f[3], f[0]);
    for (Path file : f) {
      first.uses(file, f[3]);
      second.uses(file, f[0]);
    }
    Mount third = on(1, 2);
    third.uses(f[1], f[0]);
    Mount fourth = on(0, 2);
    fourth.uses(f[1], f[3]);
    // who does not ask for it has what all have without
    Mount plain = new Mount(null);
    plain.uses(f[2], f[0]);
  }

  @Test
  void withFewerPlacesThanNodesTheLastShare() throws Exception {
    Path[] f = identified(2);
    on(2, 3).owns(f[1], f[1]);
    on(0, 3).owns(f[1], f[0]);
    on(1, 3).uses(f[0], f[1]); // the second of two that are equally far
    on(1, 3).uses(f[1], f[1]);
  }

  @Test
  void aContentWithOnePlaceIsNobodysInParticular() throws Exception {
    Path[] f = identified(1);
    Mount mount = on(1, 2);
    mount.uses(f[0], f[0]);
    assertThat(mount.files.placing()).isEqualTo(1);
    assertThat(owners()).isZero();
  }

  private int owners() throws Exception {
    close();
    trees.clear();
    opened.clear();
    int[] count = {0};
    try (LmdbStore store =
        LmdbStore.open(
            Tree.bytes(directory.resolve("index")),
            ContentIndex.DEFAULT_LIMIT,
            LmdbStore.Kind.FILES)) {
      store.walk(
          Table.NODES,
          (key, value) -> {
            count[0]++;
            return true;
          });
    }
    return count[0];
  }

  @Test
  void nothingIsKeptOfNodesWhereNobodyAsks() throws Exception {
    Path[] f = identified(3);
    new Mount(null).uses(f[2], f[0]);
    assertThat(owners()).isZero();
    on(1, 2).owns(f[2], f[2]);
    on(0, 2).owns(f[2], f[0]);
    assertThat(owners()).isEqualTo(1);
  }

  @Test
  void anotherPlaceTakesOverFromOneThatChangedAndOtherNodesKeepTheirs() throws Exception {
    Path[] f = identified(3);
    Mount first = on(0, 2);
    Mount second = on(1, 2);
    first.owns(f[0], f[0]);
    second.owns(f[1], f[1]);
    long before = first.files.placing();
    java.nio.file.Files.write(f[0], "THE SAME in several layers".getBytes(UTF_8));
    first.uses(f[1], f[2]);
    await(() -> first.files.counters().fallbacks() == 1);
    await(() -> first.files.placing() != before);
    first.owns(f[1], f[2]);
    second.uses(f[2], f[1]);
    java.nio.file.Files.delete(f[2]);
    first.uses(f[1], f[1]);
    second.uses(f[1], f[1]);
  }

  @Test
  void whoComesSecondToAPlaceAsksAgain() throws Exception {
    Path[] f = identified(2);
    Mount mount = on(1, 2);
    mount.openIndex(f[1]);
    CountDownLatch gate = new CountDownLatch(1);
    mount
        .files
        .queue()
        .add(
            "gate",
            () -> {
              try {
                gate.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    assertThat(mount.used(f[1])).isEqualTo(Tree.stat(f[1]).ino);
    on(0, 2).owns(f[1], f[1]);
    long before = mount.files.placing();
    gate.countDown();
    await(() -> mount.files.placing() != before);
    mount.owns(f[1], f[0]);
  }

  @Test
  void aPlaceThatCannotBeReadIsLeftForTheNext() throws Exception {
    Path[] f = identified(3);
    Mount first = on(0, 2);
    Mount second = on(1, 2);
    first.owns(f[2], f[2]);
    second.owns(f[1], f[1]);
    Stat stat = Tree.stat(f[2]);
    try (Fd fd = Tree.open(f[2], Linux.O_PATH)) {
      first.files.discard(first.tree.key(fd.number(), stat));
    }
    first.owns(f[1], f[0]);
    second.owns(f[0], f[1]);
  }

  @Test
  void anIndexOfBeforeIsUsedAsItIs() throws Exception {
    Path[] f = identified(2);
    close();
    trees.clear();
    opened.clear();
    // What it has without the table of nodes, which an earlier version does not know.
    byte[] path = Tree.bytes(directory.resolve("index"));
    LmdbStore.Kind before =
        new LmdbStore.Kind(
            LmdbStore.Kind.FILES.format(),
            EnumSet.of(Table.FILES, Table.PLACES, Table.SIZES, Table.LAYERS));
    byte[] old = Tree.bytes(directory.resolve("old"));
    try (LmdbStore from = LmdbStore.open(path, ContentIndex.DEFAULT_LIMIT, LmdbStore.Kind.FILES);
        LmdbStore to = LmdbStore.open(old, ContentIndex.DEFAULT_LIMIT, before)) {
      for (Table table : before.tables()) {
        List<byte[]> keys = new ArrayList<>();
        from.walk(table, (key, value) -> keys.add(key.clone()));
        to.change(
            writer -> {
              for (byte[] key : keys) {
                byte[] value = from.get(table, key);
                assertThat(value).isNotNull();
                writer.put(table, key, value);
              }
            });
      }
    }
    java.nio.file.Files.move(directory.resolve("index"), directory.resolve("new"));
    java.nio.file.Files.move(directory.resolve("old"), directory.resolve("index"));
    Mount first = on(0, 2);
    Mount second = on(1, 2);
    first.owns(f[1], f[1]);
    second.owns(f[1], f[0]);
    assertThat(first.files.counters().filesHashed()).isZero();
    // and the earlier version uses what this one leaves
    close();
    trees.clear();
    opened.clear();
    try (LmdbStore again = LmdbStore.open(path, ContentIndex.DEFAULT_LIMIT, before)) {
      assertThat(again.replaced()).isNull();
    }
  }

  @Test
  void withoutAHomeNothingChangesPlaces() throws Exception {
    Path[] f = identified(3);
    Mount plain = new Mount(null);
    plain.uses(f[2], f[0]);
    plain.files.opened((int) ProcessHandle.current().pid());
    java.nio.file.Files.delete(f[0]);
    plain.uses(f[2], f[1]);
    await(() -> plain.files.counters().fallbacks() == 1);
    assertThat(plain.files.placing()).isZero();
  }
}
