package io.samepage.dedup.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class PageLockTest {
  private final PageLock lock = new PageLock();
  private final ExecutorService pool = Executors.newCachedThreadPool();

  @AfterEach
  void end() {
    pool.shutdownNow();
  }

  private Future<?> takes(PageLock.Hold[] into, boolean write, long first, long count) {
    return pool.submit(() -> into[0] = write ? lock.write(first, count) : lock.read(first, count));
  }

  private void awaitWaiting(int number) {
    while (lock.waiting() != number) {
      if (Thread.currentThread().isInterrupted()) {
        throw new AssertionError(lock.waiting() + " wait, not " + number); // by @Timeout
      }
      Thread.onSpinWait();
    }
  }

  @Test
  void differentPagesAreWrittenAtOnceAndTheSameOnesReadAtOnce() {
    try (PageLock.Hold a = lock.write(0, 5);
        PageLock.Hold b = lock.write(5, 5);
        PageLock.Hold c = lock.read(10, 5);
        PageLock.Hold d = lock.read(12, 5)) {
      assertThat(lock.waiting()).isZero();
      assertThat(List.of(a, b, c, d)).hasSize(4);
    }
  }

  @Test
  void aWriterWaitsForTheReadsOfItsPagesAndLaterReadsWaitForIt() throws Exception {
    PageLock.Hold reading = lock.read(3, 2);
    PageLock.Hold[] writing = new PageLock.Hold[1];
    PageLock.Hold[] later = new PageLock.Hold[1];
    Future<?> writer = takes(writing, true, 0, 4);
    awaitWaiting(1);
    Future<?> reader = takes(later, false, 0, 1);
    awaitWaiting(2);
    try (PageLock.Hold elsewhere = lock.read(4, 1)) {
      assertThat(elsewhere).isNotNull(); // nobody waits for that page
    }
    reading.close();
    writer.get();
    assertThat(reader.isDone()).isFalse();
    assertThat(lock.waiting()).isEqualTo(1);
    writing[0].close();
    reader.get();
    later[0].close();
    assertThatThrownBy(later[0]::close).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void anInterruptDoesNotEndTheWait() throws Exception {
    PageLock.Hold all = lock.writeAll();
    boolean[] pending = new boolean[1];
    Thread waiter =
        new Thread(
            () -> {
              lock.read(1, 1).close();
              pending[0] = Thread.currentThread().isInterrupted();
            });
    waiter.start();
    awaitWaiting(1);
    waiter.interrupt();
    assertThat(lock.waiting()).isEqualTo(1);
    all.close();
    waiter.join();
    assertThat(pending[0]).isTrue();
  }

  /**
   * Writers fill ranges of a file with a number of their own, in two halves, and break the pages in
   * the map; readers take ranges and find one number in each page and what the map says.
   */
  @Test
  void nobodySeesAHalfWrittenPage() throws Exception {
    long seed = System.nanoTime();
    System.out.println("PageLockTest.nobodySeesAHalfWrittenPage: seed " + seed);
    int pages = 24;
    int threads = 4;
    long[][] copy = new long[pages][2];
    ExtentMap map = new ExtentMap(pages);
    map.set(0, pages, PageState.SHARED, 1, 0);
    CyclicBarrier barrier = new CyclicBarrier(threads);
    CountDownLatch failed = new CountDownLatch(1);
    List<Future<?>> done = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      Random random = new Random(seed + t);
      long writer = t + 1L;
      done.add(
          pool.submit(
              () -> {
                barrier.await();
                for (int i = 0; i < 60_000 && failed.getCount() > 0; i++) {
                  int first = random.nextInt(pages);
                  int count = 1 + random.nextInt(pages - first);
                  boolean write = random.nextInt(3) == 0;
                  if (i % 5000 == 4999) {
                    try (PageLock.Hold hold = lock.writeAll()) {
                      map.set(0, pages, PageState.SHARED, 1, 0);
                    }
                    continue;
                  }
                  try (PageLock.Hold hold =
                      write ? lock.write(first, count) : lock.read(first, count)) {
                    if (write) {
                      write(copy, map, first, count, writer << 32 | i);
                    } else if (!isWhole(copy, map, first, count)) {
                      failed.countDown();
                    }
                  }
                }
                return null;
              }));
    }
    for (Future<?> one : done) {
      one.get(25, TimeUnit.SECONDS);
    }
    assertThat(failed.getCount()).as("no torn page").isEqualTo(1);
    assertThat(lock.waiting()).isZero();
  }

  private static void write(long[][] copy, ExtentMap map, int first, int count, long number) {
    for (int half = 0; half < 2; half++) {
      for (int page = first; page < first + count; page++) {
        copy[page][half] = number;
      }
    }
    map.breakPages(first, count);
  }

  private static boolean isWhole(long[][] copy, ExtentMap map, int first, int count) {
    boolean[] whole = {true};
    List<PageExtent> seen = new ArrayList<>();
    map.forEach(first, count, seen::add);
    for (PageExtent extent : seen) {
      for (long page = extent.first(); page < extent.end(); page++) {
        long[] data = copy[(int) page];
        whole[0] &= extent.state() != PageState.PRIVATE || (data[0] == data[1] && data[0] != 0);
      }
    }
    List<PageExtent> again = new ArrayList<>();
    map.forEach(first, count, again::add);
    return whole[0] && again.equals(seen);
  }
}
