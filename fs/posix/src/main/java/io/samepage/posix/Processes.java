package io.samepage.posix;

import static io.samepage.posix.LibC.C;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/** Calls on processes and their limits. */
public final class Processes {
  private static final int RLIMIT_NOFILE = 7;

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
