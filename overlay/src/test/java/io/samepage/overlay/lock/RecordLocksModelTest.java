package io.samepage.overlay.lock;

import static io.samepage.fuse.FileLock.F_RDLCK;
import static io.samepage.fuse.FileLock.F_UNLCK;
import static io.samepage.fuse.FileLock.F_WRLCK;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.FileLock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/**
 * Record locks compared with the simplest thing that can be said of them: for each owner an array
 * with a type for each byte. Bytes of the model are the first and the last few of a file.
 */
final class RecordLocksModelTest {
  private static final int BYTES = 12;
  private static final int LOW = 8;
  private static final int OWNERS = 3;

  /** The byte of the file that a byte of the model stands for. The borders are real neighbours. */
  private static long offset(int index) {
    return index < LOW ? index : Long.MAX_VALUE - (BYTES - 1 - index);
  }

  record Step(int owner, int type, int start, int end, boolean flush) {
    /** The range as a lock; one that crosses the gap of the model covers it as a real one does. */
    FileLock lock() {
      return new FileLock(offset(start), offset(end), type, owner);
    }
  }

  /** The gap between the low and the high bytes is one more byte, at index {@link #LOW}. */
  private static final class Model {
    final int[][] types = new int[OWNERS][BYTES + 1];

    Model() {
      for (int[] of : types) {
        Arrays.fill(of, F_UNLCK);
      }
    }

    static int from(Step step) {
      return step.start < LOW ? step.start : step.start + 1;
    }

    static int to(Step step) {
      return step.end < LOW ? step.end : step.end + 1;
    }

    static long firstByte(int index) {
      return index <= LOW ? index : offset(index - 1);
    }

    static long lastByte(int index) {
      return index < LOW ? index : index == LOW ? offset(LOW) - 1 : offset(index - 1);
    }

    boolean conflicts(Step step, int other) {
      if (other == step.owner || step.type == F_UNLCK) {
        return false;
      }
      for (int i = from(step); i <= to(step); i++) {
        if (blocks(step, types[other][i])) {
          return true;
        }
      }
      return false;
    }

    static boolean blocks(Step step, int held) {
      return held == F_WRLCK || (held == F_RDLCK && step.type == F_WRLCK);
    }

    boolean conflicts(Step step) {
      for (int other = 0; other < OWNERS; other++) {
        if (conflicts(step, other)) {
          return true;
        }
      }
      return false;
    }

    void set(Step step) {
      Arrays.fill(types[step.owner], from(step), to(step) + 1, step.type);
    }

    void flush(int owner) {
      Arrays.fill(types[owner], F_UNLCK);
    }

    /** The owner's longest runs of one type. */
    List<FileLock> runs(int owner) {
      List<FileLock> runs = new ArrayList<>();
      int[] of = types[owner];
      for (int i = 0; i < of.length; ) {
        int end = i;
        while (end + 1 < of.length && of[end + 1] == of[i]) {
          end++;
        }
        if (of[i] != F_UNLCK) {
          runs.add(new FileLock(firstByte(i), lastByte(end), of[i], owner));
        }
        i = end + 1;
      }
      return runs;
    }

    /** What F_GETLK may answer: each other owner's first run in the way. */
    List<FileLock> answers(Step step) {
      List<FileLock> answers = new ArrayList<>();
      for (int other = 0; other < OWNERS; other++) {
        if (other == step.owner) {
          continue;
        }
        for (FileLock run : runs(other)) {
          if (run.start() <= offset(step.end)
              && run.end() >= offset(step.start)
              && blocks(step, run.type())) {
            answers.add(run);
            break;
          }
        }
      }
      return answers;
    }
  }

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Integer> bytes = Arbitraries.integers().between(0, BYTES - 1).withoutEdgeCases();
    Arbitrary<Step> step =
        Combinators.combine(
                Arbitraries.integers().between(0, OWNERS - 1).withoutEdgeCases(),
                Arbitraries.of(F_RDLCK, F_WRLCK, F_UNLCK),
                bytes,
                bytes,
                Arbitraries.integers().between(0, 29).withoutEdgeCases())
            .as(
                (owner, type, a, b, flush) ->
                    new Step(owner, type, Math.min(a, b), Math.max(a, b), flush == 0));
    return step.list().ofMinSize(1).ofMaxSize(60);
  }

  @Property(tries = 2000)
  void rangesAreThoseOfTheModel(@ForAll("steps") List<Step> steps) {
    LockTable table = new LockTable();
    Object file = new Object();
    Model model = new Model();
    for (Step step : steps) {
      if (step.flush) {
        table.releaseOwner(file, step.owner);
        model.flush(step.owner);
      } else {
        if (step.type != F_UNLCK) {
          FileLock answer = table.test(file, step.owner, step.lock());
          List<FileLock> expected = model.answers(step);
          if (expected.isEmpty()) {
            assertThat(answer.type()).isEqualTo(F_UNLCK);
          } else {
            assertThat(answer).isIn(expected);
          }
        }
        RecordedReply reply = new RecordedReply();
        table.set(file, 7, step.owner, step.lock(), false, false, reply);
        if (model.conflicts(step)) {
          assertThat(reply).hasToString("EAGAIN");
        } else {
          assertThat(reply).hasToString("granted");
          model.set(step);
        }
      }

      int ranges = 0;
      for (int owner = 0; owner < OWNERS; owner++) {
        ranges += model.runs(owner).size();
      }
      assertThat(table.size()).as("locks after %s", step).isEqualTo(ranges);
      assertThat(table.isEmpty(file)).isEqualTo(ranges == 0);
    }
  }

  /** As above, step by step on the data structure, where the ranges themselves can be seen. */
  @Property(tries = 2000)
  void eachOwnersRangesAreItsRuns(@ForAll("steps") List<Step> steps) {
    RecordLocks locks = new RecordLocks();
    Model model = new Model();
    for (Step step : steps) {
      OwnedLock wanted = new OwnedLock(step.owner, 7, step.lock());
      if (step.flush) {
        assertThat(locks.releaseOwner(step.owner)).isEqualTo(!model.runs(step.owner).isEmpty());
        model.flush(step.owner);
      } else if (locks.conflict(wanted) == null) {
        boolean[] before = possible(model, step.owner);
        LockSpace.Change change = locks.plan(wanted);
        locks.commit(change);
        model.set(step);
        boolean[] after = possible(model, step.owner);
        boolean weakened = false;
        for (int i = 0; i < before.length; i++) {
          weakened |= after[i] && !before[i];
        }
        assertThat(change.weakened()).isEqualTo(weakened);
      }
      for (int owner = 0; owner < OWNERS; owner++) {
        assertThat(ranges(locks, owner)).isEqualTo(model.runs(owner));
      }
    }
  }

  /** For each byte whether the owner lets others read it, and whether it lets others write it. */
  private static boolean[] possible(Model model, int owner) {
    boolean[] possible = new boolean[2 * (BYTES + 1)];
    for (int i = 0; i <= BYTES; i++) {
      possible[2 * i] = model.types[owner][i] != F_WRLCK;
      possible[2 * i + 1] = model.types[owner][i] == F_UNLCK;
    }
    return possible;
  }

  private static List<FileLock> ranges(RecordLocks locks, int owner) {
    List<FileLock> ranges = new ArrayList<>();
    for (OwnedLock held : locks.held(owner)) {
      ranges.add(held.lock());
    }
    return ranges;
  }
}
