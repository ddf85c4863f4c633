package io.samepage.overlay.lock;

import static io.samepage.fuse.FileLock.F_RDLCK;
import static io.samepage.fuse.FileLock.F_UNLCK;
import static io.samepage.fuse.FileLock.F_WRLCK;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.FileLock;
import io.samepage.posix.Errno;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/**
 * Many threads, each an owner, that lock and unlock at random and are interrupted at random. What
 * is locked is a number: of readers, or -1 for a writer. Each thread changes the number only while
 * it has the lock for it, so two who hold what excludes each other find a number that cannot be. A
 * waiter that is forgotten, or a circle that is not found, ends in a time-out; an answer that is
 * given twice is counted.
 *
 * <p>-Dsamepage.stress.rounds=N makes it longer; -Dsamepage.stress.seed=N repeats the threads'
 * choices.
 */
final class LockTableStressTest {
  private static final int THREADS = 8;
  private static final int FILES = 3;
  private static final int BYTES = 6;
  private static final int ROUNDS = Integer.getInteger("samepage.stress.rounds", 15_000);
  private static final long SEED = Long.getLong("samepage.stress.seed", System.nanoTime());
  private static final long PATIENCE_SECONDS = 60;

  private final LockTable table = new LockTable();
  private final SharedFile[] files = new SharedFile[FILES];
  private final AtomicReferenceArray<RecordedReply> pending = new AtomicReferenceArray<>(THREADS);
  private final AtomicInteger waits = new AtomicInteger();
  private final AtomicInteger deadlocks = new AtomicInteger();
  private final AtomicInteger interrupts = new AtomicInteger();
  private volatile boolean finished;

  private static final class SharedFile {
    /** One a byte, and the last for the flock lock. */
    final AtomicIntegerArray users = new AtomicIntegerArray(BYTES + 1);

    void change(int index, int from, int to) {
      if (from == F_WRLCK) {
        check(users.compareAndSet(index, -1, 0), "a writer was not alone");
      } else if (from == F_RDLCK) {
        check(users.getAndDecrement(index) > 0, "a reader met a writer");
      }
      if (to == F_WRLCK) {
        check(users.compareAndSet(index, 0, -1), "a writer is not alone");
      } else if (to == F_RDLCK) {
        check(users.getAndIncrement(index) >= 0, "a reader meets a writer");
      }
    }

    private static void check(boolean right, String text) {
      if (!right) {
        throw new AssertionError(text);
      }
    }
  }

  private final class Worker {
    final int owner;
    final Random random;
    final int[][] types = new int[FILES][BYTES + 1];

    Worker(int owner) {
      this.owner = owner;
      this.random = new Random(SEED + owner);
      for (int[] of : types) {
        Arrays.fill(of, F_UNLCK);
      }
    }

    void run() throws Exception {
      for (int round = 0; round < ROUNDS && !finished; round++) {
        int file = random.nextInt(FILES);
        int choice = random.nextInt(100);
        if (choice < 65) {
          int a = random.nextInt(BYTES);
          int b = random.nextInt(BYTES);
          releaseFlocks();
          record(file, random.nextInt(3), Math.min(a, b), Math.max(a, b), random.nextInt(8) > 0);
        } else if (choice < 80) {
          // Who waits for an flock lock has no other, since nobody finds circles of them.
          for (int other = 0; other < FILES; other++) {
            if (other != file) {
              releaseFlock(other);
            }
          }
          flock(file, random.nextInt(3), random.nextInt(4) > 0);
        } else if (choice < 95) {
          flush(file);
        } else if (choice < 97) {
          release(file);
        } else {
          FileLock lock = new FileLock(0, BYTES - 1, F_WRLCK, owner);
          table.test(files[file], owner, lock);
        }
        if (random.nextInt(4) == 0) {
          LockSupport.parkNanos(1);
        }
      }
      for (int file = 0; file < FILES; file++) {
        release(file);
      }
    }

    void record(int file, int type, int start, int end, boolean wait) throws Exception {
      int[] before = types[file].clone();
      for (int i = start; i <= end; i++) {
        if (isWeaker(type, before[i])) {
          change(file, i, type);
        }
      }
      int outcome = set(file, new FileLock(start, end, type, owner), false, wait);
      for (int i = start; i <= end; i++) {
        change(file, i, outcome == 0 ? type : before[i]);
      }
      if (outcome == Errno.EDEADLK) {
        for (int other = 0; other < FILES; other++) {
          flush(other);
        }
      }
    }

