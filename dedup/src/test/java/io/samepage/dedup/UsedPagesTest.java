package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.UsedPages.Counts;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The counts beside those of a list of all uses of each page. */
final class UsedPagesTest {
  private static final int PAGES = 20;

  private static FileKey file(int number) {
    return new FileKey(1, number, (long) PAGES * VerityDigest.BLOCK - 100, 3, 4);
  }

  @Test
  void whatIsUsedAsAWholeCountsAsBefore() {
    UsedPages used = new UsedPages();
    used.add(file(1), 1);
    assertThat(used.counts()).isEqualTo(new Counts(0, 0, PAGES));
    used.add(file(1), 2);
    used.add(file(2), 1);
    assertThat(used.counts()).isEqualTo(new Counts(PAGES, 2 * PAGES, PAGES));
  }

  @Test
  void aRangeCountsPageByPage() {
    UsedPages used = new UsedPages();
    used.add(file(1), 1);
    used.add(file(1), 5, 10, 1);
    assertThat(used.counts()).isEqualTo(new Counts(10, 10, 10));
    used.add(file(1), 14, 4, 1);
    assertThat(used.counts()).isEqualTo(new Counts(13, 14, 7));
    // Nobody has the file itself open: whoever is alone saves nothing.
    used.add(file(2), 0, 8, 1);
    used.add(file(2), 4, 8, 1);
    assertThat(used.counts()).isEqualTo(new Counts(13 + 4, 14 + 4, 7 + 8));
    List<String> ranges = new ArrayList<>();
    used.forEachRange(
        (file, first, pages, uses) ->
            ranges.add(file.ino() + ": " + first + "+" + pages + " " + uses));
    assertThat(ranges)
        .containsExactlyInAnyOrder(
            "1: 5+9 1", "1: 14+1 2", "1: 15+3 1", "2: 0+4 1", "2: 4+4 2", "2: 8+4 1");
  }

  @Test
  void isExactWhateverIsUsed() {
    Random random = new Random(5);
    for (int round = 0; round < 300; round++) {
      UsedPages used = new UsedPages();
      UsedPages ranges = new UsedPages();
      int[][] uses = new int[3][PAGES];
      long[] whole = new long[uses.length];
      for (int i = random.nextInt(12); i > 0; i--) {
        int number = random.nextInt(uses.length);
        int first = random.nextInt(PAGES);
        int pages = 1 + random.nextInt(PAGES - first);
        if (random.nextInt(3) == 0) {
          first = 0;
          pages = PAGES;
          used.add(file(number), 1);
          whole[number]++;
        } else {
          used.add(file(number), first, pages, 1);
          ranges.add(file(number), first, pages, 1);
        }
        for (int page = first; page < first + pages; page++) {
          uses[number][page]++;
        }
      }
      long shared = 0;
      long sharing = 0;
      long unshared = 0;
      Counts alone = new Counts(0, 0, 0);
      for (int number = 0; number < uses.length; number++) {
        alone = alone.plus(Counts.of(PAGES, whole[number]));
        for (int count : uses[number]) {
          shared += count > 1 ? 1 : 0;
          sharing += Math.max(0, count - 1);
          unshared += count == 1 ? 1 : 0;
        }
      }
      Counts wanted = new Counts(shared, sharing, unshared);
      assertThat(used.counts()).as("round " + round).isEqualTo(wanted);
      Counts beside = ranges.countsBeside(file -> whole[(int) file.ino()]);
      assertThat(alone.plus(beside)).as("round " + round).isEqualTo(wanted);
    }
  }
}
