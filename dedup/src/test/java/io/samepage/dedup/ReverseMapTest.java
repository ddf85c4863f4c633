package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

final class ReverseMapTest {
  private static FileKey file(long ino, long pages) {
    return new FileKey(1, ino, pages * VerityDigest.BLOCK - 1, 0, 0);
  }

  private static void assertCounts(ReverseMap map, long shared, long sharing, long unshared) {
    assertThat(List.of(map.pagesShared(), map.pagesSharing(), map.pagesUnshared()))
        .containsExactly(shared, sharing, unshared);
  }

  @Test
  void countsAsKsmDoes() {
    ReverseMap map = new ReverseMap();
    FileKey ten = file(1, 10);
    map.use(7, ten);
    assertCounts(map, 0, 0, 10);
    map.use(7, ten);
    assertCounts(map, 0, 0, 10);
    map.use(8, ten);
    assertCounts(map, 10, 10, 0);
    map.use(9, ten);
    assertCounts(map, 10, 20, 0);
    assertThat(map.users(ten)).containsExactly(7, 8, 9);
    map.release(7, ten);
    assertThat(map.users(ten)).containsExactly(7, 8, 9);
    map.release(7, ten);
    map.release(9, ten);
    assertThat(map.users(ten)).containsExactly(8);
    assertCounts(map, 0, 0, 10);
    map.release(8, ten);
    assertCounts(map, 0, 0, 0);
    assertThatThrownBy(() -> map.release(8, ten)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void costsNothingWhenNothingIsUsed() {
    ReverseMap map = new ReverseMap();
    assertThat(map.heapBytes()).isZero();
    map.use(7, file(1, 10));
    long one = map.heapBytes();
    map.use(8, file(1, 10));
    long two = map.heapBytes();
    assertThat(two).isGreaterThan(one);
    map.use(8, file(1, 10));
    assertThat(map.heapBytes()).isEqualTo(two);
    map.use(8, file(2, 10));
    assertThat(map.heapBytes() - two).isEqualTo(one);
    List<String> used = new ArrayList<>();
    map.forEach((key, users) -> used.add(key.ino() + ":" + users));
    assertThat(used).containsExactlyInAnyOrder("1:2", "2:1");
    map.release(7, file(1, 10));
    map.release(8, file(1, 10));
    map.release(8, file(1, 10));
    map.release(8, file(2, 10));
    assertThat(map.heapBytes()).isZero();
  }

  @Test
  void isExactWhateverIsDoneAtOnce() throws Exception {
    long seed = System.nanoTime();
    System.out.println("ReverseMapTest.isExactWhateverIsDoneAtOnce: seed " + seed);
    int threads = 4;
    ReverseMap map = new ReverseMap();
    FileKey[] files = {file(1, 1), file(2, 10), file(3, 100)};
    int users = 6;
    int[][][] uses = new int[threads][files.length][users];
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      CyclicBarrier barrier = new CyclicBarrier(threads);
      List<Future<?>> done = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int[][] mine = uses[t];
        Random random = new Random(seed + t);
        done.add(
            pool.submit(
                () -> {
                  barrier.await();
                  for (int i = 0; i < 200_000; i++) {
                    int file = random.nextInt(files.length);
                    int user = random.nextInt(users);
                    if (random.nextBoolean()) {
                      map.use(user, files[file]);
                      mine[file][user]++;
                    } else if (mine[file][user] > 0) {
                      map.release(user, files[file]);
                      mine[file][user]--;
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> one : done) {
        one.get();
      }
    } finally {
      pool.shutdown();
    }
    long shared = 0;
    long sharing = 0;
    long unshared = 0;
    for (int file = 0; file < files.length; file++) {
      List<Long> expected = new ArrayList<>();
      for (int user = 0; user < users; user++) {
        int sum = 0;
        for (int[][] one : uses) {
          sum += one[file][user];
        }
        if (sum > 0) {
          expected.add((long) user);
        }
      }
      assertThat(Arrays.stream(map.users(files[file])).boxed().toList()).isEqualTo(expected);
      assertThat(map.userCount(files[file])).isEqualTo(expected.size());
      long pages = files[file].pages();
      shared += expected.size() > 1 ? pages : 0;
      sharing += pages * Math.max(0, expected.size() - 1);
      unshared += expected.size() == 1 ? pages : 0;
    }
    assertCounts(map, shared, sharing, unshared);
    for (int t = 0; t < threads; t++) {
      for (int file = 0; file < files.length; file++) {
        for (int user = 0; user < users; user++) {
          for (int n = uses[t][file][user]; n > 0; n--) {
            map.release(user, files[file]);
          }
        }
      }
    }
    assertCounts(map, 0, 0, 0);
  }
}
