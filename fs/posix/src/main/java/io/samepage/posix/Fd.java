package io.samepage.posix;

import java.util.concurrent.atomic.AtomicBoolean;

/** An open descriptor that is closed once. */
public final class Fd implements AutoCloseable {
  private final int number;
  private final AtomicBoolean closed = new AtomicBoolean();

  /** Takes over an open descriptor. */
  public Fd(int number) {
    this.number = number;
  }

  public int number() {
    return number;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      Files.close(number);
    }
  }
}
