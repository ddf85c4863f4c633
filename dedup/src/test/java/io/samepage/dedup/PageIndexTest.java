package io.samepage.dedup;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageState;
import io.samepage.dedup.pages.SharedRanges;
import java.io.BufferedReader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Contents are made of numbered pages; the digest of a page is made of its number. */
final class PageIndexTest {
  private static final long DOMAIN = 5;
  private static final int PAGES = 3000; // three parts

  @TempDir Path directory;

  private static byte[] digest(long number) {
    byte[] digest = new byte[VerityDigest.LENGTH];
    new Random(number).nextBytes(digest);
    return digest;
  }

  private PageIndex open(long limit) {
    return PageIndex.open(Tree.bytes(directory.resolve("pages")), limit);
  }

  private static void enter(PageIndex index, long content, long firstPage, int pages) {
    PageDigests.Collector leaves = index.collector();
    for (int i = 0; i < pages; i++) {
      ByteBuffer padded = ByteBuffer.allocate(VerityDigest.LENGTH + 1);
      padded.put(1, digest(firstPage + i));
      leaves.leaf(i, padded.array(), 1);
    }
    leaves.flush();
    index.enter(DOMAIN, digest(-content), (long) pages * VerityDigest.BLOCK, leaves.leaves());
  }

  private static @Nullable SharedRanges ranges(PageIndex index, long content) {
    PagedContent entry = index.find(DOMAIN, digest(-content));
    return entry == null ? null : index.ranges(DOMAIN, entry);
  }

  private static List<PageExtent> extents(PageIndex index, long content) {
    SharedRanges ranges = Objects.requireNonNull(ranges(index, content));
    List<PageExtent> extents = new ArrayList<>();
    ranges.map().forEach(0, ranges.map().pages(), extents::add);
    return extents;
  }

  @Test
  void keepsTheRangesOfAContentForThoseWhoComeLater() {
    try (PageIndex index = open(PageIndex.LIMIT)) {
      enter(index, 1, 0, PAGES);
      enter(index, 2, 1000, PAGES);
    }
    try (PageIndex index = open(PageIndex.LIMIT)) {
      assertThat(ranges(index, 1)).isNull();
      assertThat(extents(index, 2))
          .containsExactly(
              new PageExtent(0, 2000, PageState.SHARED, 0, 1000),
              new PageExtent(2000, 1000, PageState.OWN, 0, 2000));
      PagedContent entry = Objects.requireNonNull(index.find(DOMAIN, digest(-2)));
      assertThat(entry.sources()).hasSize(1);
      assertThat(entry.sources().get(0)).isEqualTo(digest(-1));
      assertThat(index.find(DOMAIN + 1, digest(-2))).isNull();
      // Another domain knows none of these pages.
      PageDigests.Collector leaves = index.collector();
      for (int i = 0; i < PAGES; i++) {
        leaves.leaf(i, digest(i), 0);
      }
      leaves.flush();
      index.enter(DOMAIN + 1, digest(-2), (long) PAGES * VerityDigest.BLOCK, leaves.leaves());
      PagedContent other = Objects.requireNonNull(index.find(DOMAIN + 1, digest(-2)));
      assertThat(index.ranges(DOMAIN + 1, other)).isNull();
    }
  }

  @Test
  void theNextOneOwnsThePagesOfAContentThatIsForgotten() {
    try (PageIndex index = open(PageIndex.LIMIT)) {
      enter(index, 1, 0, PAGES);
      enter(index, 2, 0, PAGES - 10);
      index.forget(DOMAIN, digest(-1));
      assertThat(index.find(DOMAIN, digest(-1))).isNull();
      PagedContent second = Objects.requireNonNull(index.find(DOMAIN, digest(-2)));
      index.enter(DOMAIN, digest(-2), second.size(), second.leaves());
      assertThat(ranges(index, 2)).isNull();
      enter(index, 3, 0, PAGES);
      PagedContent third = Objects.requireNonNull(index.find(DOMAIN, digest(-3)));
      assertThat(third.sources().get(0)).isEqualTo(digest(-2));
      assertThat(third.shared()).isEqualTo(PAGES - 10);
    }
  }

  @Test
  void whatIsOldestGoesWhenItIsFull() {
    try (PageIndex index = open(2 << 20)) {
      int contents = 40; // of 100 KiB each
      for (int content = 1; content <= contents; content++) {
        enter(index, content, content * 10_000L, PAGES);
      }
      int left = 0;
      for (int content = 1; content <= contents; content++) {
        left += index.find(DOMAIN, digest(-content)) != null ? 1 : 0;
      }
      assertThat(left).isBetween(3, 20);
      assertThat(index.find(DOMAIN, digest(-contents))).isNotNull();
      // and what is left is good for sharing
      enter(index, 99, contents * 10_000L + 7, PAGES);
      assertThat(extents(index, 99)).hasSize(2);
    }
  }

  @Test
  void inMemoryItIsTheSame() {
    try (PageIndex index = PageIndex.inMemory()) {
      enter(index, 1, 0, PAGES);
      enter(index, 2, 500, PAGES);
      assertThat(extents(index, 2)).hasSize(2);
      index.enterUnsuitable(DOMAIN, digest(-3), 4096);
      assertThat(ranges(index, 3)).isNull();
    }
  }

  /** For {@link IndexChild}: which content a process enters in a round. */
  static long contentOf(int round, int process) {
    return 100L + round * 10L + process;
  }

  /** The same: a content of so many pages, from the first one on. */
  static void enter(PageIndex index, long content, long firstPage) {
    enter(index, content, firstPage, PAGES);
  }

  @Test
  @Timeout(120)
  void ofTwoThatAreEnteredByTwoProcessesAtOnceOneUsesTheOther() throws Exception {
    int rounds = 15;
    Path there = directory.resolve("pages");
    List<Process> processes = new ArrayList<>();
    try {
      List<BufferedReader> answers = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        Process started = IndexChild.start("pages", there.toString(), String.valueOf(i));
        processes.add(started);
        answers.add(started.inputReader(US_ASCII));
      }
      for (BufferedReader answer : answers) {
        assertThat(answer.readLine()).isEqualTo("open");
      }
      for (int round = 0; round < rounds; round++) {
        for (Process one : processes) {
          one.getOutputStream().write('g');
          one.getOutputStream().flush();
        }
        for (BufferedReader answer : answers) {
          assertThat(answer.readLine()).isEqualTo(String.valueOf(round));
        }
      }
      for (Process one : processes) {
        one.getOutputStream().close();
        assertThat(one.waitFor()).isZero();
      }
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
    try (PageIndex index = open(PageIndex.LIMIT)) {
      for (int round = 0; round < rounds; round++) {
        SharedRanges zero = ranges(index, contentOf(round, 0));
        SharedRanges one = ranges(index, contentOf(round, 1));
        assertThat(zero == null).as("round " + round).isNotEqualTo(one == null);
        SharedRanges found = zero == null ? one : zero;
        assertThat(Objects.requireNonNull(found).sharedPages()).isEqualTo(PAGES - 1);
      }
    }
  }
}
