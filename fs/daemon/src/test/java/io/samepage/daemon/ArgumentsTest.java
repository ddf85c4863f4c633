package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.overlay.options.ByteString;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

final class ArgumentsTest {
  @Test
  void everyArgumentIsEndedByANul() {
    assertThat(Arguments.split("java\0Main\0\0x\0".getBytes(StandardCharsets.UTF_8)))
        .containsExactly(
            ByteString.of("java"), ByteString.of("Main"), ByteString.of(""), ByteString.of("x"));
  }

  @Test
  void theLastOnesAreThoseOfMain() {
    // Whatever this JVM was started with, its last argument is one.
    assertThat(Arguments.raw(new String[] {"decoded"})).hasSize(1);
    assertThat(Arguments.raw(new String[0])).isEmpty();
  }

  @Property
  void bytesSurviveTheWayThroughTheLibrary(@ForAll byte[] bytes) {
    ByteString string = ByteString.of(bytes);
    assertThat(Arguments.bytes(Arguments.latin1(List.of(string))[0])).isEqualTo(string);
  }
}
