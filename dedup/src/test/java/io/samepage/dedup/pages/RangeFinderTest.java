package io.samepage.dedup.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The finder beside a search of everything. A page is a number here, and 0 one of zeros; the digest
 * of a page is made of its number.
 */
final class RangeFinderTest {
  private static final int ROUNDS = 400;

  private static byte[] digest(long page) {
    byte[] digest = new byte[RangeFinder.DIGEST];
    Random random = new Random(page * 31);
    random.nextBytes(digest);
    return digest;
  }

  /** Pages in parts of 5, as an index on disk has them in parts. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Pages(long[] numbers) implements RangeFinder.Digests {
    private static final int PART = 5;

    @Override
    public long pages() {
      return numbers.length;
    }

    @Override
    public byte[] holding(long page) {
      ByteBuffer part = ByteBuffer.allocate(PART * RangeFinder.DIGEST);
      int first = (int) (page / PART * PART);
      for (int i = first; i < Math.min(first + PART, numbers.length); i++) {
        part.put(digest(numbers[i]));
      }
      return part.array();
    }

    @Override
    public int at(long page) {
      return (int) (page % PART) * RangeFinder.DIGEST;
    }
  }

  /** Contents in the order in which they came. */
  private static final class Known implements RangeFinder.Knowledge {
    final RangeFinder finder;
    final Map<Long, long[]> contents = new HashMap<>();
    final Map<Long, Long> wholePages = new HashMap<>();
    final Map<Long, SharedRanges> ranges = new HashMap<>();
    final Map<Long, RangeFinder.Page> anchors = new HashMap<>();

    /** From which page on the digests of a content are lost. */
    final Map<Long, Long> lost = new HashMap<>();

    final List<byte[]> lookedUp = new ArrayList<>();

    Known(int mask) {
      finder = new RangeFinder(digest(0), mask);
    }

    @Nullable SharedRanges enter(long content, long[] pages, boolean endsWithinPage) {
      SharedRanges found = finder.find(content, new Pages(pages), this);
      contents.put(content, pages);
      long whole = endsWithinPage ? pages.length - 1 : pages.length;
      wholePages.put(content, whole);
      if (found != null) {
        ranges.put(content, found);
      }
      for (int i = 0; i < whole; i++) {
        if (finder.isAnchor(digest(pages[i]), 0)) {
          anchors.putIfAbsent(pages[i], new RangeFinder.Page(content, i));
        }
      }
      return found;
    }

    @Override
    public RangeFinder.@Nullable Page find(byte[] digests, int at) {
      byte[] wanted = Arrays.copyOfRange(digests, at, at + RangeFinder.DIGEST);
      lookedUp.add(wanted);
      for (Map.Entry<Long, RangeFinder.Page> anchor : anchors.entrySet()) {
        if (Arrays.equals(digest(anchor.getKey()), wanted)) {
          return anchor.getValue();
        }
      }
      return null;
    }

    @Override
    public RangeFinder.@Nullable Source source(long content) {
      long[] pages = contents.get(content);
      return pages == null
          ? null
          : new RangeFinder.Source(
              content,
              new Damaged(new Pages(pages), lost.getOrDefault(content, Long.MAX_VALUE)),
              wholePages.get(content),
              ranges.get(content));
    }
  }

  private static long[] pages(long... pages) {
    return pages;
  }

  private static long[] upTo(int first, int end) {
    long[] pages = new long[end - first];
    for (int i = 0; i < pages.length; i++) {
      pages[i] = (long) first + i;
    }
    return pages;
  }

  private static List<PageExtent> extents(@Nullable SharedRanges ranges) {
    List<PageExtent> extents = new ArrayList<>();
    if (ranges != null) {
      ranges.map().forEach(0, ranges.map().pages(), extents::add);
    }
    return extents;
  }

  @Test
  void aShiftedCopyIsOneRange() {
    Known known = new Known(0);
    assertThat(known.enter(1, upTo(1, 21), false)).isNull();
    long[] shifted = new long[25];
    Arrays.fill(shifted, 0, 5, 77);
    System.arraycopy(upTo(1, 21), 0, shifted, 5, 20);
    for (int i = 0; i < 5; i++) {
      shifted[i] = 100L + i;
    }
    assertThat(extents(known.enter(2, shifted, false)))
        .containsExactly(
            new PageExtent(0, 5, PageState.OWN, 0, 0),
            new PageExtent(5, 20, PageState.SHARED, 0, 0));
  }

