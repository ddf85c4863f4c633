package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class NamesTest {
  @ParameterizedTest
  @CsvSource({
    ".wh.x, true, false",
    ".wh..wh..opq, true, true",
    ".wh..wh.aufs, true, true",
    ".wh., true, false",
    ".wh, false, false",
    "x.wh.y, false, false",
    ".WH.x, false, false"
  })
  void marksOfAufsAreTold(String name, boolean mark, boolean reserved) {
    assertThat(Names.isAufsMark(bytes(name))).isEqualTo(mark);
    assertThat(Names.isAufsReserved(bytes(name))).isEqualTo(reserved);
  }

  @Property
  void aWhiteoutHidesItsName(@ForAll byte[] name) {
    byte[] whiteout = Names.aufsWhiteout(name);
    assertThat(Names.isAufsMark(whiteout)).isTrue();
    assertThat(Names.aufsHidden(whiteout)).isEqualTo(name);
  }

  @Property
  void textIsAsciiAndTellsNamesApart(@ForAll byte[] a, @ForAll byte[] b) {
    assertThat(Names.toString(a)).matches("[ -~]*");
    assertThat(Names.toString(a).equals(Names.toString(b)))
        .isEqualTo(java.util.Arrays.equals(a, b));
  }

  @Test
  void whatIsNotAsciiIsEscaped() {
    assertThat(Names.toString(bytes("a b\u00e9\n\\x41\u007f")))
        .isEqualTo("a b\\xe9\\x0a\\x5cx41\\x7f");
  }

  @Property
  void aPrefixIsFound(@ForAll byte[] a, @ForAll byte[] b) {
    assertThat(Names.startsWith(Names.concat(a, b), a)).isTrue();
    assertThat(Names.startsWith(a, Names.concat(a, bytes("x")))).isFalse();
  }

  @Test
  void hashesSpread() {
    Set<Long> hashes = new HashSet<>();
    int[] ones = new int[64];
    int count = 20_000;
    for (int i = 0; i < count; i++) {
      long hash = Names.hash(bytes("file" + i));
      assertThat(hashes.add(hash >>> 2)).isTrue();
      for (int bit = 0; bit < 64; bit++) {
        ones[bit] += (int) (hash >>> bit) & 1;
      }
    }
    for (int each : ones) {
      assertThat(each).isBetween(count * 45 / 100, count * 55 / 100);
    }
  }
}
