package io.samepage.posix;

import static io.samepage.posix.LibC.C;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Threads: their priority, their processors, their memory, and their end. */
public final class Threads {
  private static final long SYS_GETTID = Linux.IS_ARM64 ? 178 : 186;
  private static final long SYS_SCHED_SETAFFINITY = Linux.IS_ARM64 ? 122 : 203;
  private static final long SYS_SCHED_GETAFFINITY = Linux.IS_ARM64 ? 123 : 204;
  private static final long SYS_SCHED_SETSCHEDULER = Linux.IS_ARM64 ? 119 : 144;
  private static final long SYS_SCHED_GETSCHEDULER = Linux.IS_ARM64 ? 120 : 145;
  private static final long SYS_CLOCK_GETTIME = Linux.IS_ARM64 ? 113 : 228;
  private static final long SCHED_OTHER = 0;
  private static final long SCHED_BATCH = 3;
  private static final long SCHED_IDLE = 5;

  /** The lower bits of a clock: nanoseconds that were run, of a thread (CPUCLOCK_SCHED). */
  private static final int CPUCLOCK_OF_THREAD = 6;

  private static final long SYS_SETPRIORITY = Linux.IS_ARM64 ? 140 : 141;
  private static final long SYS_IOPRIO_SET = Linux.IS_ARM64 ? 30 : 251;
  private static final long SYS_SET_MEMPOLICY = Linux.IS_ARM64 ? 237 : 238;
  private static final int MPOL_PREFERRED = 1;
  private static final int MAX_NODES = 1024; // CONFIG_NODES_SHIFT is at most 10
  private static final long IOPRIO_WHO_PROCESS = 1;
  private static final long IOPRIO_CLASS_BEST_EFFORT = 2;
  private static final long IOPRIO_LEVEL_LOWEST = 7;

  /** Room for a set of processors: the most that Linux has on x86-64 (CONFIG_NR_CPUS). */
  private static final int PROCESSORS_BYTES = 8192 / Byte.SIZE;

  // Fields of proc_pid_stat(5), of which the second is the name.
  private static final int STATE_FIELD = 3 - 3;
  private static final int PROCESSOR_FIELD = 39 - 3;

  /** More than all fields up to that one can take. */
  private static final int STAT_ROOM = 1024;

  private Threads() {}

  /**
   * Lets the calling thread run, and read from disks, after others: nice 19, and the lowest level
   * of I/O that is not the idle class (setpriority(2), ioprio_set(2); Linux gives each thread its
   * own). Best effort.
   *
   * <p>In the idle class it could wait for a disk for ten seconds, with all that it holds: the lock
   * of an index, or a handle of a file system's journal, for which everybody waits then
   * (prio_aging_expire in block/mq-deadline.c).
   */
  public static void lowerPriorityOfThisThread() {
    C.syscall(SYS_SETPRIORITY, 0, 0, 19, 0, 0);
    long priority = IOPRIO_CLASS_BEST_EFFORT << 13 | IOPRIO_LEVEL_LOWEST;
    C.syscall(SYS_IOPRIO_SET, IOPRIO_WHO_PROCESS, 0, priority, 0, 0);
  }

  /**
   * Lets the calling thread take memory from a NUMA node as long as that has some, also for the
   * pages that it is the first to read of a file (set_mempolicy(2), MPOL_PREFERRED). Best effort:
   * where there is no such node, nothing changes.
   */
  public static void preferMemoryOfNode(int node) {
    if (node < 0 || node >= MAX_NODES) {
      return;
    }
    Scratch scratch = Scratch.current();
    int at = scratch.structAt();
    for (int word = 0; word < MAX_NODES / Long.SIZE; word++) {
      long mask = word == node / Long.SIZE ? 1L << (node % Long.SIZE) : 0;
      scratch.bytes().putLong(at + word * Long.BYTES, mask);
    }
    // The kernel counts one less than it is told.
    C.syscall(SYS_SET_MEMPOLICY, MPOL_PREFERRED, scratch.struct(), MAX_NODES + 1, 0, 0);
  }

  /** gettid(2): the number by which the kernel knows the calling thread. */
  public static int currentId() {
    return (int) C.syscall(SYS_GETTID, 0, 0, 0, 0, 0);
  }

  /**
   * The processor that a thread, of this process or another, is on or was on last
   * (proc_pid_stat(5)). It takes some ten microseconds to find out.
   *
   * @param id as of gettid(2), in the PID namespace of this process
   * @return negative if that cannot be found out: the thread has ended, say
   */
  public static int processorOf(int id) {
    return statOf(id, PROCESSOR_FIELD);
  }

  /** Whether a thread runs or waits for a processor; false if that cannot be found out. */
  public static boolean isRunnable(int id) {
    return statOf(id, STATE_FIELD) == 'R';
  }

  private static int statOf(int id, int field) {
    byte[] file = ("/proc/" + id + "/task/" + id + "/stat").getBytes(StandardCharsets.US_ASCII);
    try {
      int fd = Files.tryOpen(Linux.AT_FDCWD, file, Linux.O_RDONLY, 0);
      if (fd < 0) {
        return -1;
      }
      try {
        Scratch scratch = Scratch.current();
        int length = Files.pread(fd, scratch.value(), STAT_ROOM, 0);
        return statField(scratch.bytes(), scratch.valueAt(), length, field);
      } finally {
        Files.close(fd);
      }
    } catch (ErrnoException e) {
      return -1;
    }
  }

