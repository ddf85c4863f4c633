package io.samepage.fuse.workers;

import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Threads;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that read requests and answer them.
 *
 * <p>At any time few of them, as a rule one, are <em>readers</em>: they wait for the next request.
 * A reader that has one gives its place up, answers, and takes a place again if there is one. All
 * others rest outside the kernel. So a stream of short requests is served by one thread, without a
 * wake-up of another for each: a thread that waits in the kernel is woken by every request, even if
 * one that is awake takes it first. How a reader waits is the matter of {@link Lookout}, on which
 * processor that of {@link Placement}.
 *
 * <p>Where threads have to wait for a processor ({@link ProcessorLoad}) there are more readers: the
 * scheduler lets one thread that has worked a lot wait for long, while several take turns.
 *
 * <p>A request that is not short must not keep others waiting. Those that are known to be long wake
 * another worker at once; for the rest the {@link #watch watch} looks every millisecond, while
 * there is anything to do, whether nobody has been reading since it last looked, and then sends
 * another worker there, more and more of them as long as that does not help.
 */
public final class Workers {
  private static final Logger log = LoggerFactory.getLogger(Workers.class);

  /** How many workers there always are: one to read, one to take its place. */
  private static final int FEWEST = 2;

  private static final int READERS = 1;
  private static final int READERS_UNDER_HEAVY_LOAD = 4;

  /** After how long a worker that is not needed ends. */
  private static final long REST_NANOS = 10_000_000_000L;

  private static final long WATCH_NANOS = 1_000_000;

  /**
   * While the workers are with their caller, who may be drawn to another processor by each look,
   * and whom alone a long request keeps waiting.
   */
  private static final long KEPT_WATCH_NANOS = 4_000_000;

  /** How many workers one look calls at most. */
  private static final int MOST_CALLS = 8;

  /** How many looks without a request make the watch sleep until there is one. */
  private static final int IDLE_LOOKS = 50;

  private final Supplier<? extends Station> stations;
  private final long pollNanos;
  private final long stackBytes;
  private final Runnable onGone;
  private final Runnable onEnd;
  private final Thread watch;
  private final ProcessorLoad load = new ProcessorLoad();
  private final ReleaseOrder order = new ReleaseOrder();
  private final Placement placement = new Placement();

  /** How many wait for the next request. */
  private final AtomicInteger readers = new AtomicInteger();

  /** How many there may be. Written by the watch. */
  private volatile int mostReaders = READERS;

  /** How many requests have been taken. Counted by the readers, for the watch. */
  private final AtomicLong taken = new AtomicLong();

  /** How often there was none to be taken at once. Counted by the readers, for the watch. */
  private final AtomicLong waits = new AtomicLong();

  /** Whether the watch looks by itself, or has to be woken. */
  private volatile boolean watching;

  private volatile boolean ended;

  /** Set before {@link #ended}. */
  private volatile boolean unmounted;

  /** Guarded by this: who rests, the last to come first. */
  private final Deque<Worker> resting = new ArrayDeque<>();

  /** Guarded by this: how many workers there are. */
  private int all;

  /** Guarded by this: how many there may be. */
  private int most;

  /** Guarded by this. */
  private int started;

  /**
   * @param stations makes one for each worker, on its thread
   * @param most how many workers there may be, at least 2
   * @param pollNanos for how long one that waits looks out at most, before it sleeps; 0: never
   * @param stackBytes room for the stack of each; 0: as the virtual machine has it
   * @param onGone called once, when the connection has ended: whoever waits for something that can
   *     only come through it is to give up
   * @param onEnd called once, on the last worker, when all have done their work after that
   */
  public Workers(
      Supplier<? extends Station> stations,
      int most,
      long pollNanos,
      long stackBytes,
      Runnable onGone,
      Runnable onEnd) {
    this.stations = stations;
    this.most = most;
    this.pollNanos = pollNanos;
    this.stackBytes = stackBytes;
    this.onGone = onGone;
    this.onEnd = onEnd;
    watch = new Thread(this::watch, "fuse-watch");
    watch.setDaemon(true);
  }

  /** Lets the first of them go. */
  public void start() {
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
    long lastTaken = 0;
    long lastWaits = 0;
    int calls = 1;
    int idle = 0;
    while (!ended) {
      if (idle >= IDLE_LOOKS && readers.get() > 0) {
        load.pause();
        placement.pause();
        mostReaders = READERS;
        watching = false;
        // Whoever takes a request from here on sees that the watch does not look.
        while (readers.get() > 0 && taken.get() == lastTaken && !watching && !ended) {
          LockSupport.park(this);
        }
        watching = true;
        idle = 0;
      }
      LockSupport.parkNanos(this, placement.isWithCaller() ? KEPT_WATCH_NANOS : WATCH_NANOS);
      load.look();
      mostReaders = load.isHeavy() ? READERS_UNDER_HEAVY_LOAD : READERS;
      long nowTaken = taken.get();
      long nowWaits = waits.get();
      int nowReaders = readers.get();
      placement.look(nowTaken - lastTaken, load.isHeavy(), System.nanoTime());
      idle = nowTaken == lastTaken && nowReaders > 0 ? idle + 1 : 0;
      if (nowReaders == 0 && nowWaits == lastWaits) {
        // No reader has waited all the while: one request is long, or there are too many.
        for (int i = 0; i < calls; i++) {
          call();
        }
        calls = Math.min(2 * calls, MOST_CALLS);
      } else {
        calls = 1;
        if (nowReaders < mostReaders && nowTaken != lastTaken && mostReaders > READERS) {
          call();
        }
      }
      lastTaken = nowTaken;
      lastWaits = nowWaits;
    }
    load.close();
  }

  /** Takes a place among the readers, if there is one. */
  private boolean enter() {
    int now;
    do {
      now = readers.get();
      if (now >= mostReaders) {
        return false;
      }
    } while (!readers.compareAndSet(now, now + 1));
    return true;
  }

  /** One thread. */
  private final class Worker implements Runnable {
    final Thread thread;

    /** Whether it was called while it rested. */
    volatile boolean called;

    Worker(String name) {
      thread = new Thread(null, this, name, stackBytes, false);
      thread.setDaemon(true);
    }

    @Override
    public void run() {
      Placement.Member member = placement.join(Threads.currentId());
      try {
        // The file system sets the umask as a request demands: for this thread alone.
        Credentials.unshareFileSystemState();
        Credentials.umask(0);
        try (Station station = stations.get()) {
          serve(station, member);
        }
      } catch (OutOfMemoryError e) {
        noMore(e);
      } catch (ErrnoException e) {
        log.error("a worker cannot have a umask of its own: {}", e.getMessage());
      } finally {
        placement.leave(member);
        left();
      }
    }

    private void serve(Station station, Placement.Member member) {
      Lookout lookout = new Lookout(load, pollNanos);
      while (serveNext(station, lookout, member)) {}
    }

    /**
     * Takes one request and answers it, or rests; false: the worker is to end. A method of its own,
     * since one that never returns stays interpreted for its first 60,000 rounds.
     */
    private boolean serveNext(Station station, Lookout lookout, Placement.Member member) {
      if (ended) {
        return false;
      }
      if (!enter()) {
        return rest();
      }
      int length;
      long unique = 0;
      RequestKind kind = RequestKind.ORDINARY;
      try {
        // On its caller's processor a worker that looks out would only keep it from asking.
        length = lookout.poll(station, !placement.isWithCaller());
        if (length < 0 && again(length)) {
          length = lookout.sleep(station);
        }
        if (lookout.waited()) {
          waits.incrementAndGet();
        }
        taken.incrementAndGet();
        if (length >= 0) {
          kind = station.kind(length);
          unique = station.unique(length);
          order.taken(kind, unique);
          placement.took(member, kind, station.caller(length));
        }
      } finally {
        readers.decrementAndGet();
      }
      if (length < 0) {
        if (again(length)) {
          return true;
        }
        end(length);
        return false;
      }
      if (!watching) {
        watching = true;
        LockSupport.unpark(watch);
      }
      // With one caller, who waits, nobody else is kept waiting as a rule.
      if (kind == RequestKind.LONG && !placement.isWithCaller() && readers.get() == 0) {
        call();
      }
      order.await(kind, unique);
      station.answer(length);
      order.done(kind, unique);
      return true;
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
      unmounted = result == -Errno.ENODEV;
      ended = true;
      for (Worker worker : resting) {
        LockSupport.unpark(worker.thread);
      }
    }
    LockSupport.unpark(watch);
    onGone.run();
    if (result == -Errno.ECONNABORTED) {
      log.warn("the connection to the kernel was aborted by an administrator");
    } else if (result != -Errno.ENODEV) {
      log.error("the connection to the kernel failed: {}", Errno.name(-result));
    }
  }

  /** Whether they ended since the mount is gone; it may also have been aborted by umount -f. */
  public boolean isUnmounted() {
    return unmounted;
  }

  /** Whether the connection has ended. */
  public boolean isGone() {
    return ended;
  }

  /**
   * The calling worker is going to wait for what another request must bring about, so it does not
   * count meanwhile, and another is to read at once.
   */
  public void waits() {
    synchronized (this) {
      most++;
    }
    call();
  }

  /** It has waited. */
  public synchronized void waited() {
    most--;
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
