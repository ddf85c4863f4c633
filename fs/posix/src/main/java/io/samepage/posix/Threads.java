package io.samepage.posix;

import static io.samepage.posix.LibC.C;

/** The threads of this process: their priority, their memory, and their end. */
public final class Threads {
  private static final long SYS_SETPRIORITY = Linux.IS_ARM64 ? 140 : 141;
  private static final long SYS_IOPRIO_SET = Linux.IS_ARM64 ? 30 : 251;
  private static final long SYS_SET_MEMPOLICY = Linux.IS_ARM64 ? 237 : 238;
  private static final int MPOL_PREFERRED = 1;
  private static final int MAX_NODES = 1024; // CONFIG_NODES_SHIFT is at most 10
  private static final long IOPRIO_WHO_PROCESS = 1;
  private static final long IOPRIO_CLASS_BEST_EFFORT = 2;
  private static final long IOPRIO_LEVEL_LOWEST = 7;

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
