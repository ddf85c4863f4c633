package io.samepage.fuse.workers;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class ReleaseOrderTest {
  private final ReleaseOrder order = new ReleaseOrder();

  @Test
  void aLockWaitsForTheReleaseBeforeIt() throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch served = new CountDownLatch(1);
    order.taken(RequestKind.RELEASE);
    Thread locker =
        new Thread(
            () -> {
              asked.countDown();
              order.await(RequestKind.LOCK);
              served.countDown();
            });
    locker.start();
    asked.await();
    boolean early = served.await(10, TimeUnit.MILLISECONDS);
    order.done(RequestKind.RELEASE);
    assertThat(served.await(20, TimeUnit.SECONDS)).isTrue();
    assertThat(early).isFalse();
  }

  @Test
  void nobodyElseWaitsForARelease() {
    order.taken(RequestKind.RELEASE);
    order.await(RequestKind.ORDINARY);
    order.await(RequestKind.LONG);
  }

  @Test
  void aReleaseThatHangsIsNotWaitedForForEver() {
    order.taken(RequestKind.RELEASE);
    order.await(RequestKind.LOCK);
  }
}