    void flock(int file, int type, boolean wait) throws Exception {
      int before = types[file][BYTES];
      change(file, BYTES, F_UNLCK);
      int outcome = set(file, new FileLock(0, Long.MAX_VALUE, type, owner), true, wait);
      assertThat(outcome).isNotEqualTo(Errno.EDEADLK);
      if (before == type) {
        assertThat(outcome).isZero();
      }
      if (outcome == 0) {
        change(file, BYTES, type);
      }
    }

    void releaseFlocks() throws Exception {
      for (int file = 0; file < FILES; file++) {
        releaseFlock(file);
      }
    }

    void releaseFlock(int file) throws Exception {
      if (types[file][BYTES] != F_UNLCK) {
        flock(file, F_UNLCK, false);
      }
    }

    void flush(int file) {
      for (int i = 0; i < BYTES; i++) {
        change(file, i, F_UNLCK);
      }
      table.releaseOwner(files[file], owner);
    }

    void release(int file) {
      for (int i = 0; i <= BYTES; i++) {
        change(file, i, F_UNLCK);
      }
      table.releaseHandle(files[file], owner, owner);
    }

    int set(int file, FileLock lock, boolean flock, boolean wait) throws Exception {
      RecordedReply reply = new RecordedReply();
      // Half of the owners are never interrupted: that would set free those who are forgotten.
      if (wait && owner % 2 == 0) {
        pending.set(owner, reply);
      }
      table.set(files[file], owner, owner, lock, flock, wait, reply);
      if (!reply.isAnswered()) {
        assertThat(wait).isTrue();
        waits.incrementAndGet();
      }
      int outcome = reply.await(PATIENCE_SECONDS);
      assertThat(outcome)
          .isIn(wait ? List.of(0, Errno.EINTR, Errno.EDEADLK) : List.of(0, Errno.EAGAIN));
      if (lock.type() == F_UNLCK) {
        assertThat(outcome).isZero();
      }
      if (outcome == Errno.EDEADLK) {
        deadlocks.incrementAndGet();
      } else if (outcome == Errno.EINTR) {
        interrupts.incrementAndGet();
      }
      replies.add(reply);
      return outcome;
    }

    /** Looked at in the end, when a second answer would have come. */
    final List<RecordedReply> replies = new ArrayList<>();

    void change(int file, int index, int type) {
      files[file].change(index, types[file][index], type);
      types[file][index] = type;
    }

    boolean isWeaker(int type, int than) {
      return type == F_UNLCK || than == F_WRLCK;
    }
  }

  private void interruptAtRandom() throws InterruptedException {
    Random random = new Random(SEED - 1);
    while (!finished) {
      RecordedReply reply = pending.get(random.nextInt(THREADS));
      if (reply != null && random.nextInt(20) == 0) {
        reply.interrupt();
      }
      if (random.nextInt(50) == 0) {
        Thread.sleep(0, 50_000);
      }
    }
  }

  @Test
  void nobodyHoldsWhatExcludesAnothersAndNobodyIsForgotten() throws Exception {
    System.out.println(
        "LockTableStressTest: -Dsamepage.stress.seed="
            + SEED
            + " -Dsamepage.stress.rounds="
            + ROUNDS);
    Arrays.setAll(files, i -> new SharedFile());
    List<Worker> workers = new ArrayList<>();
    List<Future<?>> working = new ArrayList<>();
    List<Future<?>> disturbing = new ArrayList<>();
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      for (int owner = 0; owner < THREADS; owner++) {
        Worker worker = new Worker(owner);
        workers.add(worker);
        working.add(
            threads.submit(
                () -> {
                  try {
                    worker.run();
                  } catch (Throwable e) {
                    finished = true;
                    throw e;
                  }
                  return null;
                }));
      }
      disturbing.add(
          threads.submit(
              () -> {
                interruptAtRandom();
                return null;
              }));
      for (Future<?> future : working) {
        future.get(10, TimeUnit.MINUTES);
      }
      finished = true;
      for (Future<?> future : disturbing) {
        future.get(1, TimeUnit.MINUTES);
      }
    } finally {
      finished = true;
      threads.shutdownNow();
    }

    for (Worker worker : workers) {
      for (RecordedReply reply : worker.replies) {
        assertThat(reply.answers()).isEqualTo(1);
        assertThat(reply.wasAskedAfterAnswer()).isFalse();
      }
    }
    assertThat(table.size()).isZero();
    for (SharedFile file : files) {
      assertThat(table.isEmpty(file)).isTrue();
    }
    // A test in which none of this happens shows nothing.
    System.out.println(
        "LockTableStressTest: "
            + waits
            + " waits, "
            + deadlocks
            + " deadlocks, "
            + interrupts
            + " interrupts");
    assertThat(waits.get()).isPositive();
    assertThat(deadlocks.get()).isPositive();
    assertThat(interrupts.get()).isPositive();
  }
}