  /**
   * A field of a line of proc_pid_stat(5).
   *
   * @param field counted from 0, behind the name
   * @return the number, or the letter; −1 if it is not there
   */
  static int statField(ByteBuffer b, int from, int length, int field) {
    // The name of a program may have anything in it, parentheses and spaces, too.
    int at = from + length - 1;
    while (at >= from && b.get(at) != ')') {
      at--;
    }
    int number = -1;
    int now = -1;
    for (at++; at < from + length && now <= field; at++) {
      byte c = b.get(at);
      if (c == ' ') {
        now++;
      } else if (now == field && c >= '0' && c <= '9') {
        number = 10 * Math.max(number, 0) + c - '0';
      } else if (now == field && c >= 'A') {
        number = c;
      }
    }
    return number;
  }

  /**
   * How long a thread of this process has had a processor so far, in nanoseconds: its CPU-time
   * clock (pthread_getcpuclockid(3)); 0 if it has ended.
   */
  public static long processorNanos(int id) {
    Scratch scratch = Scratch.current();
    int at = scratch.structAt();
    scratch.bytes().putLong(at, 0).putLong(at + Long.BYTES, 0);
    C.syscall(SYS_CLOCK_GETTIME, ~id << 3 | CPUCLOCK_OF_THREAD, scratch.struct(), 0, 0, 0);
    return scratch.bytes().getLong(at) * 1_000_000_000L + scratch.bytes().getLong(at + Long.BYTES);
  }

  /**
   * Keeps a thread on one processor (sched_setaffinity(2)), until it is to {@link #runLikeOthers}.
   *
   * @param id of a thread of this process, which has not ended
   * @return false where that is not possible: the processor is not there, or not for this process
   */
  public static boolean runOn(int id, int processor) {
    if (processor < 0 || processor >= PROCESSORS_BYTES * Byte.SIZE) {
      return false;
    }
    Scratch scratch = Scratch.current();
    for (int word = 0; word < PROCESSORS_BYTES / Long.BYTES; word++) {
      long mask = word == processor / Long.SIZE ? 1L << (processor % Long.SIZE) : 0;
      scratch.bytes().putLong(scratch.valueAt() + word * Long.BYTES, mask);
    }
    return C.syscall(SYS_SCHED_SETAFFINITY, id, PROCESSORS_BYTES, scratch.value(), 0, 0) == 0;
  }

  /**
   * Lets a thread run only where no other one wants to (SCHED_IDLE of sched(7)), until it is to
   * {@link #runLikeOthers}. Who may do the one need not be allowed to do the other: {@link
   * #canGiveWay}.
   *
   * @param id of a thread of this process, which has not ended; 0: the calling one
   */
  public static boolean giveWay(int id) {
    return setPolicy(id, SCHED_IDLE);
  }

  /**
   * Ends {@link #runOn} and {@link #giveWay}: a thread runs where and as the first thread of this
   * process does, which these are never applied to. A thread that is started by one to which they
   * may be applied inherits them, and has to do this first. Best effort.
   *
   * @param id of a thread of this process, which has not ended; 0: the calling one
   */
  public static void runLikeOthers(int id) {
    int first = (int) ProcessHandle.current().pid();
    long policy = C.syscall(SYS_SCHED_GETSCHEDULER, first, 0, 0, 0, 0);
    if (policy == SCHED_OTHER || policy == SCHED_BATCH) {
      setPolicy(id, policy);
    }
    Scratch scratch = Scratch.current();
    long bytes = C.syscall(SYS_SCHED_GETAFFINITY, first, PROCESSORS_BYTES, scratch.value(), 0, 0);
    if (bytes > 0) {
      C.syscall(SYS_SCHED_SETAFFINITY, id, bytes, scratch.value(), 0, 0);
    }
  }

  private static boolean setPolicy(int id, long policy) {
    Scratch scratch = Scratch.current();
    scratch.bytes().putInt(scratch.structAt(), 0); // the real-time priority
    return C.syscall(SYS_SCHED_SETSCHEDULER, id, policy, scratch.struct(), 0, 0) == 0;
  }

  /**
   * Whether threads of this process may {@link #giveWay} for a time. To stop that needs
   * CAP_SYS_NICE in the initial user namespace, or RLIMIT_NICE; and who was made a real-time or an
   * idle process is to stay that. It is tried by a thread of its own.
   */
  public static boolean canGiveWay() {
    boolean[] can = new boolean[1];
    Thread trial =
        new Thread(
            () -> {
              boolean idle = giveWay(0);
              runLikeOthers(0);
              can[0] = idle && C.syscall(SYS_SCHED_GETSCHEDULER, 0, 0, 0, 0, 0) != SCHED_IDLE;
            },
            "trial");
    trial.setDaemon(true);
    trial.start();
    awaitEnd(trial);
    return can[0];
  }

  /**
   * Waits until a thread has ended, or returns at once if it was never started. An interrupt of the
   * caller does not end the wait: it is kept for afterwards.
   */
  public static void awaitEnd(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
