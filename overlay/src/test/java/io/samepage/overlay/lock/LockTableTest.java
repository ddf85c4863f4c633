package io.samepage.overlay.lock;

import static io.samepage.fuse.FileLock.F_RDLCK;
import static io.samepage.fuse.FileLock.F_UNLCK;
import static io.samepage.fuse.FileLock.F_WRLCK;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.FileLock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class LockTableTest {
  private static final long MAX = Long.MAX_VALUE;
  private static final long A = 1;
  private static final long B = 2;
  private static final long C = -3;

  private final LockTable table = new LockTable();
  private final Object file = new Object();
  private final Object other = new Object();

  private static FileLock lock(int type, long start, long end, long owner) {
    return new FileLock(start, end, type, (int) owner + 1000);
  }

  private RecordedReply record(
      Object on, long owner, int type, long start, long end, boolean wait) {
    RecordedReply reply = new RecordedReply();
    table.set(on, owner, owner, lock(type, start, end, owner), false, wait, reply);
    return reply;
  }

  private RecordedReply record(long owner, int type, long start, long end) {
    return record(file, owner, type, start, end, false);
  }

  private RecordedReply recordWait(long owner, int type, long start, long end) {
    return record(file, owner, type, start, end, true);
  }

  private RecordedReply flock(long owner, int type, boolean wait) {
    RecordedReply reply = new RecordedReply();
    table.set(file, owner, owner, lock(type, 0, MAX, owner), true, wait, reply);
    return reply;
  }

  private FileLock test(long owner, int type, long start, long end) {
    return table.test(file, owner, lock(type, start, end, owner));
  }

  private static void assertReply(RecordedReply reply, String outcome) {
    assertThat(reply).hasToString(outcome);
    assertThat(reply.wasAskedAfterAnswer()).isFalse();
  }

  @Nested
  final class OfRanges {
    @Test
    void readersShareAndWritersDoNot() {
      assertReply(record(A, F_RDLCK, 0, 9), "granted");
      assertReply(record(B, F_RDLCK, 5, 14), "granted");
      assertReply(record(B, F_WRLCK, 9, 9), "EAGAIN");
      assertReply(record(B, F_WRLCK, 10, 20), "granted");
      assertReply(record(A, F_RDLCK, 20, 20), "EAGAIN");
    }

    @Test
    void getlkTellsTheFirstLockInTheWayWithItsHolder() {
      record(A, F_RDLCK, 0, 4);
      record(A, F_WRLCK, 5, 9);
      record(B, F_RDLCK, 0, 2);
      assertThat(test(C, F_RDLCK, 0, MAX)).isEqualTo(lock(F_WRLCK, 5, 9, A));
      assertThat(test(C, F_WRLCK, 0, MAX)).isEqualTo(lock(F_RDLCK, 0, 4, A));
      assertThat(test(A, F_WRLCK, 0, MAX)).isEqualTo(lock(F_RDLCK, 0, 2, B));
      assertThat(test(C, F_WRLCK, 10, MAX)).isEqualTo(new FileLock(10, MAX, F_UNLCK, 0));
    }

    @Test
    void neighboursOfOneTypeAreMerged() {
      record(A, F_WRLCK, 10, 19);
      record(A, F_WRLCK, 30, 39);
      record(A, F_WRLCK, 20, 29);
      assertThat(test(B, F_RDLCK, 0, MAX)).isEqualTo(lock(F_WRLCK, 10, 39, A));
      assertThat(table.size()).isEqualTo(1);
    }

    @Test
    void unlockingTheMiddleSplits() {
      record(A, F_WRLCK, 0, MAX);
      record(A, F_UNLCK, 5, 5);
      assertThat(test(B, F_RDLCK, 0, MAX)).isEqualTo(lock(F_WRLCK, 0, 4, A));
      assertThat(test(B, F_RDLCK, 5, 5).type()).isEqualTo(F_UNLCK);
      assertThat(test(B, F_RDLCK, 5, MAX)).isEqualTo(lock(F_WRLCK, 6, MAX, A));
    }

    @Test
    void theLastByteOfAllIsAByteLikeOthers() {
      record(A, F_WRLCK, MAX, MAX);
      assertReply(record(B, F_RDLCK, 0, MAX - 1), "granted");
      assertReply(record(B, F_RDLCK, MAX - 1, MAX), "EAGAIN");
      record(A, F_WRLCK, MAX - 1, MAX - 1);
      record(A, F_UNLCK, 0, MAX);
      record(B, F_UNLCK, 0, MAX);
      assertThat(table.isEmpty(file)).isTrue();
    }

    @Test
    void whoUpgradesKeepsTheOldLockWhileItWaits() {
      record(A, F_RDLCK, 0, 9);
      record(B, F_RDLCK, 0, 9);
      RecordedReply upgrade = recordWait(A, F_WRLCK, 0, 9);
      assertReply(upgrade, "waits");
      assertThat(test(C, F_WRLCK, 0, 9)).isEqualTo(lock(F_RDLCK, 0, 9, A));
      record(B, F_UNLCK, 0, 9);
      assertReply(upgrade, "granted");
      assertThat(test(C, F_RDLCK, 0, 9)).isEqualTo(lock(F_WRLCK, 0, 9, A));
    }

    @Test
    void aDowngradeLetsReadersIn() {
      record(A, F_WRLCK, 0, 9);
      RecordedReply reader = recordWait(B, F_RDLCK, 3, 4);
      record(A, F_RDLCK, 4, 4);
      assertReply(reader, "waits");
      record(A, F_RDLCK, 3, 3);
      assertReply(reader, "granted");
    }

    @Test
    void waitersAreServedInTheirOrder() {
      record(A, F_WRLCK, 0, 9);
      RecordedReply first = recordWait(B, F_WRLCK, 0, 9);
      RecordedReply second = recordWait(C, F_WRLCK, 0, 9);
      record(A, F_UNLCK, 0, 9);
      assertReply(first, "granted");
      assertReply(second, "waits");
      assertReply(record(A, F_RDLCK, 0, 0), "EAGAIN");
      record(B, F_UNLCK, 0, 9);
      assertReply(second, "granted");
    }

    @Test
    void aWaiterDoesNotStandInTheWayOfAnybody() {
      record(A, F_RDLCK, 0, 9);
      RecordedReply writer = recordWait(B, F_WRLCK, 0, 9);
      assertReply(record(C, F_RDLCK, 0, 9), "granted");
      table.releaseOwner(file, A);
      assertReply(writer, "waits");
      table.releaseOwner(file, C);
      assertReply(writer, "granted");
    }

    /** B's grant turns its own write lock into a read lock, and that lets A in. */
    @Test
    void aGrantThatWeakensServesTheNext() {
      record(A, F_WRLCK, 0, 0);
      record(B, F_WRLCK, 1, 1);
      RecordedReply reader = recordWait(C, F_RDLCK, 1, 1);
      RecordedReply downgrade = recordWait(B, F_RDLCK, 0, 1);
      record(A, F_UNLCK, 0, 0);
      assertReply(downgrade, "granted");
      assertReply(reader, "granted");
    }

    @Test
    void whoWouldCloseACircleGetsEdeadlk() {
      record(A, F_WRLCK, 0, 0);
      record(B, F_WRLCK, 1, 1);
      record(other, C, F_WRLCK, 7, 7, false);
      RecordedReply a = recordWait(A, F_RDLCK, 1, 1);
      RecordedReply b = record(other, B, F_RDLCK, 0, MAX, true);
      assertReply(recordWait(C, F_WRLCK, 0, 0), "EDEADLK");
      assertReply(a, "waits");
      record(other, C, F_UNLCK, 0, MAX, false);
      assertReply(b, "granted");
      table.releaseOwner(file, B);
      assertReply(a, "granted");
    }

    @Test
    void twoWhoUpgradeGetEdeadlk() {
      record(A, F_RDLCK, 0, 0);
      record(B, F_RDLCK, 0, 0);
      RecordedReply a = recordWait(A, F_WRLCK, 0, 0);
      assertReply(recordWait(B, F_WRLCK, 0, 0), "EDEADLK");
      assertReply(a, "waits");
    }

    /** The circle runs through the second of the locks that C waits for. */
    @Test
    void aCircleIsFoundWhenTheFirstBlockerIsGone() {
      record(A, F_RDLCK, 0, 0);
      record(B, F_RDLCK, 0, 0);
      record(C, F_WRLCK, 1, 1);
      RecordedReply b = recordWait(B, F_WRLCK, 1, 1);
      RecordedReply c = recordWait(C, F_WRLCK, 0, 0);
      assertReply(c, "waits");
      table.releaseOwner(file, A);
      assertReply(c, "EDEADLK");
      table.releaseOwner(file, C);
      assertReply(b, "granted");
    }

    @Test
    void flushReleasesTheOwnersLocksOnThatFileOnly() {
      record(A, F_WRLCK, 0, 9);
      record(other, A, F_WRLCK, 0, 9, false);
      table.releaseOwner(file, A);
      assertThat(table.isEmpty(file)).isTrue();
      assertThat(table.isEmpty(other)).isFalse();
    }

    @Test
    void releaseTakesWhatWasSetThroughTheHandle() {
      RecordedReply reply = new RecordedReply();
      table.set(file, 50, A, lock(F_WRLCK, 0, 0, A), false, false, reply);
      table.set(file, 51, A, lock(F_WRLCK, 9, 9, A), false, false, new RecordedReply());
      RecordedReply waiter = recordWait(B, F_WRLCK, 0, 0);
      RecordedReply stray = new RecordedReply();
      table.set(file, 50, C, lock(F_WRLCK, 0, 9, C), false, true, stray);
      table.releaseHandle(file, 50, 0);
      assertReply(waiter, "granted");
      assertReply(stray, "EINTR");
      assertThat(test(B, F_RDLCK, 0, MAX)).isEqualTo(lock(F_WRLCK, 9, 9, A));
      table.releaseHandle(file, 51, 0);
      table.releaseHandle(file, B, B);
      assertThat(table.isEmpty(file)).isTrue();
    }

    @Test
    void nonsenseIsRefused() {
      assertReply(record(A, F_RDLCK, 5, 4), "EINVAL");
      assertReply(record(A, F_RDLCK, -1, 4), "EINVAL");
      assertReply(record(A, 3, 0, 4), "EINVAL");
      assertThat(table.isEmpty(file)).isTrue();
    }
  }

  @Nested
  final class OfWholeFiles {
    @Test
    void theyAreNoBusinessOfRecordLocks() {
      assertReply(flock(A, F_WRLCK, false), "granted");
      assertReply(record(B, F_WRLCK, 0, MAX), "granted");
      assertThat(test(C, F_RDLCK, 0, 0)).isEqualTo(lock(F_WRLCK, 0, MAX, B));
      table.releaseOwner(file, A);
      assertReply(flock(B, F_RDLCK, false), "EAGAIN");
    }

    @Test
    void sharedAndExclusive() {
      assertReply(flock(A, F_RDLCK, false), "granted");
      assertReply(flock(B, F_RDLCK, true), "granted");
      assertReply(flock(C, F_WRLCK, false), "EAGAIN");
      RecordedReply writer = flock(C, F_WRLCK, true);
      flock(A, F_UNLCK, false);
      assertReply(writer, "waits");
      table.releaseHandle(file, 99, B);
      assertReply(writer, "granted");
      assertReply(flock(C, F_WRLCK, true), "granted");
    }

    @Test
    void aConversionThatFailsLosesTheLock() {
      flock(A, F_RDLCK, false);
      flock(B, F_RDLCK, false);
      assertReply(flock(A, F_WRLCK, false), "EAGAIN");
      assertReply(flock(B, F_WRLCK, false), "granted");
    }

    @Test
    void twoWhoConvertTakeTurns() {
      flock(A, F_RDLCK, false);
      flock(B, F_RDLCK, false);
      RecordedReply a = flock(A, F_WRLCK, true);
      assertReply(a, "waits");
      RecordedReply b = flock(B, F_WRLCK, true);
      assertReply(b, "granted");
      assertReply(a, "waits");
      flock(B, F_UNLCK, false);
      assertReply(a, "granted");
    }

    @Test
    void aConversionThatCanBeIsDoneWithoutLettingGo() {
      flock(A, F_WRLCK, false);
      RecordedReply writer = flock(B, F_WRLCK, true);
      RecordedReply reader = flock(C, F_RDLCK, true);
      assertReply(flock(A, F_RDLCK, false), "granted");
      assertReply(writer, "waits");
      assertReply(reader, "granted");
    }

    @Test
    void noDeadlockIsDetected() {
      flock(A, F_WRLCK, false);
      record(B, F_WRLCK, 0, 0);
      RecordedReply a = recordWait(A, F_WRLCK, 0, 0);
      RecordedReply b = flock(B, F_WRLCK, true);
      assertReply(a, "waits");
      assertReply(b, "waits");
    }
  }

  @Nested
  final class OfWaiters {
    @Test
    void anInterruptEndsTheWaiting() {
      record(A, F_WRLCK, 0, 0);
      RecordedReply waiter = recordWait(B, F_WRLCK, 0, 0);
      waiter.interrupt();
      assertReply(waiter, "EINTR");
      waiter.interrupt();
      table.releaseOwner(file, A);
      assertReply(waiter, "EINTR");
      assertThat(table.isEmpty(file)).isTrue();
      assertThat(table.size()).isZero();
    }

    @Test
    void anInterruptThatCameBeforeIsHeard() {
      record(A, F_WRLCK, 0, 0);
      RecordedReply waiter = new RecordedReply();
      waiter.interrupt();
      table.set(file, B, B, lock(F_WRLCK, 0, 0, B), false, true, waiter);
      assertReply(waiter, "EINTR");
    }

    @Test
    void anInterruptAfterTheGrantChangesNothing() {
      record(A, F_WRLCK, 0, 0);
      RecordedReply waiter = recordWait(B, F_WRLCK, 0, 0);
      table.releaseOwner(file, A);
      waiter.interrupt();
      assertReply(waiter, "granted");
      assertReply(record(A, F_WRLCK, 0, 0), "EAGAIN");
    }

    /** The lock comes free while the transport is being told what to do on an interrupt. */
    @Test
    void aGrantWaitsUntilTheReplyIsReady() {
      record(A, F_WRLCK, 0, 0);
      RecordedReply waiter =
          new RecordedReply() {
            @Override
            public void onInterrupt(Runnable action) {
              table.releaseOwner(file, A);
              assertThat(isAnswered()).isFalse();
              super.onInterrupt(action);
            }
          };
      table.set(file, B, B, lock(F_WRLCK, 0, 0, B), false, true, waiter);
      assertReply(waiter, "granted");
    }

    @Test
    void noReplyIsGivenWhileTheTableIsLocked() throws Exception {
      List<Integer> fromOtherThread = new ArrayList<>();
      record(A, F_WRLCK, 0, 0);
      RecordedReply waiter =
          new RecordedReply() {
            @Override
            public void granted() {
              super.granted();
              RecordedReply nested = new RecordedReply();
              Thread thread =
                  new Thread(
                      () -> table.set(file, C, C, lock(F_WRLCK, 5, 5, C), false, false, nested));
              thread.start();
              try {
                fromOtherThread.add(nested.await(10));
                thread.join();
              } catch (Exception e) {
                throw new AssertionError(e);
              }
            }
          };
      table.set(file, B, B, lock(F_WRLCK, 0, 0, B), false, true, waiter);
      table.releaseOwner(file, A);
      assertThat(fromOtherThread).containsExactly(0);
    }

    @Test
    void aReplyThatThrowsDoesNotKeepOthersFromTheirs() {
      record(A, F_WRLCK, 0, 0);
      table.set(
          file,
          B,
          B,
          lock(F_RDLCK, 0, 0, B),
          false,
          true,
          new RecordedReply() {
            @Override
            public void granted() {
              throw new IllegalStateException("expected by the test");
            }
          });
      RecordedReply second = recordWait(C, F_RDLCK, 0, 0);
      assertReply(record(A, F_UNLCK, 0, 0), "granted");
      assertReply(second, "granted");
    }

    @Test
    void closeInterruptsAll() {
      record(A, F_WRLCK, 0, 0);
      flock(A, F_WRLCK, false);
      RecordedReply b = recordWait(B, F_WRLCK, 0, 0);
      RecordedReply c = flock(C, F_RDLCK, true);
      table.close();
      assertReply(b, "EINTR");
      assertReply(c, "EINTR");
      assertThat(table.isEmpty(file)).isTrue();
      assertThat(table.size()).isZero();
      record(A, F_WRLCK, 0, 0);
      assertReply(recordWait(B, F_WRLCK, 0, 0), "EINTR");
    }
  }

  @Nested
  final class OfLimits {
    private final LockTable small = new LockTable(3, 5);

    private RecordedReply set(Object on, long owner, int type, long start, long end, boolean wait) {
      RecordedReply reply = new RecordedReply();
      small.set(on, owner, owner, lock(type, start, end, owner), false, wait, reply);
      return reply;
    }

    @Test
    void aFileHasOnlySoMany() {
      set(file, A, F_WRLCK, 0, 0, false);
      set(file, A, F_WRLCK, 2, 2, false);
      set(file, A, F_WRLCK, 4, 6, false);
      assertReply(set(file, A, F_WRLCK, 8, 8, false), "ENOLCK");
      assertReply(set(file, B, F_WRLCK, 0, 0, true), "ENOLCK");
      // An unlock that would split is refused too, as fcntl(2) says; others are not.
      assertReply(set(file, A, F_UNLCK, 5, 5, false), "ENOLCK");
      assertReply(set(file, A, F_WRLCK, 7, 7, false), "granted");
      assertReply(set(file, A, F_UNLCK, 4, 4, false), "granted");
      assertReply(set(file, A, F_WRLCK, 1, 1, false), "granted");
      assertReply(set(file, B, F_WRLCK, 0, 0, true), "waits");
      assertReply(set(file, B, F_WRLCK, 9, 9, true), "ENOLCK");
    }

    @Test
    void theTableHasOnlySoMany() {
      for (int i = 0; i < 6; i += 2) {
        set(file, A, F_WRLCK, i, i, false);
      }
      assertReply(set(other, A, F_WRLCK, 0, 0, false), "granted");
      assertReply(set(other, A, F_WRLCK, 2, 2, false), "granted");
      assertReply(set(other, A, F_WRLCK, 4, 4, false), "ENOLCK");
      small.releaseOwner(file, A);
      assertReply(set(other, A, F_WRLCK, 4, 4, false), "granted");
    }

    @Test
    void aWaitersRoomBecomesItsLocks() {
      set(file, A, F_WRLCK, 0, 0, false);
      set(file, A, F_WRLCK, 2, 2, false);
      RecordedReply waiter = set(file, B, F_WRLCK, 2, 2, true);
      assertReply(set(file, A, F_UNLCK, 2, 2, false), "granted");
      assertReply(waiter, "granted");
    }
  }
}
