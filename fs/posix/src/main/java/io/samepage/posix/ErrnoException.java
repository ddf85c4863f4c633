package io.samepage.posix;

/**
 * A system call failed. It carries no stack trace, since most are answers ({@code ENOENT}) rather
 * than accidents, and those without further words are shared objects.
 */
public final class ErrnoException extends Exception {
  private static final long serialVersionUID = 1;
  private static final ErrnoException[] PLAIN = new ErrnoException[134];

  static {
    for (int errno = 0; errno < PLAIN.length; errno++) {
      PLAIN[errno] = new ErrnoException(errno, Errno.name(errno));
    }
  }

  private final int errno;

  private ErrnoException(int errno, String message) {
    super(message, null, false, false);
    this.errno = errno;
  }

  /** The exception for an errno, without allocation. */
  public static ErrnoException of(int errno) {
    return errno >= 0 && errno < PLAIN.length
        ? PLAIN[errno]
        : new ErrnoException(errno, Errno.name(errno));
  }

  /** An exception that says what was tried, for errors that a person will read. */
  public static ErrnoException of(int errno, String what) {
    return new ErrnoException(errno, what + ": " + Errno.name(errno));
  }

  /** The error number, positive. */
  public int errno() {
    return errno;
  }
}
