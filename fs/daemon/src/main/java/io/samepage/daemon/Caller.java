package io.samepage.daemon;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Whoever has started this process. That is a person or program, or, for a mount in the background,
 * the launcher: stdout and stderr are then a pipe to it, on which it waits for a line {@code READY}
 * or {@code EXIT n}.
 */
final class Caller {
  private static final byte[] DEV_NULL = "/dev/null".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] READY = "READY\n".getBytes(StandardCharsets.US_ASCII);
  private static final int STDOUT = 1;
  private static final int STANDARD_STREAMS = 3;

  private final boolean launcher = Boolean.getBoolean("samepage.detached");

  /** Whether the caller is the launcher, so that this process is to go on without it. */
  boolean isLauncher() {
    return launcher;
  }

  /** Where results go. Text is UTF-8, whatever the locale. */
  static PrintStream out() {
    return new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
  }

  /** Where errors go. */
  static PrintStream err() {
    return new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
  }

  /** Says why it did not work; returns the number to exit with. */
  int fail(ExitCode code, String line) {
    PrintStream err = err();
    err.println("samepage: " + line);
    if (launcher) {
      err.println("EXIT " + code.number());
    }
    return code.number();
  }

  int fail(CommandFailure failure) {
    return fail(failure.exitCode(), failure.line());
  }

  /**
   * Lets go of the caller's streams for good, and tells the launcher that the mount stands. From
   * the moment that it knows, nobody has its pipe open any more.
   */
  void releaseReady() throws ErrnoException {
    int said = launcher ? Files.dup(STDOUT) : -1;
    int devNull = Files.open(Linux.AT_FDCWD, DEV_NULL, Linux.O_RDWR, 0);
    for (int fd = 0; fd < STANDARD_STREAMS; fd++) {
      Files.dup2(devNull, fd);
    }
    if (devNull >= STANDARD_STREAMS) {
      Files.close(devNull);
    }
    if (said >= 0) {
      NativeBuffer line = NativeBuffer.allocate(READY.length);
      line.bytes().put(0, READY);
      Files.tryWrite(said, line.address(), READY.length);
      Files.close(said);
    }
  }
}
