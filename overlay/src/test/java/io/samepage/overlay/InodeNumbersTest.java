package io.samepage.overlay;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

final class InodeNumbersTest {
  @Provide
  Arbitrary<Long> inodes() {
    return Arbitraries.oneOf(
        Arbitraries.longs().between(1, 1000),
        Arbitraries.longs().between(1, (1L << 48) - 1),
        Arbitraries.longs().between(1L << 48, Long.MAX_VALUE),
        Arbitraries.longs().between(Long.MIN_VALUE, -1));
  }

  /** As Stat has them: 12 bits of major number and 20 of minor, which is all that there are. */
  @Provide
  Arbitrary<Long> devices() {
    return Combinators.combine(
            Arbitraries.longs().between(0, (1 << 12) - 1),
            Arbitraries.longs().between(0, (1 << 20) - 1))
        .as((major, minor) -> major << 32 | minor);
  }

  private static long[] array(Iterable<Long> numbers) {
    List<Long> list = new ArrayList<>();
    numbers.forEach(list::add);
    return list.stream().mapToLong(Long::longValue).toArray();
  }

  @Property(tries = 300)
  void noTwoFilesOfTheLayersHaveTheSameNumber(
      @ForAll @Size(min = 2, max = 12) Set<@net.jqwik.api.From("devices") Long> devices,
      @ForAll @Size(max = 30) Set<@net.jqwik.api.From("inodes") Long> inodes) {
    InodeNumbers numbers = new InodeNumbers(array(devices));
    Map<Long, String> seen = new HashMap<>();
    for (long dev : devices) {
      for (long ino : inodes) {
        long number = numbers.number(dev, ino);
        assertThat(number).as("a positive number").isPositive();
        // Those that are spread by a hash never meet those that are not.
        assertThat(number >= 1L << 62).isEqualTo(ino >>> 48 != 0);
        assertThat(seen.put(number, dev + ":" + ino)).isNull();
      }
    }
  }

  @Property(tries = 100)
  void numbersAreTheSameInTheNextMount(
      @ForAll @Size(min = 1, max = 12) List<Long> devices, @ForAll("inodes") long ino) {
    InodeNumbers one = new InodeNumbers(array(devices));
    // More layers of the same file systems change nothing.
    List<Long> longer = new ArrayList<>(devices);
    longer.addAll(devices);
    InodeNumbers other = new InodeNumbers(array(longer));
    for (long dev : devices) {
      assertThat(other.number(dev, ino)).isEqualTo(one.number(dev, ino));
    }
  }

  @Property(tries = 100)
  void ofOneFileSystemTheNumbersAreItsOwn(@ForAll long dev, @ForAll("inodes") long ino) {
    assertThat(new InodeNumbers(dev, dev, dev).number(dev, ino)).isEqualTo(ino);
  }

  @Test
  void theFirstFileSystemKeepsItsNumbers() {
    InodeNumbers numbers = new InodeNumbers(5, 6, 5);
    assertThat(numbers.number(5, 77)).isEqualTo(77);
    assertThat(numbers.number(6, 77)).isEqualTo(1L << 48 | 77);
    assertThat(numbers.number(99, 77)).as("of no layer").isEqualTo(2L << 48 | 77);
  }
}
