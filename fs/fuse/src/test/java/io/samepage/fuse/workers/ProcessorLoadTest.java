package io.samepage.fuse.workers;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** The load as /proc/loadavg says it. */
class ProcessorLoadTest {
  private static int runnable(String text) {
    return ProcessorLoad.runnable(ByteBuffer.wrap(text.getBytes(US_ASCII)), text.length());
  }

  @Test
  void theNumberBeforeTheSlashCounts() {
    assertThat(runnable("0.20 0.18 0.12 1/80 11206\n")).isEqualTo(1);
    assertThat(runnable("10.58 13.50 14.68 117/2222 7066\n")).isEqualTo(117);
    assertThat(runnable("nothing")).isEqualTo(Integer.MAX_VALUE);
    assertThat(runnable("")).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void whatIsNotKnownIsNotLightAndNotHeavy() {
    try (ProcessorLoad load = new ProcessorLoad()) {
      assertThat(load.isLight(System.nanoTime())).isFalse();
      assertThat(load.isHeavy()).isFalse();
      for (int i = 0; i < 8; i++) {
        load.look();
      }
      assertThat(load.isLight(System.nanoTime() + 1_000_000_000L)).as("an old look").isFalse();
      load.pause();
      assertThat(load.isLight(System.nanoTime())).isFalse();
      assertThat(load.isHeavy()).isFalse();
    }
  }
}
