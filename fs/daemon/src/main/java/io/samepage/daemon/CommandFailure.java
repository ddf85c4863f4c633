package io.samepage.daemon;

import io.samepage.overlay.options.MountRefusedException;
import io.samepage.posix.Errno;

/** A command cannot do what was asked; the message is one line that says why, and the remedy. */
final class CommandFailure extends Exception {
  private static final long serialVersionUID = 1;

  private final ExitCode exitCode;

  CommandFailure(ExitCode exitCode, String message) {
    super(message, null, false, false);
    this.exitCode = exitCode;
  }

  static CommandFailure of(MountRefusedException e) {
    ExitCode code =
        switch (e.reason()) {
          case OPTIONS -> ExitCode.OPTIONS;
          case LAYERS -> ExitCode.LAYERS;
          case UPPER_FILE_SYSTEM -> ExitCode.UPPER_FILE_SYSTEM;
          case IN_USE -> ExitCode.IN_USE;
          case TARGET -> ExitCode.TARGET;
          case PERMISSION -> ExitCode.PERMISSION;
          case SYSTEM -> ExitCode.SYSTEM;
        };
    return new CommandFailure(code, String.valueOf(e.getMessage()));
  }

  /** A failure to mount, by its errno. */
  static CommandFailure ofMount(int errno, String message) {
    ExitCode code =
        switch (errno) {
          case Errno.EPERM, Errno.EACCES -> ExitCode.PERMISSION;
          case Errno.ENODEV, Errno.ENXIO, Errno.ENOENT, Errno.EPROTO -> ExitCode.NO_FUSE;
          case Errno.ENOTDIR, Errno.ENOTCONN -> ExitCode.TARGET;
          default -> ExitCode.SYSTEM;
        };
    return new CommandFailure(code, message);
  }

  ExitCode exitCode() {
    return exitCode;
  }

  /** The message as one line, whatever is in it. */
  String line() {
    return String.valueOf(getMessage()).replaceAll("\\s*[\\r\\n]+\\s*", "; ");
  }
}