  @Test
  void rangesGoOnBehindWhatIsDifferentWhateverTheIndexKnows() {
    Known known = new Known(0);
    known.enter(1, upTo(1, 41), false);
    known.anchors.keySet().removeIf(page -> page != 3);
    long[] changed = upTo(1, 41);
    changed[20] = 500;
    assertThat(extents(known.enter(2, changed, false)))
        .containsExactly(
            new PageExtent(0, 20, PageState.SHARED, 0, 0),
            new PageExtent(20, 1, PageState.OWN, 0, 20),
            new PageExtent(21, 19, PageState.SHARED, 0, 21));
  }

  @Test
  void pagesOfZerosAreHolesAndShareNothing() {
    Known known = new Known(0);
    known.enter(1, pages(1, 0, 0, 0, 2, 3, 4, 5, 6, 7, 8, 9), false);
    assertThat(known.enter(2, new long[30], false)).isNull();
    assertThat(extents(known.enter(3, pages(0, 0, 0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10), false)))
        .containsExactly(
            new PageExtent(0, 4, PageState.HOLE, 0, 0),
            new PageExtent(4, 8, PageState.SHARED, 0, 4),
            new PageExtent(12, 1, PageState.OWN, 0, 12));
  }

  @Test
  void aPageThatAFileFillsInPartIsNoSource() {
    Known known = new Known(0);
    known.enter(1, upTo(1, 21), true);
    assertThat(extents(known.enter(2, upTo(1, 21), false)))
        .containsExactly(
            new PageExtent(0, 19, PageState.SHARED, 0, 0),
            new PageExtent(19, 1, PageState.OWN, 0, 19));
    assertThat(extents(known.enter(3, upTo(1, 21), true)).get(1).file()).isEqualTo(1);
  }

  @Test
  void whatASourceUsesOfAnotherIsUsedOfThat() {
    Known known = new Known(0);
    known.enter(1, upTo(1, 21), false);
    known.enter(2, upTo(11, 41), false);
    // Only pages of the second one lead to it.
    known.anchors.keySet().removeIf(page -> page < 21);
    SharedRanges third = known.enter(3, upTo(5, 41), false);
    assertThat(third).isNotNull();
    assertThat(third.contents()).containsExactly(2L, 1L);
    assertThat(third.map().at(6)).isEqualTo(new PageExtent(6, 10, PageState.SHARED, 1, 10));
    assertThat(third.map().at(35).file()).isZero();
  }

  @Test
  void aForgedEntryOfTheIndexSharesNothing() {
    Known known = new Known(0);
    known.enter(1, upTo(1, 21), false);
    // The index says that pages 101… are those of the first content, which they are not.
    for (int i = 0; i < 20; i++) {
      known.anchors.put(101L + i, new RangeFinder.Page(1, i));
    }
    assertThat(known.enter(2, upTo(101, 121), false)).isNull();
    // Nor if it says that they are where nothing is.
    for (int i = 0; i < 20; i++) {
      known.anchors.put(201L + i, new RangeFinder.Page(i < 10 ? 1 : 7, 1000 - i * 200));
    }
    assertThat(known.enter(3, upTo(201, 221), false)).isNull();
  }

  @Test
  void whatIsInTooManyPiecesIsLeft() {
    Known known = new Known(0);
    known.enter(1, upTo(1, 101), false);
    long[] mixed = upTo(1, 101);
    for (int i = 0; i < mixed.length; i += 2) {
      mixed[i] += 1000;
    }
    assertThat(known.enter(2, mixed, false)).isNull();
  }

  @Test
  void aPageIsAnAnchorByTheLastByteOfItsDigestUnlessItIsOfZeros() {
    RangeFinder finder = new RangeFinder(digest(0), 3);
    for (int last = 0; last < 256; last++) {
      byte[] digests = new byte[5 + RangeFinder.DIGEST];
      Arrays.fill(digests, (byte) 7);
      digests[5 + RangeFinder.DIGEST - 1] = (byte) last;
      assertThat(finder.isAnchor(digests, 5)).isEqualTo(last % 4 == 0);
    }
    assertThat(new RangeFinder(digest(0), 0).isAnchor(digest(0), 0)).isFalse();
  }

