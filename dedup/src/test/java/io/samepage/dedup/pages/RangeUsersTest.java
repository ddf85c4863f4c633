package io.samepage.dedup.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.dedup.pages.RangeUsers.Use;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

final class RangeUsersTest {
  @Provide
  Arbitrary<List<Use>> uses() {
    Arbitrary<Long> page = Arbitraries.longs().between(0, 100).withoutEdgeCases();
    Arbitrary<Long> count =
        Arbitraries.oneOf(Arbitraries.longs().between(1, 4), Arbitraries.longs().between(1, 200));
    Arbitrary<Long> few = Arbitraries.longs().between(0, 2);
    return Combinators.combine(page, count, few, few).as(Use::new).list().ofMaxSize(60);
  }

  /** A use that comes a second time ends. */
  @Property(tries = 500)
  void findsExactlyThoseWhoUseAPage(@ForAll("uses") List<Use> uses) {
    RangeUsers users = new RangeUsers();
    Set<Use> model = new HashSet<>();
    for (Use use : uses) {
      if (model.add(use)) {
        assertThat(users.add(use)).isTrue();
        assertThat(users.add(use)).isFalse();
      } else {
        model.remove(use);
        assertThat(users.remove(use)).isTrue();
        assertThat(users.remove(use)).isFalse();
      }
      assertThat(users.size()).isEqualTo(model.size());
    }
    for (long first = 0; first < 310; first += 7) {
      for (long count : new long[] {1, 3, 40}) {
        long from = first;
        List<Use> expected =
            model.stream()
                .filter(use -> use.source() < from + count && from < use.source() + use.count())
                .toList();
        assertThat(users.of(first, count)).containsExactlyInAnyOrderElementsOf(expected);
      }
    }
  }

  @Test
  void anEmptyUseIsRefused() {
    RangeUsers users = new RangeUsers();
    assertThatThrownBy(() -> users.add(new Use(1, 0, 1, 1)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(users.of(0, Long.MAX_VALUE)).isEmpty();
  }
}
