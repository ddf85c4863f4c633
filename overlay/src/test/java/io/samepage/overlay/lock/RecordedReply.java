package io.samepage.overlay.lock;

import io.samepage.fuse.InterruptibleLockReply;
import io.samepage.posix.Errno;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/** A reply that remembers what it was told, and can be interrupted as a transport would do it. */
class RecordedReply extends InterruptibleLockReply {
  private final CompletableFuture<Integer> outcome = new CompletableFuture<>();
  private final AtomicInteger answers = new AtomicInteger();
  private boolean answeredBeforeTold;

  @Override
  public void granted() {
    answered(0);
  }

  @Override
  public void failed(int errno) {
    answered(errno);
  }

  void answered(int errno) {
    answers.incrementAndGet();
    outcome.complete(errno);
  }

  @Override
  public void onInterrupt(Runnable newAction) {
    synchronized (this) {
      answeredBeforeTold |= answers.get() != 0;
    }
    super.onInterrupt(newAction);
  }

  boolean isAnswered() {
    return answers.get() != 0;
  }

  int answers() {
    return answers.get();
  }

  /**
   * Whether it was asked about interrupts when it had been answered, which a transport may not
   * expect.
   */
  synchronized boolean wasAskedAfterAnswer() {
    return answeredBeforeTold;
  }

  /** What was answered: 0 or an error number. */
  int await(long seconds) throws Exception {
    try {
      return outcome.get(seconds, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("no answer within " + seconds + " s", e);
    }
  }

  @Override
  public String toString() {
    Integer now = outcome.getNow(null);
    String first = now == null ? "waits" : now == 0 ? "granted" : Errno.name(now);
    return answers.get() > 1 ? first + ", answered " + answers.get() + " times" : first;
  }
}
