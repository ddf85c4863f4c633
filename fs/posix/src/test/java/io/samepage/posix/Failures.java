package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** What a failed call says. */
final class Failures {
  private Failures() {}

  static void assertErrno(int errno, ThrowingCallable call) {
    ErrnoException e = catchThrowableOfType(ErrnoException.class, call);
    assertThat(e).as("expected " + Errno.name(errno)).isNotNull();
    assertThat(Errno.name(e.errno())).isEqualTo(Errno.name(errno));
  }
}
