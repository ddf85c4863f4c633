package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class ErrnoExceptionTest {
  @Test
  void anErrnoWithoutWordsIsOneObject() {
    for (int errno = 0; errno < 134; errno++) {
      ErrnoException e = ErrnoException.of(errno);
      assertThat(e).isSameAs(ErrnoException.of(errno));
      assertThat(e.errno()).isEqualTo(errno);
      assertThat(e).hasMessage(Errno.name(errno));
      assertThat(e.getStackTrace()).isEmpty();
    }
  }

  @Test
  void aSharedObjectGathersNothing() {
    ErrnoException e = ErrnoException.of(Errno.ENOENT);
    e.addSuppressed(new IllegalStateException());
    e.fillInStackTrace();
    assertThat(e.getSuppressed()).isEmpty();
    assertThat(e.getStackTrace()).isEmpty();
  }

  @Test
  void anErrnoThatLinuxDoesNotHaveIsCarriedAsWell() {
    for (int errno : new int[] {-1, 134, 512, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      assertThat(ErrnoException.of(errno).errno()).isEqualTo(errno);
      assertThat(ErrnoException.of(errno)).hasMessage("errno " + errno);
    }
  }

  @Test
  void wordsComeBeforeTheName() {
    ErrnoException e = ErrnoException.of(Errno.EACCES, "open x");
    assertThat(e).hasMessage("open x: EACCES").isNotSameAs(ErrnoException.of(Errno.EACCES));
    assertThat(e.errno()).isEqualTo(Errno.EACCES);
  }
}
