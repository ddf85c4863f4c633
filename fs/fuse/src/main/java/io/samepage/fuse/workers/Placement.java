package io.samepage.fuse.workers;

import io.samepage.posix.Threads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * On which processor the workers run: on that of their caller, while there is one.
 *
 * <p>The kernel wakes who sleeps on an idle processor. A thread that waits for each answer before
 * it asks again, and a worker that waits for each request, so sleep by turns on two processors,
 * each of which has to be woken from idling. That takes several times as long as most requests do,
 * above all where processors are virtual. On one processor the one that goes to sleep makes room
 * for the other, which costs a switch of tasks; and nothing is lost, as the two hardly ever have
 * anything to do at the same time. (That is not so where the kernel reads ahead: those requests
 * count against it.)
 *
 * <p>So while nearly all requests come from one thread, the workers are kept on its processor, and
 * follow it when it goes to another. They give way to everybody there (SCHED_IDLE): the kernel
 * takes a processor on which nobody else runs for an idle one (sched_idle_cpu in
 * kernel/sched/fair.c) and wakes the caller there. Otherwise it would wake the caller on the other
 * processor, and all would be as before.
 *
 * <p>With several callers, with so few requests that it does not matter, or where threads have to
 * wait for a processor, the workers run anywhere and like others. So they do, for a time that
 * doubles each time, when it turned out that there are several callers after all, or when one of
 * them is found to wait for the processor that it is kept on while nothing is done: giving way to a
 * caller costs nothing, but to others it would.
 *
 * <p>The watch {@link #look looks} at whose requests the readers {@link #took}, and decides. After
 * each look, and when the caller is another one, the worker that takes the next request goes where
 * its caller is, which cannot move as long as it waits for the answer. The other workers follow
 * when they take a request.
 */
final class Placement {
  /** Requests that come less often than this spend their time with other things than waking. */
  private static final long SHORT_NANOS = 200_000;

  /** One of so many requests may come from another thread than the one before it, or from none. */
  private static final int OTHERS = 32;

  /** So many decisions more for one caller than against it count. */
  private static final int DECISIVE = 2;

  private static final int STEADFAST = 4;

  /** Who has had a processor for so long since the last look has not waited for it. */
  private static final long SERVED_NANOS = 100_000;

  private static final long FIRST_BAN_NANOS = 10_000_000;
  private static final long LONGEST_BAN_NANOS = 500_000_000;
  private static final int ANYWHERE = -1;

  private final Scheduler scheduler;

  /** The thread that the last request came from. Written by readers. */
  private volatile int caller;

  /** How often that was another one than before, or nobody who waits. Counted by readers. */
  private final AtomicLong others = new AtomicLong();

  /** Whether the workers are to be where their caller is. Written by the watch. */
  private volatile boolean kept;

  /** Whether it is to be looked where that is. */
  private volatile boolean due;

  /** Where that was last. Written under this. */
  private volatile int place = ANYWHERE;

  /** Whether threads can be kept. */
  private volatile boolean possible = true;

  /** Guarded by this. */
  private final List<Member> members = new ArrayList<>();

  // The rest is the watch's alone.
  private boolean tried;
  private long seenOthers;
  private long lookedAt = System.nanoTime();
  private int level;
  private long servedNanos;
  private final Ban ban = new Ban(FIRST_BAN_NANOS, LONGEST_BAN_NANOS);

  /** What the kernel's scheduler is asked and told; threads are numbers as of gettid(2). */
  interface Scheduler {
    int processorOf(int thread);

    boolean isRunnable(int thread);

    /** How long it has had a processor. */
    long processorNanos(int thread);

    /**
     * Whether threads may be made to give way and not to give way any more. Asked once, from the
     * watch.
     */
    boolean canGiveWay();

    /** Keeps a thread on a processor, where it gives way; false if that is not possible. */
    boolean keep(int thread, int processor);

    /** Lets it run like others, anywhere. */
    void release(int thread);
  }

  /** That of this host. */
  private static final class Kernel implements Scheduler {
    @Override
    public int processorOf(int thread) {
      return Threads.processorOf(thread);
    }

    @Override
    public boolean isRunnable(int thread) {
      return Threads.isRunnable(thread);
    }

    @Override
    public long processorNanos(int thread) {
      return Threads.processorNanos(thread);
    }

    @Override
    public boolean canGiveWay() {
      return Threads.canGiveWay();
    }

    @Override
    public boolean keep(int thread, int processor) {
      return Threads.runOn(thread, processor) && Threads.giveWay(thread);
    }

    @Override
    public void release(int thread) {
      Threads.runLikeOthers(thread);
    }
  }

  /** A worker. */
  static final class Member {
    private final int thread;

    /** Written under the placement. */
    private volatile int place = ANYWHERE;

    private Member(int thread) {
      this.thread = thread;
    }
  }

  Placement() {
    this(new Kernel());
  }

  Placement(Scheduler scheduler) {
    this.scheduler = scheduler;
  }

  /** A thread is a worker until it {@link #leave leaves}. */
  Member join(int thread) {
    // It may have inherited the place of the worker that has started it.
    scheduler.release(thread);
    Member member = new Member(thread);
    synchronized (this) {
      members.add(member);
    }
    return member;
  }

  /** Before the thread ends: its number may be another's soon. */
  synchronized void leave(Member member) {
    members.remove(member);
  }

  /**
   * A worker has taken a request, and this is its thread.
   *
   * @param thread that the request came from; 0 if the kernel does not say
   */
  void took(Member member, RequestKind kind, int thread) {
    if (kind == RequestKind.READ_AHEAD) {
      others.incrementAndGet();
      return;
    }
    if (thread == 0) {
      return;
    }
    if (thread != caller) {
      caller = thread;
      others.incrementAndGet();
      due = kept;
    }
    if (kept && (due || member.place != place)) {
      follow(member, thread);
    }
  }

  private void follow(Member member, int thread) {
    int processor = place;
    if (due) {
      due = false;
      processor = scheduler.processorOf(thread);
    }
    if (processor < 0 || processor == member.place) {
      return;
    }
    synchronized (this) {
      if (kept) {
        place = processor;
        member.place = processor;
        possible &= scheduler.keep(member.thread, processor);
      }
    }
  }

  /** Whether workers are kept where their caller is. */
  boolean isWithCaller() {
    return kept;
  }

  /**
   * Looks now.
   *
   * @param taken how many requests came since the last look
   * @param heavy whether threads have to wait for a processor
   * @param now as of {@link System#nanoTime}
   */
  void look(long taken, boolean heavy, long now) {
    long nanos = now - lookedAt;
    lookedAt = now;
    boolean severalCallers = hasSeveralCallers(taken);
    if (kept && isStarved(taken)) {
      ban.impose(now);
      level = 0;
    } else if (heavy || ban.isOn(now) || !possible) {
      level = 0;
    } else if (nanos < taken * SHORT_NANOS && !severalCallers) {
      level = Math.min(level + 1, STEADFAST);
    } else {
      level = Math.max(level - 1, 0);
      if (kept && level == 0 && severalCallers) {
        ban.impose(now);
      }
    }
    if (level == 0) {
      release();
    } else if (level >= DECISIVE) {
      if (!tried) {
        tried = true;
        possible = scheduler.canGiveWay();
      }
      kept = possible;
      due = possible;
    }
  }

  /** Whether more than a few of the requests since the last look were not for the same caller. */
  private boolean hasSeveralCallers(long taken) {
    long now = others.get();
    long other = now - seenOthers;
    seenOthers = now;
    return other * OTHERS > taken;
  }

  /** Nothing is done, and somebody waits for a processor, though he has not had it. */
  private boolean isStarved(long taken) {
    long served = 0;
    boolean waits = false;
    synchronized (this) {
      for (Member member : members) {
        served += scheduler.processorNanos(member.thread);
      }
      if (taken == 0 && served - servedNanos < SERVED_NANOS) {
        for (Member member : members) {
          waits |= scheduler.isRunnable(member.thread);
        }
      }
    }
    servedNanos = served;
    return waits;
  }

  /** Nobody looks for a time. */
  void pause() {
    level = 0;
    release();
  }

  private synchronized void release() {
    kept = false;
    for (Member member : members) {
      if (member.place != ANYWHERE) {
        member.place = ANYWHERE;
        scheduler.release(member.thread);
      }
    }
  }
}
