package io.samepage.fuse.kernel;

import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that read requests and answer them.
 *
 * <p>At any time at most one of them, the <em>reader</em>, waits for the next request; when it has
 * one it gives the place up, answers, and takes the place again if nobody else has. All others rest
 * outside the kernel. So a stream of short requests is served by one thread, without a wake-up of
 * another for each: a thread that waited in the kernel would be woken by every request, even if the
 * reader was awake and took it first.
 *
 * <p>A request that is not short must not keep others waiting. Those that are known to be long wake
 * another worker at once; for the rest the {@link #watch watch} looks every millisecond, while
 * there is anything to do, whether the place has been vacant since it last looked, and then sends
 * another worker there, more and more of them as long as that does not help.
 *
 * <p>The reader looks out for the next request for a while before it sleeps ({@link Lookout}).
 */
final class Workers {
  private static final Logger log = LoggerFactory.getLogger(Workers.class);

  /** How many there always are: one to read, one to take its place. */
  private static final int FEWEST = 2;

  /** After how long a worker that is not needed ends. */
  private static final long REST_NANOS = 10_000_000_000L;

  private static final long WATCH_NANOS = 1_000_000;

  /** How many workers one look calls at most. */
  private static final int MOST_CALLS = 8;

  /** How many looks without a request make the watch sleep until there is one. */
  private static final int IDLE_LOOKS = 50;

  private final Channel device;
  private final Dispatcher dispatcher;
  private final Supplier<Exchange> exchanges;
  private final Lookout lookout;
  private final Runnable onEnd;
  private final Thread watch;

  /** Who waits for the next request; null while nobody does. */
  private final AtomicReference<@Nullable Worker> reader = new AtomicReference<>();

  /** How many requests have been taken. Counted by the reader, for the watch. */
  private final AtomicLong taken = new AtomicLong();

  /** How often there was none to be taken at once. Counted by the reader, for the watch. */
  private final AtomicLong waits = new AtomicLong();

  /** Whether the watch looks by itself, or has to be woken. */
  private volatile boolean watching;

  private volatile boolean ended;

  /** Guarded by this: who rests, the last to come first. */
  private final Deque<Worker> resting = new ArrayDeque<>();

  /** Guarded by this: how many workers there are. */
  private int all;

  /** Guarded by this: how many there may be. */
  private int most;

  /** Guarded by this. */
  private int started;

  Workers(
      Channel device,
      Dispatcher dispatcher,
      Supplier<Exchange> exchanges,
      int most,
      long pollNanos,
      Runnable onEnd) {
    this.device = device;
    this.dispatcher = dispatcher;
    this.exchanges = exchanges;
    this.most = most;
    this.lookout = new Lookout(pollNanos);
    this.onEnd = onEnd;
    watch = new Thread(this::watch, "fuse-watch");
    watch.setDaemon(true);
  }

  void start() {
    watch.start();
    for (int i = 0; i < FEWEST; i++) {
      startWorker();
    }
  }

  private synchronized void startWorker() {
    all++;
    Worker worker = new Worker("fuse-" + ++started);
    try {
      worker.thread.start();
    } catch (OutOfMemoryError e) {
      all--;
      noMore(e);
    }
  }

  /** There is no room for more workers; those that are there go on. */
  private synchronized void noMore(OutOfMemoryError e) {
    most = all;
    log.error(
        "no more than {} requests can be worked on at once: {}; raise the limit on threads or"
            + " -XX:MaxDirectMemorySize",
        all,
        e.getMessage());
  }

  /** Sends one more worker to read, if there may be one. */
  private void call() {
    Worker rested;
    synchronized (this) {
      rested = resting.poll();
      if (rested == null) {
        if (all < most && !ended) {
          startWorker();
        }
        return;
      }
    }
    rested.called = true;
    LockSupport.unpark(rested.thread);
  }

  /** See the class. */
  private void watch() {
    try (ProcessorLoad load = new ProcessorLoad()) {
      watch(load);
    }
  }

  private void watch(ProcessorLoad load) {
    long lastTaken = 0;
    long lastWaits = 0;
    int calls = 1;
    int idle = 0;
    while (!ended) {
      if (idle >= IDLE_LOOKS && reader.get() != null) {
        watching = false;
        // Whoever becomes busy from here on sees that the watch does not look.
        while (reader.get() != null && taken.get() == lastTaken && !watching && !ended) {
          LockSupport.park(this);
        }
        watching = true;
        idle = 0;
      }
      LockSupport.parkNanos(this, WATCH_NANOS);
      if (!load.isLight()) {
        lookout.forbid();
      }
      long nowTaken = taken.get();
      long nowWaits = waits.get();
      boolean vacant = reader.get() == null;
      idle = nowTaken == lastTaken && !vacant ? idle + 1 : 0;
      // Nobody has had to wait for a request all the while: one is long, or there are too many.
      if (vacant && nowWaits == lastWaits) {
        for (int i = 0; i < calls; i++) {
          call();
        }
        calls = Math.min(2 * calls, MOST_CALLS);
      } else {
        calls = 1;
      }
      lastTaken = nowTaken;
      lastWaits = nowWaits;
    }
  }

  /** One thread. */
  private final class Worker implements Runnable {
    final Thread thread;

    /** Whether it was called while it rested. */
    volatile boolean called;

    Worker(String name) {
      thread = new Thread(this, name);
      thread.setDaemon(true);
    }

    @Override
    public void run() {
      Channel sleeping = duplicate(0);
      Channel polling = sleeping == null ? null : duplicate(Linux.O_NONBLOCK);
      if (sleeping == null) {
        // A kernel that does not clone: all share the first.
        device.retain();
        sleeping = device;
      }
      try {
        // The file system sets the umask as a request demands: for this thread alone.
        Credentials.unshareFileSystemState();
        Credentials.umask(0);
        serve(sleeping, polling, exchanges.get());
      } catch (OutOfMemoryError e) {
        noMore(e);
      } catch (ErrnoException e) {
        log.error("a worker cannot have a umask of its own: {}", e.getMessage());
      } finally {
        sleeping.release();
        if (polling != null) {
          polling.release();
        }
        left();
      }
    }

    private void serve(Channel sleeping, @Nullable Channel polling, Exchange x) {
      while (!ended) {
        if (!reader.compareAndSet(null, this)) {
          if (!rest()) {
            return;
          }
          continue;
        }
        Channel from = sleeping;
        int length;
        try {
          length = lookout.poll(polling, x);
          if (polling != null && length >= 0) {
            from = polling;
          } else if (again(length)) {
            length = lookout.sleep(sleeping, x);
          }
          if (lookout.waited()) {
            waits.incrementAndGet();
          }
          taken.incrementAndGet();
        } finally {
          reader.set(null);
        }
        if (length < 0) {
          if (again(length)) {
            continue;
          }
          end(length);
          return;
        }
        if (!watching) {
          watching = true;
          LockSupport.unpark(watch);
        }
        Opcode opcode = Dispatcher.opcode(x, length);
        if (opcode != null && opcode.isLong()) {
          call();
        }
        dispatcher.dispatch(x, from, length);
      }
    }

    /** Waits to be called; false: it is not needed any more. */
    private boolean rest() {
      synchronized (Workers.this) {
        called = false;
        resting.push(this);
      }
      long until = System.nanoTime() + REST_NANOS;
      while (!called && !ended) {
        long left = until - System.nanoTime();
        if (left > 0) {
          LockSupport.parkNanos(Workers.this, left);
          continue;
        }
        synchronized (Workers.this) {
          if (all > FEWEST && resting.remove(this)) {
            return false;
          }
        }
        until = System.nanoTime() + REST_NANOS;
      }
      return true;
    }

    private @Nullable Channel duplicate(int flags) {
      try {
        return device.duplicate(flags);
      } catch (ErrnoException e) {
        return null;
      }
    }
  }

  /** Whether a read is to be done again: nothing there, a signal, a request that was taken back. */
  private static boolean again(int result) {
    return result == -Errno.EAGAIN || result == -Errno.EINTR || result == -Errno.ENOENT;
  }

  /** The connection has ended: ENODEV after an unmount, ECONNABORTED after an abort. */
  private void end(int result) {
    synchronized (this) {
      if (ended) {
        return;
      }
      ended = true;
      for (Worker worker : resting) {
        LockSupport.unpark(worker.thread);
      }
    }
    LockSupport.unpark(watch);
    if (result == -Errno.ECONNABORTED) {
      log.warn("the connection to the kernel was aborted by an administrator");
    } else if (result != -Errno.ENODEV) {
      log.error("the connection to the kernel failed: {}", Errno.name(-result));
    }
  }

  private void left() {
    boolean last;
    synchronized (this) {
      all--;
      last = all == 0;
    }
    if (last) {
      onEnd.run();
    }
  }
}