  @Test
  void anchorsAloneAreLookedUpAndOnlyWhereNoRangeGoesOn() {
    Known known = new Known(3);
    known.enter(1, upTo(1, 201), false);
    known.lookedUp.clear();
    known.enter(2, upTo(301, 501), false);
    assertThat(known.lookedUp).isNotEmpty();
    for (byte[] digest : known.lookedUp) {
      assertThat(known.finder.isAnchor(digest, 0)).isTrue();
    }
    known.lookedUp.clear();
    assertThat(known.enter(3, upTo(1, 201), false)).isNotNull();
    assertThat(known.lookedUp).hasSize(1);
  }

  /** Those of a content, some of which have been lost. */
  private record Damaged(RangeFinder.Digests all, long firstLost) implements RangeFinder.Digests {
    @Override
    public long pages() {
      return all.pages();
    }

    @Override
    public byte @Nullable [] holding(long page) {
      return page < firstLost ? all.holding(page) : null;
    }

    @Override
    public int at(long page) {
      return all.at(page);
    }
  }

  @Test
  void aContentWhoseDigestsAreLostSharesNothingAndOthersDoWithoutTheLostOnesOfASource() {
    Known known = new Known(0);
    known.enter(1, upTo(1, 31), false);
    RangeFinder.Digests own = new Pages(upTo(1, 31));
    assertThat(known.finder.find(2, new Damaged(own, 20), known)).isNull();
    known.lost.put(1L, 20L);
    assertThat(extents(known.enter(2, upTo(1, 31), false)))
        .containsExactly(
            new PageExtent(0, 20, PageState.SHARED, 0, 0),
            new PageExtent(20, 10, PageState.OWN, 0, 20));
  }

  /**
   * A content in pieces of 4 pages, each of a source, at the distance from it that its first piece
   * has. Only the first page of a source is known to the index.
   *
   * @return which pieces use a source: those that do not were to be found by the recent ranges, and
   *     these did not have it any more
   */
  private static List<Boolean> follow(int... sources) {
    Known known = new Known(0);
    Map<Integer, Integer> begins = new HashMap<>();
    long[] pages = new long[4 * sources.length];
    for (int i = 0; i < pages.length; i++) {
      int at = i;
      int begin = begins.computeIfAbsent(sources[i / 4], source -> at);
      pages[i] = 1000L * sources[i / 4] + i - begin;
    }
    for (int source : begins.keySet()) {
      known.enter(source, upTo(1000 * source, 1000 * source + 100), false);
    }
    known.anchors.keySet().removeIf(page -> page % 1000 != 0);
    SharedRanges found = known.enter(100, pages, false);
    assertThat(found).isNotNull();
    List<Boolean> shared = new ArrayList<>();
    for (int piece = 0; piece < sources.length; piece++) {
      boolean isShared = found.map().at(4L * piece).state() == PageState.SHARED;
      for (int i = 0; i < 4; i++) {
        PageExtent extent = found.map().at(4L * piece + i);
        assertThat(extent.state() == PageState.SHARED).isEqualTo(isShared);
        if (isShared) {
          long there = extent.source() + 4L * piece + i - extent.first();
          assertThat(found.contents().get(extent.file())).isEqualTo(sources[piece]);
          assertThat(there).isEqualTo(pages[4 * piece + i] % 1000);
        }
      }
      shared.add(isShared);
    }
    return shared;
  }

  @Test
  void rangesOfTheLastFourDistancesGoOn() {
    assertThat(follow(1, 2, 3, 4, 1, 2, 3, 4)).doesNotContain(false);
    assertThat(follow(1, 2, 3, 4, 5, 2, 3, 4, 5, 1))
        .containsExactly(true, true, true, true, true, true, true, true, true, false);
  }

  @Test
  void theDistanceThatWasUsedLongestAgoIsForgottenFirst() {
    // 1 is used again before 5 comes, so that it is 2 that has to go.
    assertThat(follow(1, 2, 3, 4, 1, 5, 1, 3, 4, 5, 2))
        .containsExactly(true, true, true, true, true, true, true, true, true, true, false);
    // What was used again counts once.
    assertThat(follow(1, 2, 3, 1, 2, 1, 2, 4, 3, 1, 2, 4)).doesNotContain(false);
  }

