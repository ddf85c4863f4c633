package io.samepage.dedup.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

final class ExtentMapTest {
  private static final long MIB = 1 << 20;

  @Test
  void aWhollySharedFileIsOneExtent() {
    ExtentMap map = new ExtentMap(1L << 40);
    map.set(0, 1L << 40, PageState.SHARED, 5, 0);
    assertThat(map.extents()).isEqualTo(1);
    assertThat(map.heapBytes()).isLessThan(400);
    assertThat(map.at(12345)).isEqualTo(new PageExtent(0, 1L << 40, PageState.SHARED, 5, 0));
  }

  @Test
  void aBreakIsAnExtentOfItsOwnUntilItsNeighboursAreBrokenToo() {
    ExtentMap map = new ExtentMap(100);
    map.set(0, 100, PageState.SHARED, 1, 50);
    map.breakPages(10, 1);
    assertThat(map.extents()).isEqualTo(3);
    assertThat(map.at(11)).isEqualTo(new PageExtent(11, 89, PageState.SHARED, 1, 61));
    map.breakPages(11, 89);
    assertThat(map.extents()).isEqualTo(2);
    map.breakPages(0, 10);
    assertThat(map.extents()).isEqualTo(1);
    assertThat(map.at(99)).isEqualTo(new PageExtent(0, 100, PageState.PRIVATE, 0, 0));
  }

  @Test
  void aMillionExtentsAreWithin64MiB() {
    int extents = 1_000_000;
    ExtentMap inOrder = new ExtentMap(extents);
    inOrder.set(0, extents, PageState.OWN, 0, 0);
    for (int page = 0; page < extents; page += 2) {
      inOrder.breakPages(page, 1);
    }
    assertThat(inOrder.extents()).isEqualTo(extents);
    ExtentMap atRandom = new ExtentMap(4L * extents);
    atRandom.set(0, 4L * extents, PageState.OWN, 0, 0);
    Random random = new Random(1);
    while (atRandom.extents() < extents) {
      atRandom.breakPages(2L * random.nextInt(2 * extents), 1);
    }
    System.out.printf(
        "ExtentMapTest: a million extents take %.1f MiB, broken in order, and %.1f MiB, at random%n",
        (double) inOrder.heapBytes() / MIB, (double) atRandom.heapBytes() / MIB);
    assertThat(inOrder.heapBytes()).isLessThan(64 * MIB);
    assertThat(atRandom.heapBytes()).isLessThan(64 * MIB);
  }

  @Test
  void whatItSaysOfTheHeapIsWhatTheHeapHolds() {
    int extents = 1_000_000;
    long before = used();
    ExtentMap map = new ExtentMap(extents);
    map.set(0, extents, PageState.OWN, 0, 0);
    for (int page = 0; page < extents; page += 2) {
      map.breakPages(page, 1);
    }
    long grown = used() - before;
    System.out.printf(
        "ExtentMapTest: the heap grew by %.1f MiB, the map says %.1f MiB%n",
        (double) grown / MIB, (double) map.heapBytes() / MIB);
    assertThat(grown).isLessThan(64 * MIB);
    assertThat(map.heapBytes()).isBetween(grown - 8 * MIB, grown + 8 * MIB);
    assertThat(map.extents()).isEqualTo(extents); // it is still reachable
  }

  private static long used() {
    Runtime runtime = Runtime.getRuntime();
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return runtime.totalMemory() - runtime.freeMemory();
  }

  @Test
  void whatIsOutsideIsRefused() {
    ExtentMap map = new ExtentMap(10);
    assertThatThrownBy(() -> map.at(10)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> map.breakPages(9, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> map.breakPages(1, Long.MAX_VALUE))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> map.collapse(-1, 1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> map.insert(0, -1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> map.set(0, 1, PageState.OWN, 1, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(map.extents()).isEqualTo(1);
  }
}
