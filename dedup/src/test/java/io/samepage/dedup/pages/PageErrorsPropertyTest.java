package io.samepage.dedup.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Errors beside an array with an element for each page. */
final class PageErrorsPropertyTest {
  private static final int PAGES = 60;

  record Step(int first, int count, int errno) {}

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Integer> page = Arbitraries.integers().between(0, PAGES - 1).withoutEdgeCases();
    return Combinators.combine(page, page, Arbitraries.integers().between(0, 2))
        .as((first, count, errno) -> new Step(first, Math.min(count, PAGES - first), errno))
        .list()
        .ofMaxSize(40);
  }

  @Property(tries = 1000)
  void eachPageHasTheErrorThatItGotLast(@ForAll("steps") List<Step> steps) {
    int[] model = new int[PAGES];
    PageErrors errors = new PageErrors();
    for (Step step : steps) {
      Arrays.fill(model, step.first, step.first + step.count, step.errno);
      if (step.errno == 0) {
        errors.clear(step.first, step.count);
      } else {
        errors.mark(step.first, step.count, step.errno);
      }
      int ranges = 0;
      for (int page = 0; page < PAGES; page++) {
        assertThat(errors.at(page)).as("page %d", page).isEqualTo(model[page]);
        ranges += model[page] != 0 && (page == 0 || model[page - 1] != model[page]) ? 1 : 0;
      }
      assertThat(errors.size()).isEqualTo(ranges);
    }
  }
}
