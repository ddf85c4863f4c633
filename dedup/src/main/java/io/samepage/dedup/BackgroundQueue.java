package io.samepage.dedup;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.FileHandles.FileHandle;
import io.samepage.posix.Threads;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What opens leave to be done later: tasks in a bounded queue, at most one of each subject, and the
 * thread of low priority that does them one after the other. The thread starts with the first task.
 *
 * <p>Thread-safe. No lock is held while a task runs.
 */
final class BackgroundQueue implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BackgroundQueue.class);
  private static final int CAPACITY = 8192;

  /** How long the thread rests at most, before it tells its owner. */
  static final long TICK_SECONDS = 10;

  /** A task, with what it is about: a place with its handle, in a queue and in a set. */
  private static final int TASK_BYTES = 400;

  /** Who is called by the thread between the tasks. */
  interface Owner {
    /** Before the first task. */
    void begins();

    /** Before each further one, and every {@link #TICK_SECONDS} seconds when there is none. */
    void goesOn();

    /** After the queue has been empty for a while. */
    void rested();
  }

  private final Owner owner;
  private final ArrayBlockingQueue<Runnable> tasks = new ArrayBlockingQueue<>(CAPACITY);

  /** The subjects of what is queued, so that nothing is in the queue twice. */
  private final Set<Object> pending = ConcurrentHashMap.newKeySet();

  private final AtomicBoolean started = new AtomicBoolean();
  private final Thread thread;
  private volatile boolean closed;
  private final AtomicLong rounds = new AtomicLong();
  private final LongAdder dropped = new LongAdder();

  BackgroundQueue(String name, Owner owner) {
    this.owner = owner;
    thread = new Thread(this::work, name);
    thread.setDaemon(true);
  }

  /**
   * Queues a task.
   *
   * @param subject by equals: while its task waits, no other is queued
   * @return false if one waits already, if the queue is full, or after {@link #close}
   */
  boolean add(Object subject, Runnable task) {
    if (closed || !pending.add(subject)) {
      return false;
    }
    boolean added =
        tasks.offer(
            () -> {
              // Before the work: what changes from now on is worth a task of its own.
              pending.remove(subject);
              task.run();
            });
    if (!added) {
      pending.remove(subject);
      dropped.increment();
    } else if (started.compareAndSet(false, true)) {
      thread.start();
    }
    return added;
  }

  /**
   * Queues what is to be done with a file of a layer, which stays open until it is done. Nothing is
   * done with it after {@link #close}.
   *
   * @param at the file; needed here only
   * @param task gets what opens the file, whatever its name is by then
   */
  void add(Object subject, LayerTree tree, FileAt at, Consumer<FileHandle> task)
      throws ErrnoException {
    if (tasks.remainingCapacity() == 0) {
      dropped.increment();
      return;
    }
    if (pending.contains(subject)) {
      return;
    }
    FileHandle handle = tree.handle(at);
    if (handle == null || !tree.acquire()) {
      return;
    }
    boolean added =
        add(
            subject,
            () -> {
              try (tree) {
                if (!closed) {
                  task.accept(handle);
                }
              }
            });
    if (!added) {
      tree.close();
    }
  }

  private void work() {
    Threads.runLikeOthers(0); // who has started it may be kept on one processor
    Threads.lowerPriorityOfThisThread();
    owner.begins();
    boolean worked = false;
    while (!closed) {
      try {
        Runnable task = tasks.poll();
        if (task == null) {
          if (worked) {
            rounds.incrementAndGet();
            worked = false;
          }
          task = tasks.poll(TICK_SECONDS, TimeUnit.SECONDS);
          owner.rested();
        }
        owner.goesOn();
        if (task != null) {
          worked = true;
          task.run();
        }
      } catch (InterruptedException e) {
        break; // close() asks for it
      } catch (RuntimeException e) {
        LOG.error("a fault of samepage itself in {}; it goes on", thread.getName(), e);
      }
    }
  }

  /** Whether nothing more is to be done. */
  boolean isClosed() {
    return closed;
  }

  /** How many tasks wait. */
  int size() {
    return tasks.size();
  }

  /** How often it has been worked off. */
  long rounds() {
    return rounds.get();
  }

  /** How many tasks were not queued, since it was full. */
  long dropped() {
    return dropped.sum();
  }

  /** An estimate of what the tasks that wait take of the heap, in bytes. */
  long heapBytes() {
    return pending.size() * (long) TASK_BYTES;
  }

  /** Ends the thread, at the latest with the task that it is at. */
  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    Threads.awaitEnd(thread);
  }
}
