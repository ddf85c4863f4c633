package io.samepage.fuse.workers;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class ReleaseOrderTest {
  /** The kernel's numbers: INIT has 2. */
  private static final long FIRST = 4;

  private static final long SECOND = 6;
  private static final long THIRD = 8;

  private final ReleaseOrder order = new ReleaseOrder();

  /** One that asks about a lock, on a thread of its own. */
  private final class Locker {
    private final CountDownLatch served = new CountDownLatch(1);

    Locker(long unique) throws InterruptedException {
      CountDownLatch asked = new CountDownLatch(1);
      order.taken(RequestKind.LOCK, unique);
      Thread thread =
          new Thread(
              () -> {
                asked.countDown();
                order.await(RequestKind.LOCK, unique);
                served.countDown();
              });
      thread.start();
      asked.await();
    }

    boolean isServedSoon() throws InterruptedException {
      return served.await(10, TimeUnit.MILLISECONDS);
    }

    boolean isServed() throws InterruptedException {
      return served.await(20, TimeUnit.SECONDS);
    }
  }

  private void lock(long unique) {
    order.taken(RequestKind.LOCK, unique);
    order.await(RequestKind.LOCK, unique);
  }

  @Test
  void aLockWaitsForTheReleaseBeforeIt() throws InterruptedException {
    order.taken(RequestKind.RELEASE, FIRST);
    Locker locker = new Locker(SECOND);
    boolean early = locker.isServedSoon();
    order.done(RequestKind.RELEASE, FIRST);
    assertThat(locker.isServed()).isTrue();
    assertThat(early).isFalse();
  }

  @Test
  void aLockWaitsUntilTheRequestBeforeItHasBeenLookedAt() throws InterruptedException {
    Locker locker = new Locker(SECOND);
    boolean early = locker.isServedSoon();
    order.taken(RequestKind.RELEASE, FIRST);
    boolean released = locker.isServedSoon();
    order.done(RequestKind.RELEASE, FIRST);
    assertThat(locker.isServed()).isTrue();
    assertThat(early).isFalse();
    assertThat(released).isFalse();
  }

  @Test
  void aLockDoesNotWaitForTheReleaseAfterIt() throws InterruptedException {
    order.taken(RequestKind.ORDINARY, FIRST);
    order.taken(RequestKind.RELEASE, THIRD);
    assertThat(new Locker(SECOND).isServed()).isTrue();
  }

  @Test
  void nobodyElseWaitsForARelease() {
    order.taken(RequestKind.RELEASE, FIRST);
    order.await(RequestKind.ORDINARY, SECOND);
    order.await(RequestKind.LONG, SECOND);
  }

  @Test
  void aReleaseThatHangsIsNotWaitedForForEver() {
    order.taken(RequestKind.RELEASE, FIRST);
    order.await(RequestKind.LOCK, SECOND);
  }

  /** It would not end in time if each of them waited. */
  @Test
  void aRequestThatNeverComesIsWaitedForOnce() {
    for (int i = 0; i < 1000; i++) {
      lock(SECOND + 2L * i);
    }
  }

  @Test
  void whatIsOlderThanTheWindowIsNotWaitedFor() throws InterruptedException {
    order.taken(RequestKind.RELEASE, FIRST);
    long unique = SECOND;
    for (int i = 0; i < 5000; i++, unique += 2) {
      order.taken(RequestKind.ORDINARY, unique);
    }
    assertThat(new Locker(unique).isServed()).isTrue();
    order.done(RequestKind.RELEASE, FIRST);
    assertThat(new Locker(unique + 2).isServed()).isTrue();
  }

  @Test
  void anInterruptHasNotBeenTheRequestThatItIsAbout() throws InterruptedException {
    order.taken(RequestKind.ORDINARY, FIRST | 1);
    Locker locker = new Locker(SECOND);
    boolean early = locker.isServedSoon();
    order.taken(RequestKind.ORDINARY, FIRST);
    assertThat(locker.isServed()).isTrue();
    assertThat(early).isFalse();
  }
}
