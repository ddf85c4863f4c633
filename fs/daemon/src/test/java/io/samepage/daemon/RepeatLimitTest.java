package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class RepeatLimitTest {
  private final RepeatLimit limit = new RepeatLimit(3, 1000);

  @Test
  void aBurstPassesAndTheRestIsCounted() {
    for (int i = 0; i < 3; i++) {
      assertThat(limit.pass("a", 10)).isZero();
    }
    for (int i = 0; i < 7; i++) {
      assertThat(limit.pass("a", 500)).isEqualTo(-1);
    }
    assertThat(limit.pass("b", 500)).isZero();
    assertThat(limit.pass("a", 1010)).isEqualTo(7);
    assertThat(limit.pass("a", 1011)).isZero();
  }

  @Test
  void kindsAreForgottenSoThatTheyTakeNoRoom() {
    for (int i = 0; i < 100_000; i++) {
      assertThat(limit.pass("kind " + i, 0)).isZero();
    }
  }
}
