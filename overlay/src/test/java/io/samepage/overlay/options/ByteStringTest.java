package io.samepage.overlay.options;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

final class ByteStringTest {
  @Test
  void showsTextAsItIsAndTheRestInHexadecimal() {
    assertThat(ByteString.of("/a b/é/日本/😀")).hasToString("/a b/é/日本/😀");
    assertThat(ByteString.of("back\\slash")).hasToString("back\\\\slash");
    assertThat(ByteString.of("line\nfeed\tdel\u007f")).hasToString("line\\x0afeed\\x09del\\x7f");
    assertThat(ByteString.of(new byte[] {'/', (byte) 0xff, (byte) 0xc3}))
        .hasToString("/\\xff\\xc3");
    assertThat(ByteString.of("\u202e\u2028")).hasToString("\\xe2\\x80\\xae\\xe2\\x80\\xa8");
    assertThat(ByteString.of(new byte[] {(byte) 0xed, (byte) 0xa0, (byte) 0x80}))
        .hasToString("\\xed\\xa0\\x80");
    assertThat(ByteString.of(new byte[] {(byte) 0xe0, (byte) 0x80, (byte) 0xaf}))
        .hasToString("\\xe0\\x80\\xaf");
    assertThat(ByteString.of("\ufffd")).hasToString("\\xef\\xbf\\xbd");
  }

  @Property
  void whatIsShownCanBeReadBack(@ForAll byte[] bytes) {
    ByteString string = ByteString.of(bytes);
    String shown = string.toString();
    assertThat(ByteString.parse(shown)).isEqualTo(string);
    assertThat(shown.codePoints()).allMatch(c -> c >= 0x20 && c != 0x7f);
  }

  @Property
  void textCanBeReadBack(@ForAll String text) {
    ByteString string = ByteString.of(text);
    assertThat(ByteString.parse(string.toString())).isEqualTo(string);
  }
}
