package io.samepage.overlay;

import io.samepage.overlay.Partials.Entry;
import io.samepage.overlay.Partials.Use;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Threads;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fills in the rest of files that are copied up page by page, in the background: while nobody
 * writes to them, piece by piece, until they can be completed. One thread of low priority, which
 * begins with the first such file; it also lets go of nodes that are not to be held any more.
 * Thread-safe; the monitor of {@code wake} is a leaf.
 */
final class PartialFilling implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PartialFilling.class);

  /** How long nobody has written to a file before the rest is filled in. */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** How much is copied at an orderly end, in pages: no more than one hardly has to wait for. */
  private static final long PAGES_AT_END = (16 << 20) / 4096;

  private static final long RETRY_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final Partials partials;
  private final CopyUp copyUp;
  private final Consumer<Node> letGo;
  private final Object wake = new Object();

  /** Guarded by {@code wake}. */
  private @Nullable Thread filler;

  /** Guarded by {@code wake}. */
  private boolean closed;

  /**
   * For one mount.
   *
   * @param letGo gives back the look-up by which a node was held
   */
  PartialFilling(Partials partials, CopyUp copyUp, Consumer<Node> letGo) {
    this.partials = partials;
    this.copyUp = copyUp;
    this.letGo = letGo;
  }

  /** There is something to do: a file was begun, or is not to be held any more. */
  void wakeUp() {
    synchronized (wake) {
      if (filler == null && !closed) {
        filler = new Thread(this::fillAll, "samepage-fill");
        filler.setDaemon(true);
        filler.start();
      }
      wake.notifyAll();
    }
  }

  private void fillAll() {
    Threads.runLikeOthers(0); // started by a worker, which may be kept on one processor
    Threads.lowerPriorityOfThisThread();
    while (true) {
      long wait = fillSome();
      synchronized (wake) {
        if (closed) {
          return;
        }
        if (wait > 0 && partials.released().isEmpty()) {
          try {
            wake.wait(Math.max(1, TimeUnit.NANOSECONDS.toMillis(wait)));
          } catch (InterruptedException e) {
            return;
          }
        }
      }
    }
  }

  /** Fills a piece of each file that is quiet; returns how long there is nothing to do. */
  private long fillSome() {
    Queue<Node> released = partials.released();
    for (Node node = released.poll(); node != null; node = released.poll()) {
      letGo.accept(node);
    }
    long wait = TimeUnit.HOURS.toNanos(1);
    for (Map.Entry<Node, Entry> each : partials.all().entrySet()) {
      Node node = each.getKey();
      Entry entry = each.getValue();
      if (entry.isRemoved()) {
        continue;
      }
      long now = System.nanoTime();
      long due = Math.max(entry.writtenAt + QUIET_NANOS - now, entry.pausedUntil - now);
      if (due <= 0) {
        due = fill(node, entry) ? 0 : RETRY_NANOS;
      }
      wait = Math.min(wait, due);
    }
    return wait;
  }

  private boolean fill(Node node, Entry entry) {
    try (Use use = partials.use(node)) {
      if (use != null && !use.file().fill()) {
        copyUp.node(node, CopyUp.Extent.METADATA);
      }
      return true;
    } catch (ErrnoException e) {
      entry.pausedUntil = System.nanoTime() + RETRY_NANOS;
      LOG.warn(
          "the rest of a large file that was written cannot be copied up now ({}); it stays in the"
              + " work directory, and this is tried again",
          e.getMessage());
      return false;
    }
  }

  /**
   * Completes what is nearly complete, or small: few expect that what an unmount leaves in the
   * upper directory is not all that there is.
   */
  private void completeSmall() {
    long room = PAGES_AT_END;
    for (Node node : partials.all().keySet()) {
      try (Use use = partials.use(node)) {
        long left = use == null || use.entry().isRemoved() ? room + 1 : use.file().pagesLeft();
        if (left <= room) {
          room -= left;
          copyUp.node(node, CopyUp.Extent.METADATA);
        }
      } catch (ErrnoException e) {
        LOG.warn(
            "a large file that was written stays in the work directory and is not in the upper one"
                + " ({}): samepage complete, or the next mount, goes on with it",
            e.getMessage());
      }
    }
  }

  /** Ends the filling. What little is left of files is copied first. */
  @Override
  public void close() {
    Thread thread;
    synchronized (wake) {
      closed = true;
      wake.notifyAll();
      thread = filler;
    }
    if (thread != null) {
      Threads.awaitEnd(thread);
    }
    completeSmall();
  }
}
