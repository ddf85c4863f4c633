package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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

  /** The fields of proc_pid_stat(5), each with its number, but for the CPU. */
  private static ByteBuffer stat(String name, int cpu) {
    StringBuilder line = new StringBuilder("7 (" + name + ") S");
    for (int field = 4; field <= 52; field++) {
      line.append(' ').append(field == 39 ? cpu : field);
    }
    return ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private static int field(ByteBuffer line, int field) {
    return Threads.statField(line, 0, line.capacity(), field);
  }

  @Test
  void fieldsAreFoundBehindAnyName() {
    assertThat(field(stat("cat", 3), 36)).isEqualTo(3);
    assertThat(field(stat("a) b (c", 15), 36)).isEqualTo(15);
    assertThat(field(stat(" 1 2 3 ) R 4\n", 6), 36)).isEqualTo(6);
    assertThat(field(stat("R) Z", 6), 0)).isEqualTo('S');
    assertThat(field(stat("cat", 3), 50)).isEqualTo(-1);
    assertThat(field(ByteBuffer.wrap(new byte[5]), 0)).isEqualTo(-1);
  }

  @Test
  void aThreadOnAProcessorStaysThereUntilItIsLetGo() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    CompletableFuture<Integer> number = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              number.complete(Threads.currentId());
              while (done.getCount() > 0) {
                Thread.onSpinWait();
              }
            });
    thread.start();
    int id = number.get();
    String before = allowed(id);
    try {
      assertThat(Threads.isRunnable(id)).isTrue();
      int processor = Threads.processorOf(id);
      assertThat(Threads.runOn(id, processor)).isTrue();
      assertThat(allowed(id)).isEqualTo(Integer.toString(processor));
      assertThat(Threads.processorOf(id)).isEqualTo(processor);
      long nanos = Threads.processorNanos(id);
      assertThat(nanos).isPositive();
      assertThat(Threads.runOn(id, 8191)).isFalse();
      assertThat(Threads.runOn(id, 100_000)).isFalse();
      Threads.runLikeOthers(id);
      assertThat(allowed(id)).isEqualTo(before);
      // It goes on once it has a processor again.
      while (Threads.processorNanos(id) <= nanos) {
        Thread.onSpinWait();
      }
    } finally {
      done.countDown();
      thread.join();
    }
    // The kernel's thread ends after Java's.
    while (Threads.processorOf(id) >= 0) {
      Thread.onSpinWait();
    }
    assertThat(Threads.isRunnable(id)).isFalse();
  }

  @Test
  void whoGivesWayCanBeLikeOthersAgainIfThatIsAllowed() throws Exception {
    boolean can = Threads.canGiveWay();
    CompletableFuture<String> policies = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              String said = policy();
              Threads.giveWay(0);
              said += policy();
              Threads.runLikeOthers(0);
              policies.complete(said + policy());
            });
    thread.start();
    assertThat(policies.get()).isEqualTo(can ? "050" : "055");
  }

  /** The field 41 of proc_pid_stat(5). */
  private static String policy() {
    try {
      String stat = Files.readString(Path.of("/proc/thread-self/stat"));
      return stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[41 - 3];
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String allowed(int id) throws IOException {
    return Files.readAllLines(Path.of("/proc", Integer.toString(id), "status")).stream()
        .filter(line -> line.startsWith("Cpus_allowed_list:"))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElseThrow();
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
