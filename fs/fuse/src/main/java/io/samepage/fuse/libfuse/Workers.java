package io.samepage.fuse.libfuse;

import io.samepage.posix.Errno;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Threads that read requests and have libfuse work on them. One more is started whenever a request
 * leaves none to read the next, up to a bound; threads that wait for a lock do not count, since
 * what they wait for must come in through others.
 */
final class Workers {
  private static final int MOST = 16;
  private static final long STACK = 1 << 20;

  private final int fd;
  private final Handler handler;
  private final Runnable gone;
  private final Runnable ended;

  /** Those that read, or are about to. */
  private final AtomicInteger readers = new AtomicInteger();

  /** Those that are counted against the bound. */
  private final AtomicInteger counted = new AtomicInteger();

  /** Those that have not ended. */
  private final AtomicInteger alive = new AtomicInteger();

  private final AtomicInteger names = new AtomicInteger();

  private volatile boolean over;

  /** What is done with a request. */
  interface Handler {
    void handle(NativeBuffer request, int length);
  }

  /**
   * @param gone called by each worker that sees that the mount is gone
   * @param ended called once, on the last worker, when the mount is gone and all requests have been
   *     answered
   */
  Workers(int fd, Handler handler, Runnable gone, Runnable ended) {
    this.fd = fd;
    this.handler = handler;
    this.gone = gone;
    this.ended = ended;
  }

  /** Lets the first one go. */
  void start() {
    startOne();
  }

  private void startOne() {
    readers.incrementAndGet();
    counted.incrementAndGet();
    alive.incrementAndGet();
    Thread thread = new Thread(null, this::run, "libfuse-" + names.incrementAndGet(), STACK, false);
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    try {
      NativeBuffer request = NativeBuffer.allocate(Requests.ROOM);
      while (!over) {
        int length = Files.tryRead(fd, request.address(), Requests.ROOM);
        if (length < 0) {
          // ENOENT: the request was given up while it was being read.
          if (length == -Errno.EINTR || length == -Errno.EAGAIN || length == -Errno.ENOENT) {
            continue;
          }
          over = true; // ENODEV, or ECONNABORTED: the mount is gone
          gone.run();
          break;
        }
        if (readers.decrementAndGet() == 0 && counted.get() < MOST) {
          startOne();
        }
        handler.handle(request, length);
        readers.incrementAndGet();
      }
    } finally {
      over = true;
      if (alive.decrementAndGet() == 0) {
        ended.run();
      }
    }
  }

  /** Whether the mount is gone. */
  boolean isOver() {
    return over;
  }

  /** A worker is going to wait for something that another must bring about. */
  void waits() {
    counted.decrementAndGet();
    if (readers.get() == 0 && !over) {
      startOne();
    }
  }

  /** It has waited. */
  void waited() {
    counted.incrementAndGet();
  }
}
