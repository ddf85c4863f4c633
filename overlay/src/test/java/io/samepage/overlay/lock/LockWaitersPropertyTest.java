package io.samepage.overlay.lock;

import static io.samepage.fuse.FileLock.F_RDLCK;
import static io.samepage.fuse.FileLock.F_UNLCK;
import static io.samepage.fuse.FileLock.F_WRLCK;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.fuse.FileLock;
import io.samepage.posix.Errno;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/**
 * Owners who do one thing at a time, as processes of one thread do, and wait for record locks of
 * two files. Whatever they do: nobody has what excludes another's, nobody waits for what is free,
 * and no circle of them waits for ever.
 */
final class LockWaitersPropertyTest {
  private static final int OWNERS = 5;
  private static final int FILES = 2;
  private static final int BYTES = 5;

  enum Kind {
    SET,
    SET_WAIT,
    FLUSH,
    INTERRUPT
  }

  record Step(Kind kind, int owner, int file, int type, int start, int end) {
    FileLock lock() {
      return new FileLock(start, end, type, owner);
    }
  }

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Integer> bytes = Arbitraries.integers().between(0, BYTES - 1).withoutEdgeCases();
    Arbitrary<Kind> kinds =
        Arbitraries.of(
            Kind.SET,
            Kind.SET_WAIT,
            Kind.SET_WAIT,
            Kind.SET_WAIT,
            Kind.SET_WAIT,
            Kind.SET_WAIT,
            Kind.SET_WAIT,
            Kind.FLUSH,
            Kind.INTERRUPT);
    return Combinators.combine(
            kinds,
            Arbitraries.integers().between(0, OWNERS - 1).withoutEdgeCases(),
            Arbitraries.integers().between(0, FILES - 1).withoutEdgeCases(),
            Arbitraries.of(F_RDLCK, F_RDLCK, F_WRLCK, F_WRLCK, F_UNLCK),
            bytes,
            bytes)
        .as(
            (kind, owner, file, type, a, b) ->
                new Step(kind, owner, file, type, Math.min(a, b), Math.max(a, b)))
        .list()
        .ofMinSize(1)
        .ofMaxSize(80);
  }

  /** Who has what, as the replies said. */
  private static final class Scene {
    final LockTable table = new LockTable();
    final Object[] files = {new Object(), new Object()};
    final int[][][] types = new int[FILES][OWNERS][BYTES];
    final RecordedReply[] pending = new RecordedReply[OWNERS];
    final Step[] wanted = new Step[OWNERS];

    Scene() {
      for (int[][] of : types) {
        for (int[] row : of) {
          Arrays.fill(row, F_UNLCK);
        }
      }
    }

    boolean waits(int owner) {
      return pending[owner] != null && !pending[owner].isAnswered();
    }

    int waiters() {
      int waiters = 0;
      for (int owner = 0; owner < OWNERS; owner++) {
        waiters += waits(owner) ? 1 : 0;
      }
      return waiters;
    }

    boolean isFree(Step step) {
      for (int other = 0; other < OWNERS; other++) {
        for (int i = step.start; other != step.owner && i <= step.end; i++) {
          int held = types[step.file][other][i];
          if (held == F_WRLCK || (held == F_RDLCK && step.type == F_WRLCK)) {
            return false;
          }
        }
      }
      return true;
    }

    void set(Step step, boolean wait) {
      wanted[step.owner] = step;
      pending[step.owner] =
          new RecordedReply() {
            @Override
            public void granted() {
              Arrays.fill(types[step.file][step.owner], step.start, step.end + 1, step.type);
              super.granted();
            }
          };
      boolean free = step.type == F_UNLCK || isFree(step);
      RecordedReply reply = pending[step.owner];
      table.set(files[step.file], step.owner, step.owner, step.lock(), false, wait, reply);
      if (free) {
        assertThat(reply).hasToString("granted");
      } else if (!wait) {
        assertThat(reply).hasToString("EAGAIN");
      } else {
        assertThat(reply.toString()).isIn("waits", Errno.name(Errno.EDEADLK));
      }
    }

    void flush(int owner, int file) {
      // Whoever is granted something by it may have it only after.
      Arrays.fill(types[file][owner], F_UNLCK);
      table.releaseOwner(files[file], owner);
    }

    void check() {
      for (int file = 0; file < FILES; file++) {
        for (int i = 0; i < BYTES; i++) {
          int readers = 0;
          int writers = 0;
          for (int owner = 0; owner < OWNERS; owner++) {
            readers += types[file][owner][i] == F_RDLCK ? 1 : 0;
            writers += types[file][owner][i] == F_WRLCK ? 1 : 0;
          }
          assertThat(writers == 0 || (writers == 1 && readers == 0)).isTrue();
        }
      }
      for (int owner = 0; owner < OWNERS; owner++) {
        if (pending[owner] != null) {
          assertThat(pending[owner].answers()).isLessThanOrEqualTo(1);
          assertThat(pending[owner].wasAskedAfterAnswer()).isFalse();
        }
        if (waits(owner)) {
          assertThat(isFree(wanted[owner]))
              .as("what %s waits for is free", wanted[owner])
              .isFalse();
        }
      }
    }
  }

  @Property(tries = 3000)
  void waitersAreServedAndCirclesBroken(@ForAll("steps") List<Step> steps) {
    Scene scene = new Scene();
    for (Step step : steps) {
      boolean waits = scene.waits(step.owner);
      switch (step.kind) {
        case SET, SET_WAIT -> {
          if (!waits) {
            scene.set(step, step.kind == Kind.SET_WAIT);
          }
        }
        case FLUSH -> {
          if (!waits) {
            scene.flush(step.owner, step.file);
          }
        }
        case INTERRUPT -> {
          if (waits) {
            scene.pending[step.owner].interrupt();
            assertThat(scene.pending[step.owner]).hasToString("EINTR");
          }
        }
      }
      scene.check();
    }

    // Whoever does not wait lets go of all: that serves somebody, unless the rest is a circle.
    while (scene.waiters() > 0) {
      int before = scene.waiters();
      for (int owner = 0; owner < OWNERS; owner++) {
        for (int file = 0; file < FILES && !scene.waits(owner); file++) {
          scene.flush(owner, file);
          scene.check();
        }
      }
      assertThat(scene.waiters()).as("a circle waits for ever").isLessThan(before);
    }
    for (int owner = 0; owner < OWNERS; owner++) {
      for (int file = 0; file < FILES; file++) {
        scene.flush(owner, file);
      }
    }
    assertThat(scene.table.size()).isZero();
    for (Object file : scene.files) {
      assertThat(scene.table.isEmpty(file)).isTrue();
    }
  }
}
