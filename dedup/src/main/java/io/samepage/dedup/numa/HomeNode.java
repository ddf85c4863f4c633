package io.samepage.dedup.numa;

import io.samepage.posix.Threads;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;

/**
 * The node that the processes of a mount run on.
 *
 * <p>Nobody tells; it is inferred from who opens files. Of the first opens the first, third,
 * seventh, fifteenth and so on is looked at, later every 64th, and one a second where there are
 * fewer. The first look decides at once. After that another node has to be seen more often than in
 * three of four looks, and that for a while, before the mount moves there: at first few are enough,
 * since those who set a mount up need not run where its processes will, and later sixteen. So a
 * mount whose processes are everywhere stays where it is.
 *
 * <p>Thread-safe; nobody waits for anybody.
 */
public final class HomeNode {
  /** From now on one of so many opens is looked at. */
  static final int SPARSEST = 64;

  private static final long RARELY_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** How many votes another node needs, when there have been enough looks to have that many. */
  private static final int ENOUGH = 16;

  /** How many votes for another node one for this outweighs. */
  private static final int INERTIA = 3;

  private final NumaTopology topology;
  private final ProcessCpus processes;
  private final LongSupplier nanoTime;

  /** The node that a thread takes memory from; UNKNOWN if nothing was said of that. */
  private final ThreadLocal<int[]> adopted =
      ThreadLocal.withInitial(() -> new int[] {NumaTopology.UNKNOWN});

  private final AtomicInteger untilNext = new AtomicInteger(1);

  /** Held by who looks; guards what follows. */
  private final AtomicBoolean looking = new AtomicBoolean();

  private int interval = 1;
  private int looks; // that have seen something; no more than are of interest
  private int candidate = NumaTopology.UNKNOWN;
  private int votes;

  /** Written by who looks. */
  private volatile long lookedAt;

  private volatile int node = NumaTopology.UNKNOWN;
  private volatile long changes;

  /** For the processes of this host. */
  public HomeNode(NumaTopology topology) {
    this(topology, ProcessCpus.ofThisHost(), System::nanoTime);
  }

  HomeNode(NumaTopology topology, ProcessCpus processes, LongSupplier nanoTime) {
    this.topology = topology;
    this.processes = processes;
    this.nanoTime = nanoTime;
    this.lookedAt = nanoTime.getAsLong();
  }

  /** The nodes that there are. */
  public NumaTopology topology() {
    return topology;
  }

  /** Which it is; {@link NumaTopology#UNKNOWN} before it was seen for the first time. */
  public int node() {
    return node;
  }

  /** How often that has changed, the first time being one. */
  public long changes() {
    return changes;
  }

  /**
   * A process opens a file. It takes a clock's time but for the few times that it is looked at,
   * which take some ten microseconds.
   *
   * @param pid of the process or thread, as this process sees it; 0 if it does not
   */
  public void opened(int pid) {
    if (pid <= 0) {
      return;
    }
    boolean due = untilNext.decrementAndGet() <= 0;
    if (!due && nanoTime.getAsLong() - lookedAt < RARELY_NANOS) {
      return;
    }
    if (!looking.compareAndSet(false, true)) {
      return;
    }
    try {
      interval = Math.min(2 * interval, SPARSEST);
      untilNext.set(interval);
      lookedAt = nanoTime.getAsLong();
      look(pid);
    } finally {
      looking.set(false);
    }
  }

  /**
   * The calling thread is about to read for a process of the mount, whose page it may be the first
   * to read: it takes memory from the home node from now on.
   */
  public void adopt() {
    int home = node;
    int[] own = adopted.get();
    if (own[0] != home) {
      own[0] = home;
      Threads.preferMemoryOfNode(home);
    }
  }

  private void look(int pid) {
    int seen = topology.nodeOf(processes.last(pid));
    if (seen == NumaTopology.UNKNOWN) {
      return;
    }
    looks = Math.min(looks + 1, 2 * ENOUGH);
    int home = node;
    if (home == NumaTopology.UNKNOWN) {
      move(seen);
    } else if (seen == home) {
      votes = Math.max(0, votes - INERTIA);
    } else if (seen == candidate || votes == 0) {
      candidate = seen;
      votes++;
      if (votes >= Math.min(ENOUGH, looks / 2 + 1)) {
        move(seen);
      }
    } else {
      votes--; // for a third one
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // who looks is alone
  private void move(int to) {
    node = to;
    votes = 0;
    changes++;
  }
}
