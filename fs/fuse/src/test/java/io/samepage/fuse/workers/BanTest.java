package io.samepage.fuse.workers;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class BanTest {
  private static final long START = Long.MAX_VALUE - 10; // as System.nanoTime, which wraps around

  private final Ban ban = new Ban(100, 350);
  private long now = START;

  /** How long it is on when it is imposed now. */
  private long imposed() {
    ban.impose(now);
    long from = now;
    while (ban.isOn(now)) {
      now++;
    }
    return now - from;
  }

  @Test
  void itIsNotOnBeforeItIsImposed() {
    assertThat(ban.isOn(now)).isFalse();
    assertThat(ban.isOn(0)).isFalse();
  }

  @Test
  void itIsTwiceAsLongEachTimeUpToALimit() {
    assertThat(imposed()).isEqualTo(100);
    assertThat(imposed()).isEqualTo(200);
    assertThat(imposed()).isEqualTo(350);
    assertThat(imposed()).isEqualTo(350);
  }

  @Test
  void itIsShortAgainAfterALongTime() {
    imposed();
    imposed();
    now += 4 * 350;
    assertThat(imposed()).isEqualTo(100);
  }
}
