package io.samepage.fuse;

/** A mount did not come about. The message is one line: what is the matter and what to do. */
public final class MountException extends Exception {
  private static final long serialVersionUID = 1;

  private final int errno;

  public MountException(int errno, String message) {
    super(message);
    this.errno = errno;
  }

  /** The errno of what failed. */
  public int errno() {
    return errno;
  }
}
