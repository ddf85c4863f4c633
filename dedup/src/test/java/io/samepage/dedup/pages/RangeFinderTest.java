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
              content, new Pages(pages), wholePages.get(content), ranges.get(content));
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
