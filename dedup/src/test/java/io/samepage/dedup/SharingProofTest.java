package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.samepage.dedup.SharingProof.Totals;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileMapping;
import io.samepage.posix.Linux;
import io.samepage.posix.PageFrames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SharingProofTest {
  private static final int PAGE = FileMapping.PAGE;

  @TempDir Path directory;
  private Tree tree;

  @BeforeEach
  void needsPageFrameNumbers() throws Exception {
    try (PageFrames frames = PageFrames.open(1)) {
      Assumptions.assumeTrue(frames.areShown(), "needs CAP_SYS_ADMIN");
    }
    tree = new Tree(directory.resolve("tree"));
  }

  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  private static Totals run(byte[]... targets) throws ErrnoException {
    try (SharingProof proof = SharingProof.begin(false)) {
      for (byte[] target : targets) {
        proof.add(target);
      }
      return proof.run((path, pages, shared, frame) -> {});
    }
  }

  @Test
  void equalFilesThatShareNothingAreOnFramesOfTheirOwn() throws Exception {
    // more than a window, and a part of a page
    tree.file("a", random(5000 * PAGE + 1));
    tree.file("b", random(5000 * PAGE + 1));
    tree.file("empty", new byte[0]);
    Totals totals = run(tree.name());
    assertThat(totals).isEqualTo(new Totals(2, 0, 2 * 5001L, 2 * 5001L, 0, 1, 0, 0, 0));
    assertThat(totals.pagesSaved()).isZero();
  }

  @Test
  void oneFileByTwoWaysIsOnTheSameFrames() throws Exception {
    Path a = tree.file("a", random(5000 * PAGE + 1));
    tree.file("b", random(3 * PAGE));
    Totals totals = run(tree.name(), tree.name(), Tree.bytes(a));
    assertThat(totals).isEqualTo(new Totals(5, 3, 3 * 5001L + 6, 5001 + 3, 0, 0, 0, 0, 0));
    assertThat(totals.bytesSaved()).isEqualTo((2 * 5001L + 3) * PAGE);
  }

  @Test
  void allNamesOfAFileAreOne() throws Exception {
    Path a = tree.file("a", random(PAGE));
    java.nio.file.Files.createLink(a.resolveSibling("b"), a);
    assertThat(run(tree.name()).files()).isEqualTo(1);
  }

  @Test
  void aFrameThatWasAnotherFilesBeforeProvesNothing() throws Exception {
    tree.file("a", random(10 * PAGE));
    Path b = tree.file("b", random(10 * PAGE + 1));
    try (SharingProof proof = SharingProof.begin(false)) {
      proof.add(tree.name());
      // As if the kernel had taken the frames from "a", which comes first, and given them to "b".
      long[] frames = frames(b, 11);
      for (int i = 0; i < 10; i++) {
        proof.owners().put(frames[i], FrameOwners.owner(0, i));
      }
      Totals totals = proof.run((path, pages, shared, frame) -> {});
      assertThat(totals.pages()).isEqualTo(21);
      assertThat(totals.frames()).isEqualTo(21);
      assertThat(FrameOwners.file(proof.owners().get(frames[3]))).isEqualTo(1);
    }
  }

  @Test
  void aFileWhoseFramesTheKernelHasTakenIsComparedAllTheSame() throws Exception {
    tree.file("a", random(5000 * PAGE));
    try (SharingProof proof = SharingProof.begin(false)) {
      proof.add(tree.name());
      proof.add(tree.name());
      Totals totals = proof.run((path, pages, shared, frame) -> proof.owners().clear());
      assertThat(totals.pages()).isEqualTo(10_000);
      assertThat(totals.frames()).isEqualTo(5000);
    }
  }

  private static long[] frames(Path file, int pages) throws ErrnoException {
    long[] frames = new long[pages];
    try (Fd fd = Tree.open(file, Linux.O_RDONLY);
        FileMapping mapping = FileMapping.of(fd.number(), 0, pages);
        PageFrames numbers = PageFrames.open(pages)) {
      assertThat(mapping.populate(0, pages)).isZero();
      numbers.of(mapping, frames);
    }
    return frames;
  }

  @Test
  void eachFileIsToldWithItsFirstFrame() throws Exception {
    Path a = tree.file("a", random(10 * PAGE));
    List<String> told = new ArrayList<>();
    try (SharingProof proof = SharingProof.begin(false)) {
      proof.add(tree.name());
      proof.add(Tree.bytes(a));
      proof.run(
          (path, pages, shared, frame) ->
              told.add(
                  new String(path, java.nio.charset.StandardCharsets.UTF_8)
                      + " "
                      + pages
                      + " "
                      + shared
                      + " "
                      + frame));
    }
    long first = frames(a, 10)[0];
    assertThat(first).isNotZero();
    assertThat(told).containsExactly(a + " 10 0 " + first, a + " 10 10 " + first);
  }

  @Test
  void aFileThatGotShorterHasNoPagesBeyondItsEnd() throws Exception {
    Path a = tree.file("a", random(10 * PAGE));
    try (SharingProof proof = SharingProof.begin(false)) {
      proof.add(tree.name());
      truncate(a, 4L * PAGE);
      Totals totals = proof.run((path, pages, shared, frame) -> {});
      assertThat(totals.pages()).isEqualTo(4);
      assertThat(totals.pagesAbsent()).isEqualTo(6);
    }
  }

  private static void truncate(Path file, long size) throws IOException {
    try (var channel =
        java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
      channel.truncate(size);
    }
  }

  @Test
  void aFileThatWentIsCounted() throws Exception {
    Path a = tree.file("a", random(PAGE));
    try (SharingProof proof = SharingProof.begin(false)) {
      proof.add(tree.name());
      java.nio.file.Files.delete(a);
      Totals totals = proof.run((path, pages, shared, frame) -> {});
      assertThat(totals.files()).isZero();
      assertThat(totals.unreadable()).isEqualTo(1);
    }
    assertThat(catchThrowableOfType(ErrnoException.class, () -> run(Tree.bytes(a))).errno())
        .isEqualTo(Errno.ENOENT);
  }
}
