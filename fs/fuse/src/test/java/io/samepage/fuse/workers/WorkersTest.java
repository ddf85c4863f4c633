package io.samepage.fuse.workers;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Errno;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who serves which request. A request is something to do; there is no kernel. */
@Timeout(60)
final class WorkersTest {
  private static final int MOST = 2;

  private final BlockingQueue<Task> waiting = new LinkedBlockingQueue<>();
  private volatile boolean over;
  private final CountDownLatch gone = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Workers workers =
      new Workers(Desk::new, MOST, 0, 0, gone::countDown, ended::countDown);

  /** One request. */
  private record Task(RequestKind kind, long unique, Runnable work) {}

  /** Wakes who waits for a request. */
  private static final Task NOTHING = new Task(RequestKind.ORDINARY, 0, () -> {});

  private final class Desk implements Station {
    private Task task = NOTHING;

    @Override
    public boolean canPoll() {
      return false;
    }

    @Override
    public int poll() {
      return -Errno.EAGAIN;
    }

    @Override
    public int sleep() {
      try {
        task = waiting.take();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      if (over) {
        waiting.add(NOTHING); // for the others
        return -Errno.ENODEV;
      }
      return 1;
    }

    @Override
    public RequestKind kind(int length) {
      return task.kind;
    }

    @Override
    public long unique(int length) {
      return task.unique;
    }

    @Override
    public int caller(int length) {
      return 0;
    }

    @Override
    public void answer(int length) {
      task.work.run();
    }

    @Override
    public void close() {}
  }

  private void ask(Runnable work) {
    waiting.add(new Task(RequestKind.ORDINARY, 0, work));
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void end() throws InterruptedException {
    over = true;
    waiting.add(NOTHING);
    assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(workers.isGone()).isTrue();
    assertThat(workers.isUnmounted()).isTrue();
  }

  @Test
  void aRequestThatTakesLongKeepsNobodyWaiting() throws Exception {
    CountDownLatch second = new CountDownLatch(1);
    workers.start();
    ask(() -> await(second));
    ask(second::countDown);
    await(second);
    end();
  }

  @Test
  void thoseWhoWaitForOthersDoNotCount() throws Exception {
    int waiters = 3 * MOST;
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    CountDownLatch last = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(waiters);
    workers.start();
    for (int i = 0; i < waiters; i++) {
      ask(
          () -> {
            threads.add(Thread.currentThread());
            workers.waits();
            await(last);
            workers.waited();
            done.countDown();
          });
    }
    ask(last::countDown);
    await(done);
    assertThat(threads).hasSize(waiters);
    end();
  }

  @Test
  void whoWaitsIsToldThatTheConnectionHasEnded() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    workers.start();
    ask(
        () -> {
          workers.waits();
          begun.countDown();
          await(gone);
          workers.waited();
        });
    await(begun);
    end();
  }
}
