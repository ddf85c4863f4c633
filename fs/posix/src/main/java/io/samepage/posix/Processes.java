package io.samepage.posix;

import static io.samepage.posix.LibC.C;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/** Calls on processes and their limits. */
public final class Processes {
  private static final int RLIMIT_NOFILE = 7;
  private static final long SYS_SETPRIORITY = Linux.IS_ARM64 ? 140 : 141;
  private static final long SYS_IOPRIO_SET = Linux.IS_ARM64 ? 30 : 251;
  private static final long SYS_SET_MEMPOLICY = Linux.IS_ARM64 ? 237 : 238;
  private static final int MPOL_PREFERRED = 1;
  private static final int MAX_NODES = 1024; // CONFIG_NODES_SHIFT is at most 10
  private static final long IOPRIO_WHO_PROCESS = 1;
  private static final long IOPRIO_CLASS_IDLE = 3;

  private Processes() {}

  /** kill(2) with signal 0: whether a process exists. */
  public static boolean exists(int pid) {
    return C.kill(pid, 0) == 0 || LibC.errno() == Errno.EPERM;
  }

  /** kill(2). */
  public static void signal(int pid, int signal) throws ErrnoException {
    Files.check(C.kill(pid, signal));
  }

  /**
   * Whether a process, or thread, has a capability in the user namespace of this process. False if
   * that cannot be found out: pid 0, or a process that has ended.
   */
  public static boolean hasCapability(int pid, int capability) {
    Path process = Path.of("/proc", Integer.toString(pid));
    try {
      return java.nio.file.Files.readSymbolicLink(process.resolve("ns/user"))
              .equals(java.nio.file.Files.readSymbolicLink(Path.of("/proc/self/ns/user")))
          && (Long.parseUnsignedLong(statusOf(process, "CapEff:"), 16) >>> capability & 1) != 0;
    } catch (IOException | NumberFormatException e) {
      return false;
    }
  }

  /** Whether a process, or thread, has a group among its supplementary ones; false if unknown. */
  public static boolean isInGroup(int pid, int gid) {
    try {
      String groups = statusOf(Path.of("/proc", Integer.toString(pid)), "Groups:");
      return Arrays.asList(groups.split(" ")).contains(Integer.toUnsignedString(gid));
    } catch (IOException e) {
      return false;
    }
  }

  /** proc_pid_status(5). */
  private static String statusOf(Path process, String key) throws IOException {
    // The name of a program, which is in it, may be of any bytes.
    for (String line :
        java.nio.file.Files.readAllLines(process.resolve("status"), StandardCharsets.ISO_8859_1)) {
      if (line.startsWith(key)) {
        return line.substring(key.length()).strip();
      }
    }
    throw new IOException("no " + key);
  }

  /** chdir(2), of the whole process but for threads that have left its shared state. */
  public static void changeDirectory(byte[] path) throws ErrnoException {
    int fd = Files.open(Linux.AT_FDCWD, path, Linux.O_PATH | Linux.O_DIRECTORY, 0);
    try {
      Files.check(C.fchdir(fd));
    } finally {
      Files.close(fd);
    }
  }

  /**
   * Lets the calling thread run, and read from disks, only where others leave room: nice 19 and the
   * idle class of I/O (setpriority(2), ioprio_set(2); Linux gives each thread its own). Best
   * effort.
   */
  public static void lowerPriorityOfThisThread() {
    C.syscall(SYS_SETPRIORITY, 0, 0, 19, 0, 0);
    C.syscall(SYS_IOPRIO_SET, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << 13, 0, 0);
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

  /** The soft limit of open descriptors (RLIMIT_NOFILE). */
  public static long descriptorLimit() throws ErrnoException {
    Scratch scratch = Scratch.current();
    Files.check(C.getrlimit(RLIMIT_NOFILE, scratch.struct()));
    return scratch.bytes().getLong(scratch.structAt());
  }

  /** poll(2) of one descriptor; returns the events that came, 0 at the end of the time. */
  public static int poll(int fd, int events, int timeoutMillis) {
    Scratch scratch = Scratch.current();
    int at = scratch.structAt();
    scratch.bytes().putInt(at, fd);
    scratch.bytes().putShort(at + 4, (short) events);
    scratch.bytes().putShort(at + 6, (short) 0);
    int ready = C.poll(scratch.struct(), 1, timeoutMillis);
    return ready <= 0 ? 0 : scratch.bytes().getShort(at + 6);
  }
}
