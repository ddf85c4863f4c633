package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.TreeIndexer.Totals;
import io.samepage.posix.Linux;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TreeIndexerTest {
  private static final long NEVER = Long.MIN_VALUE / 2;
  @TempDir Path directory;

  @BeforeEach
  void needsRoot() {
    Tree.needsRoot();
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Totals index(ContentIndex index, Path tree) throws Exception {
    return index(index, null, tree);
  }

  private static Totals index(ContentIndex index, @Nullable PageOptions pages, Path tree)
      throws Exception {
    TreeIndexer indexer = new TreeIndexer(index, "", pages, 1, NEVER);
    indexer.index(Tree.bytes(tree));
    return indexer.totals();
  }

  private static boolean isStable(ContentIndex index, Path tree, Path file, Path stable)
      throws Exception {
    try (LayerTree layer = LayerTree.mount(Tree.bytes(tree));
        var fd = Tree.open(file, Linux.O_PATH)) {
      long domain = ContentIndex.domain("");
      byte[] digest = index.find(domain, layer.key(fd.number(), Tree.stat(file))).digest();
      return digest != null
          && index.places(domain, digest).get(0).key().ino() == Tree.stat(stable).ino;
    }
  }

  @Test
  void findsWhatIsEqualInAllItsTrees() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Tree two = new Tree(directory.resolve("two"));
    Path sub = Files.createDirectories(two.path().resolve("deep/er"));
    Path a = one.file("a", text("equal"));
    Path b = Files.write(sub.resolve("b"), text("equal"));
    Path odd = Files.write(sub.resolve("odd"), text("other"));
    one.file("unique", text("of a size of its own"));
    one.file("empty", new byte[0]);
    Files.createSymbolicLink(one.path().resolve("link"), a);
    Files.createLink(one.path().resolve("hard"), a);
    try (ContentIndex index = ContentIndex.inMemory()) {
      Totals first = index(index, one.path());
      assertThat(first.files()).isEqualTo(2);
      assertThat(first.filesAlone()).isEqualTo(2);
      assertThat(first.filesHashed()).isZero();
      assertThat(first.filesEmpty()).isEqualTo(1);
      assertThat(first.filesSpecial()).isEqualTo(1);
      Totals second = index(index, two.path());
      assertThat(second.filesHashed()).isEqualTo(3);
      assertThat(second.filesDone()).isEqualTo(second.filesToDo()).isEqualTo(2);
      assertThat(isStable(index, one.path(), a, a)).isTrue();
      assertThat(isStable(index, two.path(), b, a)).isTrue();
      assertThat(isStable(index, two.path(), odd, odd)).isTrue();
      Totals again = index(index, two.path());
      assertThat(again.filesKnown()).isEqualTo(2);
      assertThat(again.filesToDo()).isZero();
      Files.write(odd, text("equal"));
      assertThat(index(index, two.path()).filesHashed()).isEqualTo(1);
      assertThat(isStable(index, two.path(), odd, a)).isTrue();
    }
  }

  @Test
  void entersLargeFilesWithTheirPagesAndReadsNoneTwice() throws Exception {
    PageOptions pages = new PageOptions(16 * VerityDigest.BLOCK, 10);
    byte[] content = new byte[64 * VerityDigest.BLOCK];
    new java.util.Random(1).nextBytes(content);
    Tree tree = new Tree(directory.resolve("tree"));
    Path one = tree.file("one", content);
    content[0]++;
    tree.file("other", content);
    tree.file("small", text("alone"));
    byte[] elf = content.clone();
    System.arraycopy(new byte[] {0x7f, 'E', 'L', 'F'}, 0, elf, 0, 4);
    tree.file("program", java.util.Arrays.copyOf(elf, 40 * VerityDigest.BLOCK));
    try (ContentIndex index = ContentIndex.open(Tree.bytes(directory.resolve("index")), 1 << 20)) {
      assertThat(index(index, null, tree.path()).filesHashed()).isEqualTo(2);
      Totals first = index(index, pages, tree.path());
      assertThat(first.filesToDo()).isEqualTo(3);
      assertThat(first.filesByPage()).isEqualTo(2);
      assertThat(first.filesHashed()).isEqualTo(3);
      Totals again = index(index, pages, tree.path());
      assertThat(again.filesKnown()).isEqualTo(4);
      assertThat(again.filesHashed()).isZero();
      Files.write(one, content, java.nio.file.StandardOpenOption.APPEND);
      assertThat(index(index, pages, tree.path()).filesByPage()).isEqualTo(1);
    }
    try (PagedMount mount = new PagedMount(directory.resolve("index"), tree, pages)) {
      mount.settle(); // it has opened the index of itself
      try (PagedFile paged = mount.find(one)) {
        assertThat(paged).isNotNull();
      }
      assertThat(mount.files().counters().filesHashed()).isZero();
    }
  }

  @Test
  void aFileOfTheSizeOfOneThatIsKnownByPageDoesNotHaveThatReadAgain() throws Exception {
    PageOptions pages = new PageOptions(VerityDigest.BLOCK, 10);
    Tree tree = new Tree(directory.resolve("tree"));
    tree.file("one", new byte[2 * VerityDigest.BLOCK]);
    try (ContentIndex index = ContentIndex.inMemory()) {
      assertThat(index(index, pages, tree.path()).filesHashed()).isEqualTo(1);
      tree.file("two", new byte[2 * VerityDigest.BLOCK]);
      assertThat(index(index, pages, tree.path()).filesHashed()).isEqualTo(1);
      tree.file("three", new byte[2 * VerityDigest.BLOCK]);
      assertThat(index(index, null, tree.path()).filesHashed()).isEqualTo(1);
      assertThat(index(index, pages, tree.path()).filesToDo()).isZero();
    }
  }

  @Test
  void leavesOutWhatIsMountedBelow() throws Exception {
    Tree tree = new Tree(directory.resolve("tree"));
    Path below = Files.createDirectories(tree.path().resolve("below"));
    Files.write(below.resolve("covered"), text("12345"));
    byte[] none = text("none");
    io.samepage.posix.Mounts.mount(none, Tree.bytes(below), text("tmpfs"), 0, new byte[0]);
    try (ContentIndex index = ContentIndex.inMemory()) {
      Files.write(below.resolve("foreign"), text("123"));
      Files.write(below.resolve("foreign2"), text("1234"));
      Totals totals = index(index, tree.path());
      assertThat(totals.files()).isEqualTo(1);
      assertThat(totals.bytesDone()).isEqualTo(5);
    } finally {
      io.samepage.posix.Mounts.unmount(Tree.bytes(below), 0);
    }
  }

  @Test
  void waitsForFilesThatWereJustWritten() throws Exception {
    Tree tree = new Tree(directory.resolve("tree"));
    tree.file("a", text("equal"));
    tree.file("b", text("equal"));
    try (ContentIndex index = ContentIndex.inMemory()) {
      TreeIndexer indexer = new TreeIndexer(index, "", null, 1, 300_000_000L);
      indexer.index(tree.name());
      assertThat(indexer.totals().filesHashed()).isEqualTo(2);
      assertThat(indexer.totals().filesChanging()).isZero();
    }
  }

  @Test
  void whatWasStoppedGoesOn() throws Exception {
    Tree tree = new Tree(directory.resolve("tree"));
    for (int i = 0; i < 2000; i++) {
      tree.file("f" + i, text("content " + i % 7));
    }
    try (ContentIndex index = ContentIndex.inMemory()) {
      TreeIndexer indexer = new TreeIndexer(index, "", null, 1, NEVER);
      Thread stopper =
          new Thread(
              () -> {
                while (indexer.totals().filesDone() < 300) {
                  Thread.onSpinWait();
                }
                indexer.stop();
              });
      stopper.start();
      indexer.index(tree.name());
      stopper.join();
      Totals again = index(index, tree.path());
      assertThat(again.filesKnown()).isGreaterThanOrEqualTo(250).isLessThan(2000);
      assertThat(again.filesKnown() + again.filesToDo()).isEqualTo(2000);
      assertThat(index(index, tree.path()).filesKnown()).isEqualTo(2000);
    }
  }
}
