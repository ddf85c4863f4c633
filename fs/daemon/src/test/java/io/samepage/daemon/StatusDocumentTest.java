package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

final class StatusDocumentTest {
  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void whatWasReadIsWrittenAsItWas() throws Exception {
    String text =
        "{\"target\":\"/m é\\\\xff\",\"pid\":4711,\"half\":0.5,\"ro\":true,\"upper\":null,"
            + "\"layers\":{\"lower\":[\"/a\",\"/b\"]},\"requests\":{}}";
    StatusDocument document = StatusDocument.parse(bytes(text));
    assertThat(document.text("target")).isEqualTo("/m é\\xff");
    assertThat(document.number("pid")).isEqualTo(4711);
    assertThat(document.is("ro")).isTrue();
    assertThat(document.is("pid")).isFalse();
    assertThat(document.text("upper")).isEmpty();
    assertThat(document.text("none")).isEmpty();
    assertThat(document.number("none")).isZero();
    assertThat(document.object("layers").texts("lower")).containsExactly("/a", "/b");
    assertThat(document.object("none").texts("none")).isEmpty();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
      document.write(json);
    }
    assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(text);
  }

  @Property
  void whatIsNoAnswerIsAFailure(@ForAll byte[] junk) {
    try {
      StatusDocument.parse(junk);
    } catch (CommandFailure e) {
      assertThat(e.exitCode()).isEqualTo(ExitCode.UNREACHABLE);
    }
  }

  @Test
  void depthIsBounded() {
    String deep = "{\"a\":" + "[".repeat(100_000);
    assertThatThrownBy(() -> StatusDocument.parse(bytes(deep))).isInstanceOf(CommandFailure.class);
  }
}