  @Test
  void aRangeIsExtendedBackwardsToWhatIsSharedAlreadyAndNoFurther() {
    Known known = new Known(0);
    known.enter(1, pages(1000, 1001, 1002, 1003, 1, 2, 3, 4), false);
    known.contents.put(2L, pages(1000, 1001, 1002, 1003, 2000, 2001, 2002, 2003));
    known.wholePages.put(2L, 8L);
    known.anchors.put(2002L, new RangeFinder.Page(2, 6));
    SharedRanges found =
        known.enter(3, pages(1000, 1001, 1002, 1003, 2000, 2001, 2002, 2003), false);
    assertThat(extents(found))
        .containsExactly(
            new PageExtent(0, 4, PageState.SHARED, 0, 0),
            new PageExtent(4, 4, PageState.SHARED, 1, 4));
    assertThat(found).isNotNull();
    assertThat(found.contents()).containsExactly(1L, 2L);
    assertThat(found.sharedPages()).isEqualTo(8);
    assertThat(found.ownPages()).isZero();
  }

  /** Enters a content that uses all its pages, or the first ones of them, of another. */
  private static void enterUser(Known known, long content, long[] pages, long of, int count) {
    ExtentMap map = new ExtentMap(pages.length);
    map.set(0, count, PageState.SHARED, 0, 0);
    if (count < pages.length) {
      map.set(count, pages.length - count, PageState.OWN, 0, count);
    }
    known.contents.put(content, pages);
    known.wholePages.put(content, (long) pages.length);
    known.ranges.put(
        content, new SharedRanges(map, List.of(of), count, (long) pages.length - count));
  }

  @Test
  void whatASourceUsesOfTheContentItselfStaysItsOwn() {
    Known known = new Known(0);
    long[] pages = pages(1, 2, 3, 4, 100, 101, 102, 103, 104, 105);
    enterUser(known, 2, pages, 1, 4);
    known.anchors.put(102L, new RangeFinder.Page(2, 6));
    SharedRanges found = known.enter(1, pages, false);
    assertThat(extents(found))
        .containsExactly(
            new PageExtent(0, 4, PageState.OWN, 0, 0),
            new PageExtent(4, 6, PageState.SHARED, 0, 4));
    assertThat(found).isNotNull();
    assertThat(found.contents()).containsExactly(2L);
    assertThat(found.sharedPages()).isEqualTo(6);
    assertThat(found.ownPages()).isEqualTo(4);
  }

  @Test
  void whatASourceUsedOfAContentThatIsGoneIsUsedOfTheSource() {
    Known known = new Known(0);
    enterUser(known, 2, upTo(1, 11), 1, 10);
    for (int i = 0; i < 10; i++) {
      known.anchors.put(1L + i, new RangeFinder.Page(2, i));
    }
    SharedRanges found = known.enter(3, upTo(1, 11), false);
    assertThat(extents(found)).containsExactly(new PageExtent(0, 10, PageState.SHARED, 0, 0));
    assertThat(found).isNotNull();
    assertThat(found.contents()).containsExactly(2L);
  }

  @Test
  void aPieceForEachFourPagesIsNotTooManyAndOneMoreIs() {
    for (int pieces : new int[] {10, 11}) {
      Known known = new Known(0);
      known.enter(1, upTo(1, 41), false);
      long[] pages = upTo(1, 41);
      for (int piece = 1; piece < pieces; piece += 2) { // every other piece is another
        for (int i = 0; i < 2; i++) {
          pages[3 * piece + i] += 1000;
        }
        if (piece + 2 >= pieces && pieces % 2 == 0) {
          Arrays.fill(pages, 3 * piece, 40, 5000);
        }
      }
      SharedRanges found = known.enter(2, pages, false);
      assertThat(extents(found)).hasSize(pieces == 10 ? 10 : 0);
    }
    // Two are never too many.
    Known known = new Known(0);
    known.enter(1, upTo(1, 5), false);
    assertThat(extents(known.enter(2, pages(1, 2, 3, 9), false))).hasSize(2);
    assertThat(known.enter(3, pages(1, 9, 3, 4), false)).isNull();
  }

