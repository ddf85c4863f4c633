package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

final class ListingTest {
  /** Of a byte's first two bits: so many names have the same. */
  private static long weak(byte[] name) {
    return (name[0] & 3) * 1_000_000L;
  }

  @Provide
  Arbitrary<Set<String>> names() {
    return Arbitraries.strings()
        .withCharRange('\u0001', '\u00ff')
        .ofMinLength(1)
        .ofMaxLength(4)
        .set()
        .ofMaxSize(60);
  }

  private static Listing build(Listing.Builder builder, Iterable<String> names) {
    for (String name : names) {
      builder.add(bytes(name), name.length() + 100, Linux.DT_REG);
    }
    return builder.build();
  }

  /** All live names from an offset on, in portions, as readdir asks for them. */
  private static List<String> read(Listing listing, long from, int portion) {
    List<String> names = new ArrayList<>();
    long offset = from;
    while (true) {
      int first = listing.after(offset);
      for (int i = first; i < Math.min(first + portion, listing.size()); i++) {
        assertThat(listing.offset(i)).as("offsets rise").isGreaterThan(offset);
        offset = listing.offset(i);
        if (listing.name(i).length > 0) {
          names.add(new String(listing.name(i), ISO_8859_1));
        }
      }
      if (first >= listing.size()) {
        return names;
      }
    }
  }

  private static Map<String, Long> offsets(Listing listing) {
    Map<String, Long> offsets = new HashMap<>();
    for (int i = 0; i < listing.size(); i++) {
      offsets.put(new String(listing.name(i), ISO_8859_1), listing.offset(i));
    }
    return offsets;
  }

  @Property(tries = 200)
  void eachNameIsReadOnceInWhateverPortions(@ForAll("names") Set<String> names) {
    for (Listing.Builder builder :
        List.of(new Listing.Builder(), new Listing.Builder(ListingTest::weak))) {
      Listing listing = build(builder, names);
      assertThat(listing.size()).isEqualTo(names.size());
      for (int portion : new int[] {1, 3, 1000}) {
        assertThat(read(listing, 0, portion)).containsExactlyInAnyOrderElementsOf(names);
      }
      // The dots come before.
      assertThat(listing.after(Listing.PARENT_OFFSET)).isZero();
      assertThat(listing.after(Listing.SELF_OFFSET)).isZero();
      assertThat(listing.after(Long.MAX_VALUE)).isEqualTo(names.size());
    }
  }

  @Property(tries = 200)
  void whatIsRemovedIsGoneAndTheRestStaysInItsPlace(
      @ForAll("names") Set<String> names, @ForAll long seed) {
    for (Listing.Builder builder :
        List.of(new Listing.Builder(), new Listing.Builder(ListingTest::weak))) {
      Listing listing = build(builder, names);
      Map<String, Long> before = offsets(listing);
      List<String> order = new ArrayList<>(names);
      Collections.shuffle(order, new Random(seed));
      Set<String> left = new LinkedHashSet<>(names);
      for (String name : order) {
        assertThat(listing.isEmpty()).isFalse();
        listing.remove(bytes(name));
        listing.remove(bytes(name));
        listing.remove(bytes("never there"));
        left.remove(name);
        assertThat(read(listing, 0, 2)).containsExactlyInAnyOrderElementsOf(left);
      }
      assertThat(listing.isEmpty()).isTrue();
      for (int i = 0; i < listing.size(); i++) {
        assertThat(before).containsValue(listing.offset(i));
      }
    }
  }

  /** Whoever reads a directory while it changes goes on where it was. */
  @Property(tries = 200)
  void offsetsMeanTheSameAfterChanges(
      @ForAll("names") Set<String> names, @ForAll("names") Set<String> added, @ForAll long seed) {
    List<String> shuffled = new ArrayList<>(names);
    Collections.shuffle(shuffled, new Random(seed));
    Map<String, Long> before = offsets(build(new Listing.Builder(), names));
    assertThat(offsets(build(new Listing.Builder(), shuffled))).isEqualTo(before);
    shuffled.addAll(added);
    assertThat(offsets(build(new Listing.Builder(), shuffled))).containsAllEntriesOf(before);
  }

  @Test
  void namesOfOneHashFollowEachOtherInTheOrderOfTheirBytes() {
    Listing listing = build(new Listing.Builder(name -> 40), List.of("c", "a", "\u00ff", "b"));
    List<String> names = new ArrayList<>();
    for (int i = 0; i < listing.size(); i++) {
      names.add(new String(listing.name(i), ISO_8859_1));
      assertThat(listing.offset(i)).isEqualTo(listing.offset(0) + i);
    }
    assertThat(names).containsExactly("\u00ff", "a", "b", "c");
    Map<String, Long> offsets = offsets(listing);
    // Built again, it is the same.
    Listing again = build(new Listing.Builder(name -> 40), List.of("b", "\u00ff", "c", "a"));
    assertThat(offsets(again)).isEqualTo(offsets);
  }

  @Test
  void aHundredNamesOfOneHashCanAllBeRemoved() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      names.add("n" + i);
    }
    Listing listing = build(new Listing.Builder(name -> 40), names);
    for (String name : names) {
      listing.remove(bytes(name));
    }
    assertThat(listing.isEmpty()).isTrue();
  }

  @Test
  void whatIsFurtherUpCounts() {
    Listing.Builder builder = new Listing.Builder();
    builder.add(bytes("both"), 1, Linux.DT_DIR);
    builder.add(bytes("both"), 2, Linux.DT_REG);
    builder.hide(bytes("hidden"));
    builder.add(bytes("hidden"), 3, Linux.DT_REG);
    builder.add(bytes("shown"), 4, Linux.DT_LNK);
    builder.hide(bytes("shown"));
    assertThat(builder.isKnown(bytes("hidden"))).isTrue();
    assertThat(builder.isKnown(bytes("other"))).isFalse();
    Listing listing = builder.build();
    assertThat(offsets(listing)).containsOnlyKeys("both", "shown");
    for (int i = 0; i < listing.size(); i++) {
      boolean both = new String(listing.name(i), ISO_8859_1).equals("both");
      assertThat(listing.ino(i)).isEqualTo(both ? 1 : 4);
      assertThat(listing.type(i)).isEqualTo(both ? Linux.DT_DIR : Linux.DT_LNK);
    }
  }
}
