package io.samepage.overlay.options;

/** Something cannot be mounted; the message is one line that says what is wrong, and the remedy. */
public final class MountRefusedException extends Exception {
  private static final long serialVersionUID = 1;

  /** What it is that will not do. */
  public enum Reason {
    /** An unknown, malformed or contradictory option. */
    OPTIONS,
    /** A lower, upper or work directory that is missing, unreadable, or nested in another. */
    LAYERS,
    /** A file system that lacks what an upper directory needs. */
    UPPER_FILE_SYSTEM,
    /** A work directory that another mount uses, or that a volatile mount has left behind. */
    IN_USE,
    /** A mount point that is missing, not empty or mounted already. */
    TARGET,
    /** No permission for what a mount needs. */
    PERMISSION,
    /** A system call failed for a reason of its own. */
    SYSTEM
  }

  private final Reason reason;

  public MountRefusedException(Reason reason, String message) {
    super(message, null, false, false);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
