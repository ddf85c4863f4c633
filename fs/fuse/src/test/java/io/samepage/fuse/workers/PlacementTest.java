package io.samepage.fuse.workers;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Where workers run; the scheduler is a table. */
final class PlacementTest {
  private static final int WORKER = 1;
  private static final int SECOND_WORKER = 2;
  private static final int CALLER = 100;
  private static final int OTHER_CALLER = 101;
  private static final int STREAM = 50;
  private static final long MILLISECOND = 1_000_000;

  private final Table table = new Table();
  private final Placement placement = new Placement(table);
  private final Placement.Member worker = placement.join(WORKER);
  private long now = System.nanoTime();

  private static final class Table implements Placement.Scheduler {
    final Map<Integer, Integer> processors = new HashMap<>(Map.of(CALLER, 3, OTHER_CALLER, 4));
    final Set<Integer> runnable = new HashSet<>();
    final Map<Integer, Integer> kept = new HashMap<>();
    boolean canGiveWay = true;
    long served;

    @Override
    public int processorOf(int thread) {
      return processors.getOrDefault(thread, -1);
    }

    @Override
    public boolean isRunnable(int thread) {
      return runnable.contains(thread);
    }

    @Override
    public long processorNanos(int thread) {
      return served;
    }

    @Override
    public boolean canGiveWay() {
      return canGiveWay;
    }

    @Override
    public boolean keep(int thread, int processor) {
      kept.put(thread, processor);
      return true;
    }

    @Override
    public void release(int thread) {
      kept.remove(thread);
    }
  }

  /**
   * A look after some requests, each of the next of these callers, of which the worker takes each.
   */
  private void requests(int count, boolean heavy, int... callers) {
    for (int i = 0; i < count; i++) {
      placement.took(worker, RequestKind.ORDINARY, callers[i % callers.length]);
    }
    table.served += count == 0 ? 0 : MILLISECOND;
    now += MILLISECOND;
    placement.look(count, heavy, now);
  }

  private void stream() {
    for (int i = 0; i < 10; i++) {
      requests(STREAM, false, CALLER);
    }
  }

  @Test
  void workersAreKeptWhereTheirOnlyCallerIs() {
    requests(STREAM, false, CALLER);
    assertThat(placement.isWithCaller()).isFalse();
    stream();
    assertThat(placement.isWithCaller()).isTrue();
    assertThat(table.kept).containsExactly(Map.entry(WORKER, 3));
  }

  @Test
  void theyFollowIt() {
    stream();
    table.processors.put(CALLER, 5);
    placement.took(worker, RequestKind.ORDINARY, CALLER);
    assertThat(table.kept).containsExactly(Map.entry(WORKER, 5));
    Placement.Member second = placement.join(SECOND_WORKER);
    assertThat(table.kept).containsOnlyKeys(WORKER);
    placement.took(second, RequestKind.ORDINARY, CALLER);
    assertThat(table.kept).containsEntry(SECOND_WORKER, 5);
  }

  @Test
  void requestsWithoutACallerDoNotCount() {
    stream();
    for (int i = 0; i < 10; i++) {
      requests(STREAM, false, CALLER, 0, CALLER, 0);
    }
    assertThat(placement.isWithCaller()).isTrue();
  }

  @Test
  void theyRunAnywhereForSeveralCallers() {
    for (int i = 0; i < 10; i++) {
      requests(STREAM, false, CALLER, OTHER_CALLER);
    }
    assertThat(table.kept).isEmpty();
    stream();
    assertThat(table.kept).isNotEmpty();
    for (int i = 0; i < 10; i++) {
      requests(STREAM, false, CALLER, OTHER_CALLER);
    }
    assertThat(table.kept).isEmpty();
    assertThat(placement.isWithCaller()).isFalse();
  }

  @Test
  void theyRunAnywhereWhereTheKernelReadsAhead() {
    stream();
    for (int i = 0; i < 10; i++) {
      for (int k = 0; k < STREAM; k++) {
        placement.took(worker, RequestKind.READ_AHEAD, CALLER);
      }
      requests(STREAM, false, CALLER);
    }
    assertThat(table.kept).isEmpty();
  }

  @Test
  void oneCallerAfterAnotherIsOneAtATime() {
    for (int i = 0; i < 10; i++) {
      requests(STREAM, false, i % 2 == 0 ? CALLER : OTHER_CALLER);
    }
    assertThat(placement.isWithCaller()).isTrue();
    assertThat(table.kept).containsExactly(Map.entry(WORKER, 4));
    placement.took(worker, RequestKind.ORDINARY, CALLER);
    assertThat(table.kept).containsExactly(Map.entry(WORKER, 3));
  }

  @Test
  void theyRunAnywhereWhereThereIsLittleToDo() {
    stream();
    for (int i = 0; i < 100; i++) {
      requests(4, false, CALLER);
    }
    assertThat(table.kept).isEmpty();
    stream();
    placement.pause();
    assertThat(table.kept).isEmpty();
  }

  @Test
  void theyRunAnywhereWhereProcessorsAreScarce() {
    stream();
    requests(STREAM, true, CALLER);
    assertThat(table.kept).isEmpty();
  }

  /** How long it takes until the workers are kept again, time after time. */
  private void assertLongerEachTime(Runnable whyTheyAreReleased) {
    long last = 0;
    for (int time = 0; time < 4; time++) {
      stream();
      whyTheyAreReleased.run();
      assertThat(table.kept).isEmpty();
      long released = now;
      while (!placement.isWithCaller()) {
        requests(STREAM, false, CALLER);
      }
      assertThat(now - released).isGreaterThan(last + last / 2);
      last = now - released;
    }
  }

  @Test
  void whoIsStarvedIsReleasedAndForLongerEachTime() {
    assertLongerEachTime(
        () -> {
          table.runnable.add(WORKER);
          requests(0, false);
          table.runnable.clear();
        });
  }

  @Test
  void severalCallersNowAndThenReleaseThemForLongerEachTime() {
    assertLongerEachTime(
        () -> {
          for (int i = 0; i < 4; i++) {
            requests(STREAM, false, CALLER, OTHER_CALLER);
          }
        });
  }

  @Test
  void whoWorksOnOneRequestForLongIsNotStarved() {
    stream();
    table.runnable.add(WORKER);
    table.served += MILLISECOND;
    requests(0, false);
    assertThat(table.kept).isNotEmpty();
  }

  @Test
  void whoMayNotStopToGiveWayIsNeverKept() {
    table.canGiveWay = false;
    stream();
    assertThat(table.kept).isEmpty();
    assertThat(placement.isWithCaller()).isFalse();
  }

  @Test
  void anEndedCallerIsNotFollowed() {
    stream();
    table.processors.clear();
    placement.took(worker, RequestKind.ORDINARY, CALLER);
    assertThat(table.kept).containsExactly(Map.entry(WORKER, 3));
  }

  @Test
  void aWorkerThatHasLeftIsLeftAlone() {
    stream();
    placement.leave(worker);
    placement.pause();
    assertThat(table.kept).containsExactly(Map.entry(WORKER, 3));
  }
}