  @Test
  void noMoreThan64ContentsAreUsed() {
    Known known = new Known(0);
    long[] all = new long[66 * 8];
    for (int content = 1; content <= 66; content++) {
      long[] pages = upTo(content * 100, content * 100 + 8);
      known.enter(content, pages, false);
      System.arraycopy(pages, 0, all, (content - 1) * 8, 8);
    }
    // and what one of the 64 has is found after that, too
    long[] pages = Arrays.copyOf(all, all.length + 8);
    System.arraycopy(all, 8, pages, all.length, 8);
    SharedRanges found = known.enter(100, pages, false);
    assertThat(found).isNotNull();
    assertThat(found.contents()).hasSize(64).doesNotHaveDuplicates();
    assertThat(found.map().at(64 * 8 - 1).state()).isEqualTo(PageState.SHARED);
    assertThat(found.map().at(64 * 8))
        .isEqualTo(new PageExtent(64 * 8, 16, PageState.OWN, 0, 64 * 8));
    assertThat(found.map().at(66 * 8)).isEqualTo(new PageExtent(66 * 8, 8, PageState.SHARED, 1, 0));
    assertThat(found.sharedPages()).isEqualTo(65 * 8);
    assertThat(found.ownPages()).isEqualTo(16);
  }

  @Test
  void findsWhatASearchOfEverythingFinds() {
    long seed = Long.getLong("samepage.seed", System.nanoTime() & 0xffffff);
    System.out.println("RangeFinderTest: -Dsamepage.seed=" + seed);
    Random random = new Random(seed);
    for (int round = 0; round < ROUNDS; round++) {
      Known known = new Known(random.nextBoolean() ? 0 : 3);
      int next = 1;
      for (long content = 1; content <= 4; content++) {
        // Of pieces of those before, at any offset, of new pages, and of zeros.
        List<Long> made = new ArrayList<>();
        for (int piece = 0; piece < 4; piece++) {
          int length = 1 + random.nextInt(16);
          int kind = random.nextInt(5);
          long[] from = known.contents.get(1 + (long) random.nextInt((int) content));
          for (int i = 0; i < length; i++) {
            if (kind == 0 && i < 6) {
              made.add(0L);
            } else if (kind <= 2 || from == null) {
              made.add((long) next++);
            } else {
              made.add(from[(length + i) % from.length]);
            }
          }
        }
        long[] pages = made.stream().mapToLong(Long::longValue).toArray();
        Known before = new Known(0);
        before.contents.putAll(known.contents);
        before.wholePages.putAll(known.wholePages);
        boolean full = known.finder.isAnchor(digest(-1), 0) && isFull(known);
        SharedRanges found = known.enter(content, pages, random.nextInt(4) == 0);
        check("seed " + seed + ", round " + round, before, pages, found, full);
      }
    }
  }

  private static boolean isFull(Known known) {
    for (int i = 1; i < 40; i++) {
      if (!known.finder.isAnchor(digest(i), 0)) {
        return false;
      }
    }
    return true;
  }

  private static void check(
      String what, Known before, long[] pages, @Nullable SharedRanges found, boolean full) {
    if (found == null) {
      return;
    }
    assertThat(found.map().pages()).as(what).isEqualTo(pages.length);
    long shared = 0;
    long own = 0;
    for (int i = 0; i < pages.length; i++) {
      PageExtent extent = found.map().at(i);
      String where = what + ", page " + i + " in " + extent;
      assertThat(extent.state() == PageState.HOLE).as(where).isEqualTo(pages[i] == 0);
      boolean elsewhere = false;
      for (Map.Entry<Long, long[]> other : before.contents.entrySet()) {
        for (int j = 0; j < before.wholePages.get(other.getKey()); j++) {
          elsewhere |= other.getValue()[j] == pages[i];
        }
      }
      if (extent.state() == PageState.SHARED) {
        shared++;
        long content = found.contents().get(extent.file());
        int source = (int) (extent.source() + i - extent.first());
        assertThat(before.contents.get(content)[source]).as(where).isEqualTo(pages[i]);
        assertThat((long) source).as(where).isLessThan(before.wholePages.get(content));
      } else if (extent.state() == PageState.OWN) {
        own++;
        assertThat(extent.source()).as(where).isEqualTo(extent.first());
        if (full) {
          assertThat(elsewhere).as(where).isFalse();
        }
      }
    }
    assertThat(found.sharedPages()).as(what).isEqualTo(shared);
    assertThat(found.ownPages()).as(what).isEqualTo(own);
  }
}
