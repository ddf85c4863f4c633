package io.samepage.dedup;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StableFilesTest {
  private static final byte[] TEXT = "the same in several layers".getBytes(UTF_8);

  @TempDir Path directory;
  private final List<StableFiles> opened = new ArrayList<>();
  private final List<LayerTree> trees = new ArrayList<>();

  @BeforeEach
  void needsRoot() {
    Tree.needsRoot();
  }

  @AfterEach
  void close() {
    trees.forEach(LayerTree::close);
    opened.forEach(StableFiles::close);
  }

  private StableFiles stableFiles(String domain) {
    byte[] index = Tree.bytes(directory.resolve("index"));
    StableFiles made =
        new StableFiles(
            new StableFiles.Options(index, ContentIndex.DEFAULT_LIMIT, domain), Long.MIN_VALUE / 2);
    opened.add(made);
    return made;
  }

  private LayerTree mount(StableFiles files, Tree layer) throws Exception {
    LayerTree mount = LayerTree.mount(layer.name());
    trees.add(mount);
    LayerTree tree = files.open(mount.rootFd(), layer.name());
    trees.add(tree);
    return tree;
  }

  private static @Nullable StableFile find(StableFiles files, LayerTree tree, Path file)
      throws Exception {
    Content content = content(files, tree, file);
    return content == null ? null : content.stable();
  }

  private static @Nullable Content content(StableFiles files, LayerTree tree, Path file)
      throws Exception {
    Stat stat = new Stat();
    try (Fd fd = Tree.open(file, Linux.O_PATH)) {
      Files.stat(fd.number(), stat);
      return files.find(tree, FileAt.of(fd.number()), stat);
    }
  }

  /** Waits for the background thread, which tells nobody when it is done. */
  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in 30 s").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  private static void identify(StableFiles files, LayerTree tree, Path file) throws Exception {
    long scans = files.counters().fullScans();
    assertThat(find(files, tree, file)).isNull();
    await(() -> files.counters().fullScans() > scans);
  }

  private static long ino(Path file) throws Exception {
    return Tree.stat(file).ino;
  }

  private static void assertStable(@Nullable StableFile found, Path stable) throws Exception {
    assertThat(found).isNotNull();
    try (found) {
      Stat stat = new Stat();
      Files.stat(found.fd(), stat);
      assertThat(stat.ino).isEqualTo(ino(stable));
      assertThat(found.key().ino()).isEqualTo(ino(stable));
    }
  }

  @Test
  void equalFilesOfTwoLayersHaveOneStableFile() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Tree two = new Tree(directory.resolve("two"));
    Path a = one.file("a", TEXT);
    Path b = two.file("b", TEXT);
    Path c = two.file("c", "the like in several layers".getBytes(UTF_8));
    StableFiles files = stableFiles("");
    LayerTree first = mount(files, one);
    LayerTree second = mount(files, two);
    identify(files, first, a);
    assertThat(files.counters().filesAlone()).isEqualTo(1);
    assertThat(files.counters().filesHashed()).isZero();
    identify(files, second, b);
    assertThat(files.counters().filesHashed()).isEqualTo(2);
    identify(files, second, c);
    assertStable(find(files, second, b), a);
    assertThat(find(files, first, a)).isNull();
    assertThat(find(files, second, c)).isNull();
  }

  @Test
  void whatIsFoundCannotBeWritten() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    Path b = one.file("b", TEXT);
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    identify(files, tree, a);
    identify(files, tree, b);
    try (StableFile found = find(files, tree, b)) {
      assertThat(found).isNotNull();
      assertThat(
              org.assertj.core.api.Assertions.catchThrowableOfType(
                      io.samepage.posix.ErrnoException.class,
                      () -> Files.reopen(found.fd(), Linux.O_WRONLY))
                  .errno())
          .isEqualTo(io.samepage.posix.Errno.EROFS);
    }
  }

  @Test
  void anotherProcessFindsWhatThisOneEntered() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    Path b = one.file("b", TEXT);
    StableFiles files = stableFiles("");
    identify(files, mount(files, one), a);
    identify(files, trees.get(1), b);
    StableFiles other = stableFiles("");
    LayerTree tree = mount(other, one);
    identify(other, tree, b); // opens the index
    assertThat(other.counters().filesHashed()).isZero();
    assertStable(find(other, tree, b), a);
  }

  @Test
  void whatIsSavedIsCountedLessWhatItCosts() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    Path b = one.file("b", TEXT);
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    identify(files, tree, a);
    identify(files, tree, b);
    assertThat(files.counters().generalProfit()).isZero();
    try (Content first = content(files, tree, a);
        StableFile found = find(files, tree, b)) {
      assertThat(found).isNotNull();
      FileKey own = first.own();
      assertThat(own).isEqualTo(found.key());
      files.use(1, own);
      files.use(2, found.key());
      assertThat(files.layerOf(found.key())).isEqualTo(one.name());
    }
    SharingCounters counters = files.counters();
    assertThat(counters.pagesShared()).isEqualTo(1);
    assertThat(counters.pagesSharing()).isEqualTo(1);
    assertThat(files.bookkeepingBytes()).isPositive();
    assertThat(counters.generalProfit()).isEqualTo(4096 - files.bookkeepingBytes());
  }

  @Test
  void whoHasTheOnlyCopyIsToldWhenThereIsAnother() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    identify(files, tree, a);
    long before = files.generation();
    assertThat(content(files, tree, a).isShared()).isFalse();
    Path b = one.file("b", TEXT);
    identify(files, tree, b);
    await(() -> files.generation() != before);
    assertThat(content(files, tree, a).isShared()).isTrue();
    assertThat(content(files, tree, a).stable()).isNull();
  }

  @Test
  void aStableFileIsOpenedAgainAsLongAsItIsTheSame() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    Path b = one.file("b", TEXT);
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    identify(files, tree, a);
    identify(files, tree, b);
    Place place;
    try (StableFile found = find(files, tree, b)) {
      place = found.place();
    }
    try (StableFile again = files.open(tree, place)) {
      assertThat(again).isNotNull();
      assertThat(again.key()).isEqualTo(place.key());
    }
    java.nio.file.Files.writeString(a, "changed", java.nio.file.StandardOpenOption.APPEND);
    assertThat(files.open(tree, place)).isNull();
  }

  @Test
  void domainsShareNothing() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    Path b = one.file("b", TEXT);
    StableFiles red = stableFiles("red");
    StableFiles blue = stableFiles("blue");
    LayerTree redTree = mount(red, one);
    LayerTree blueTree = mount(blue, one);
    identify(red, redTree, a);
    identify(blue, blueTree, b);
    assertThat(find(blue, blueTree, b)).isNull();
    assertThat(blue.counters().filesHashed()).isZero();
    identify(red, redTree, b);
    assertStable(find(red, redTree, b), a);
    assertThat(find(blue, blueTree, b)).isNull();
  }

  @Test
  void anotherPlaceTakesOverFromAStableFileThatChangedOrWent() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path[] all = new Path[4];
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    for (int i = 0; i < all.length; i++) {
      all[i] = one.file("f" + i, TEXT);
      identify(files, tree, all[i]);
    }
    assertStable(find(files, tree, all[3]), all[0]);
    java.nio.file.Files.write(all[0], "THE SAME in several layers".getBytes(UTF_8));
    assertStable(find(files, tree, all[3]), all[1]);
    await(() -> files.counters().fallbacks() == 1);
    java.nio.file.Files.delete(all[1]);
    assertStable(find(files, tree, all[3]), all[2]);
    await(() -> files.counters().fallbacks() == 2);
    assertThat(find(files, tree, all[2])).isNull();
    StableFile found = find(files, tree, all[3]);
    assertThat(found).isNotNull();
    found.close();
    files.discard(found.key());
    await(() -> files.counters().fallbacks() == 3);
    assertThat(find(files, tree, all[3])).isNull();
  }

  @Test
  void aContentThatHasLostAllItsPlacesIsSharedAgain() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    Path[] all = new Path[ContentIndex.MAX_PLACES + 2];
    for (int i = 0; i < all.length; i++) {
      all[i] = one.file("f" + i, TEXT);
      identify(files, tree, all[i]);
    }
    for (int i = 0; i < ContentIndex.MAX_PLACES; i++) {
      java.nio.file.Files.delete(all[i]);
    }
    Path a = all[all.length - 2];
    Path b = all[all.length - 1];
    await(
        () -> {
          boolean shared = isShared(files, tree, a);
          // Both are to be asked, to become places.
          return isShared(files, tree, b) && shared;
        });
  }

  private static boolean isShared(StableFiles files, LayerTree tree, Path file) {
    try (Content content = content(files, tree, file)) {
      return content != null && content.isShared();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aFileThatChangedIsNotTakenForWhatItWas() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    Path b = one.file("b", TEXT);
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    identify(files, tree, a);
    identify(files, tree, b);
    java.nio.file.Files.write(b, "THE SAME in several layers".getBytes(UTF_8));
    identify(files, tree, b);
    assertThat(find(files, tree, b)).isNull();
  }

  @Test
  void aStableFileOnAnotherFileSystemIsReachedByAMountOfItsLayer() throws Exception {
    Path memory = Path.of("/dev/shm/samepage-test-" + ProcessHandle.current().pid());
    Tree there = new Tree(memory);
    try {
      Path a = there.file("a", TEXT);
      Tree here = new Tree(directory.resolve("here"));
      Path b = here.file("b", TEXT);
      org.junit.jupiter.api.Assumptions.assumeTrue(
          Tree.stat(a).dev() != Tree.stat(b).dev(), "needs two file systems");
      StableFiles first = stableFiles("");
      identify(first, mount(first, there), a);
      StableFiles second = stableFiles("");
      LayerTree tree = mount(second, here);
      identify(second, tree, b);
      assertThat(second.counters().filesHashed()).isEqualTo(2);
      assertStable(find(second, tree, b), a);
    } finally {
      java.nio.file.Files.deleteIfExists(memory.resolve("a"));
      java.nio.file.Files.delete(memory);
    }
  }

  @Test
  void closingDisturbsNobodyWhoAsks() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    Path b = one.file("b", TEXT);
    LayerTree mount = LayerTree.mount(one.name());
    trees.add(mount);
    for (int round = 0; round < 20; round++) {
      StableFiles files = stableFiles("");
      LayerTree tree = files.open(mount.rootFd(), one.name());
      identify(files, tree, a);
      if (round == 0) {
        identify(files, tree, b);
      }
      assertStable(find(files, tree, b), a);
      java.util.concurrent.atomic.AtomicInteger asked =
          new java.util.concurrent.atomic.AtomicInteger();
      java.util.concurrent.FutureTask<Void> asking =
          new java.util.concurrent.FutureTask<>(
              () -> {
                StableFile found;
                do {
                  found = find(files, tree, b);
                  asked.incrementAndGet();
                  if (found != null) {
                    found.close();
                  }
                } while (found != null);
                return null;
              });
      Thread thread = new Thread(asking);
      thread.start();
      int enough = 10 * round;
      await(() -> asked.get() > enough);
      files.close();
      asking.get();
      files.close(tree);
    }
  }

  @Test
  void theFirstOpenAfterABeginningFindsWhatWasKnownBefore() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Tree two = new Tree(directory.resolve("two"));
    Path a = one.file("a", TEXT);
    Path b = two.file("b", TEXT);
    try (StableFiles before = stableFiles("")) {
      identify(before, mount(before, one), a);
      identify(before, mount(before, two), b);
    }
    StableFiles files = stableFiles("");
    files.begin();
    assertThat(files.awaitIndexes(30_000)).isTrue();
    assertStable(find(files, mount(files, two), b), a);
  }

  @Test
  void whoIsSaidToShareWithNobodyUsesItsOwnPagesAndIsKnown() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    StableFiles files = stableFiles("");
    LayerTree tree = mount(files, one);
    Stat stat = Tree.stat(a);
    try (Fd fd = Tree.open(a, Linux.O_PATH);
        Content content = files.unshared(tree, FileAt.of(fd.number()), stat)) {
      assertThat(content).isNotNull();
      assertThat(content.own()).isEqualTo(tree.key(fd.number(), stat));
      assertThat(content.isKnown()).isTrue();
      assertThat(content.isShared()).isFalse();
      assertThat(content.stable()).isNull();
    }
    assertThat(files.counters().queued()).isZero();
  }

  @Test
  void filesThatWereJustChangedAreLeftOut() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Path a = one.file("a", TEXT);
    StableFiles files = new StableFiles(new StableFiles.Options(null, 0, ""));
    opened.add(files);
    LayerTree tree = mount(files, one);
    identify(files, tree, a);
    assertThat(files.counters().filesChanging()).isEqualTo(1);
    assertThat(files.counters().pagesVolatile()).isEqualTo(1);
    assertThat(files.counters().filesAlone()).isZero();
  }
}
