package io.samepage.dedup.numa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CpuListTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {"0;{0}", "0-3,8;{0, 1, 2, 3, 8}", "1,3,5-5;{1, 3, 5}", "8191;{8191}"})
  void numbersAndRangesAreRead(String text, String cpus) {
    assertThat(CpuList.parse(text).toString()).isEqualTo(cpus);
  }

  @Test
  void theLineFeedOfAFileIsLeftOut() {
    assertThat(CpuList.parse("2-3\n").toString()).isEqualTo("{2, 3}");
  }

  @Test
  void nothingIsNoCpu() {
    assertThat(CpuList.parse("").isEmpty()).isTrue();
    assertThat(CpuList.parse("\n").isEmpty()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", "1-", "-1", "3-1", "1,,2", "1,", "0-7:1/2", "99999", "0x1", "1 2"})
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> CpuList.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"" + text + "\"");
  }
}
