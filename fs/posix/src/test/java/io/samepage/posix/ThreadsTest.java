package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class ThreadsTest {
  @Test
  void anInterruptIsKeptUntilTheThreadHasEnded() {
    CountDownLatch latch = new CountDownLatch(1);
    Thread waitedFor =
        new Thread(
            () -> {
              try {
                latch.await();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    Thread waiter = Thread.currentThread();
    Thread releaser =
        new Thread(
            () -> {
              // It waits for the second time: the first wait has ended with the interrupt.
              while (waiter.getState() != Thread.State.WAITING) {
                Thread.onSpinWait();
              }
              latch.countDown();
            });
    waitedFor.start();
    waiter.interrupt();
    releaser.start();
    Threads.awaitEnd(waitedFor);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(waitedFor.isAlive()).isFalse();
  }

  @Test
  void aThreadThatWasNeverStartedHasEnded() {
    Threads.awaitEnd(new Thread(() -> {}));
    assertThat(Thread.interrupted()).isFalse();
  }

  @Test
  void thePriorityIsThatOfOneThread() throws Exception {
    CompletableFuture<Integer> low = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              Threads.lowerPriorityOfThisThread();
              low.complete(niceOfThisThread());
            });
    int before = niceOfThisThread();
    thread.start();
    assertThat(low.get()).isEqualTo(19);
    assertThat(niceOfThisThread()).isEqualTo(before);
  }

  /** The nineteenth field of proc_pid_stat(5); the second may have spaces. */
  private static int niceOfThisThread() {
    try {
      String stat = Files.readString(Path.of("/proc/thread-self/stat"));
      return Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[16]);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
