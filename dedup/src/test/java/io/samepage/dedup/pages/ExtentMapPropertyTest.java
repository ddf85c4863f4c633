package io.samepage.dedup.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** The map beside plain arrays with an element for each page, after each of many steps. */
final class ExtentMapPropertyTest {
  private static final int MOST = 2000;

  enum Kind {
    OWN,
    SHARE,
    BREAK,
    BREAK_EVERY_OTHER,
    PUNCH,
    RESIZE,
    COLLAPSE,
    INSERT
  }

  /** What each number means depends on the kind; all are taken modulo what there is. */
  record Step(Kind kind, int a, int b, int c) {}

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Integer> number = Arbitraries.integers().between(0, MOST).withoutEdgeCases();
    Arbitrary<Integer> few = Arbitraries.integers().between(0, 3);
    return Combinators.combine(
            Arbitraries.of(Kind.class), number, Arbitraries.oneOf(number, few), few)
        .as(Step::new)
        .list()
        .ofMinSize(1)
        .ofMaxSize(80);
  }

  /** Files are byte arrays with a byte a page; what a page reads as is a byte, too. */
  private static final class Model {
    static final byte[][] STABLE = {noise(7), noise(8), noise(9), noise(10)};
    static final byte[] OWN = noise(11);
    static final byte[] PRIVATE = noise(12);

    byte[] content = new byte[0];
    PageState[] states = new PageState[0];

    static byte[] noise(int seed) {
      byte[] bytes = new byte[3 * MOST];
      new java.util.Random(seed).nextBytes(bytes);
      return bytes;
    }

    static byte byteOf(PageState state, int file, long source) {
      return switch (state) {
        case OWN -> OWN[(int) source];
        case SHARED -> STABLE[file][(int) source];
        case PRIVATE -> PRIVATE[(int) source];
        case HOLE -> 0;
      };
    }

    void set(int first, int count, PageState state, int file, long source) {
      for (int i = 0; i < count; i++) {
        content[first + i] = byteOf(state, file, source + i);
        states[first + i] = state;
      }
    }

    void splice(int first, int removed, int inserted) {
      byte[] bytes = new byte[content.length - removed + inserted];
      PageState[] after = new PageState[bytes.length];
      Arrays.fill(after, PageState.HOLE);
      System.arraycopy(content, 0, bytes, 0, first);
      System.arraycopy(states, 0, after, 0, first);
      int rest = content.length - first - removed;
      System.arraycopy(content, first + removed, bytes, first + inserted, rest);
      System.arraycopy(states, first + removed, after, first + inserted, rest);
      content = bytes;
      states = after;
    }
  }

  @Property(tries = 600)
  void isWhatPlainArraysSay(@ForAll("steps") List<Step> steps) {
    Model model = new Model();
    ExtentMap map = new ExtentMap(0);
    map.resize(MOST / 2);
    model.splice(0, 0, MOST / 2);
    for (Step step : steps) {
      apply(step, map, model);
      check(map, model);
    }
  }

  private static void apply(Step step, ExtentMap map, Model model) {
    int pages = model.content.length;
    int first = pages == 0 ? 0 : step.a % pages;
    int count = Math.min(pages - first, step.b);
    switch (step.kind) {
      case OWN -> {
        map.set(first, count, PageState.OWN, 0, first);
        model.set(first, count, PageState.OWN, 0, first);
      }
      case SHARE -> {
        int source = step.b % 5 == 0 ? first : step.a;
        map.set(first, count, PageState.SHARED, step.c, source);
        model.set(first, count, PageState.SHARED, step.c, source);
      }
      case BREAK -> {
        map.breakPages(first, count);
        model.set(first, count, PageState.PRIVATE, 0, first);
      }
      case BREAK_EVERY_OTHER -> {
        for (int page = first; page < first + count; page += 2) {
          map.breakPages(page, 1);
          model.set(page, 1, PageState.PRIVATE, 0, page);
        }
      }
      case PUNCH -> {
        map.punch(first, count);
        model.set(first, count, PageState.HOLE, 0, 0);
      }
      case RESIZE -> {
        int size = step.a;
        map.resize(size);
        int end = Math.min(size, pages);
        model.splice(end, pages - end, size - end);
      }
      case COLLAPSE -> {
        map.collapse(first, count);
        model.splice(first, count, 0);
      }
      case INSERT -> {
        int more = Math.min(step.b, 2 * MOST - pages);
        map.insert(first, more);
        model.splice(first, 0, more);
      }
    }
  }

  private static void check(ExtentMap map, Model model) {
    int pages = model.content.length;
    assertThat(map.pages()).isEqualTo(pages);
    byte[] content = new byte[pages];
    PageState[] states = new PageState[pages];
    List<PageExtent> extents = new ArrayList<>();
    map.forEach(0, pages, extents::add);
    long next = 0;
    for (PageExtent extent : extents) {
      assertThat(extent.first()).isEqualTo(next);
      next = extent.end();
      for (int i = 0; i < extent.count(); i++) {
        content[(int) extent.first() + i] =
            Model.byteOf(extent.state(), extent.file(), extent.source() + i);
        states[(int) extent.first() + i] = extent.state();
      }
    }
    assertThat(next).isEqualTo(pages);
    assertThat(content).isEqualTo(model.content);
    assertThat(states).isEqualTo(model.states);
    assertThat(map.extents()).isEqualTo(extents.size());
    for (int i = 1; i < extents.size(); i++) {
      PageExtent left = extents.get(i - 1);
      PageExtent right = extents.get(i);
      boolean goesOn =
          left.state() == right.state()
              && left.file() == right.file()
              && (left.state() == PageState.HOLE || left.source() + left.count() == right.source());
      assertThat(goesOn).as("%s and %s are two extents", left, right).isFalse();
    }
    for (int page = 0; page < pages; page += 97) {
      PageExtent extent = map.at(page);
      assertThat(extents).contains(extent);
      assertThat(extent.first() <= page && page < extent.end()).isTrue();
    }
    // Whatever was there before, what is kept is in proportion to what there is.
    assertThat(map.heapBytes()).isLessThan(400 + 64L * 4 * (extents.size() + 8));
  }
}
