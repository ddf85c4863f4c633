package io.samepage.dedup.numa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class HomeNodeTest {
  private static final int PID = 1234;
  private static final long SECOND = 1_000_000_000L;

  /** A process whose CPUs are told by the test, and how often was asked for them. */
  private static final class Opener implements ProcessCpus {
    int cpu;
    int asked;

    @Override
    public int last(int pid) {
      asked++;
      return cpu;
    }
  }

  @TempDir Path directory;
  private final Opener opener = new Opener();
  private long now;
  private HomeNode home;

  @BeforeEach
  void open() throws Exception {
    NumaTopology topology =
        new DescribedNodes(directory).node(0, "0-1").node(1, "2-3").node(2, "4-5").topology();
    home = new HomeNode(topology, opener, () -> now);
  }

  private void open(int cpu, int times) {
    opener.cpu = cpu;
    for (int i = 0; i < times; i++) {
      home.opened(PID);
    }
  }

  /** Opens, each of which is looked at, since enough time goes by. */
  private void see(int cpu, int times) {
    for (int i = 0; i < times; i++) {
      now += SECOND;
      open(cpu, 1);
    }
  }

  @Test
  void theFirstOpenTells() {
    assertThat(home.node()).isEqualTo(NumaTopology.UNKNOWN);
    home.opened(0);
    assertThat(home.node()).isEqualTo(NumaTopology.UNKNOWN);
    open(3, 1);
    assertThat(home.node()).isEqualTo(1);
    assertThat(home.changes()).isEqualTo(1);
  }

  @Test
  void whoCannotBeSeenTellsNothing() {
    open(-1, 1);
    open(17, 1);
    assertThat(home.node()).isEqualTo(NumaTopology.UNKNOWN);
    see(2, 1);
    assertThat(home.node()).isEqualTo(1);
  }

  @Test
  void fewOpensAreLookedAt() {
    open(0, 63);
    assertThat(opener.asked).isEqualTo(6); // 1, 3, 7, 15, 31, 63
    open(0, 64 * 100);
    assertThat(opener.asked).isEqualTo(106);
    open(0, HomeNode.SPARSEST - 1);
    assertThat(opener.asked).isEqualTo(106);
  }

  @Test
  void whereOpensAreRareOneASecondIsLookedAt() {
    open(0, 1);
    open(0, 64 * 10);
    int before = opener.asked;
    now += SECOND - 1;
    open(0, 1);
    assertThat(opener.asked).isEqualTo(before);
    now += 1;
    open(0, 10);
    assertThat(opener.asked).isEqualTo(before + 1);
  }

  @Test
  void aMountWhoseProcessesHaveMovedFollows() {
    see(0, 100);
    see(2, 15);
    assertThat(home.node()).isZero();
    see(2, 1);
    assertThat(home.node()).isEqualTo(1);
    assertThat(home.changes()).isEqualTo(2);
    see(0, 16);
    assertThat(home.node()).isZero();
  }

  @Test
  void aYoungMountFollowsSoon() {
    open(0, 2); // who set it up
    open(2, 4);
    assertThat(home.node()).isZero();
    open(2, 1); // the seventh is looked at, as were the first and the third
    assertThat(home.node()).isEqualTo(1);
  }

  @Test
  void whoIsStillHereOutweighsThreeElsewhere() {
    see(0, 100);
    see(2, 15);
    see(0, 1);
    see(2, 3);
    assertThat(home.node()).isZero();
    see(2, 1);
    assertThat(home.node()).isEqualTo(1);
  }

  @Test
  void aMountWhoseProcessesAreEverywhereStays() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    see(0, 100);
    for (int i = 0; i < 500; i++) {
      see(random.nextInt(6), 1);
    }
    assertThat(home.node()).as("seed " + seed).isZero();
  }

  @Test
  void whoReadsForItsProcessesTakesMemoryThere() throws Exception {
    assumeTrue(policyOfThisThread().contains(" default"), "no numa_maps, or a policy already");
    String[] policies = new String[2];
    FutureTask<Void> reader =
        new FutureTask<>(
            () -> {
              home.adopt();
              policies[0] = policyOfThisThread();
              open(0, 1);
              home.adopt();
              policies[1] = policyOfThisThread();
              return null;
            });
    new Thread(reader).start();
    reader.get();
    assertThat(policies[0]).contains(" default");
    assertThat(policies[1]).contains(" prefer:0");
    assertThat(policyOfThisThread()).contains(" default");
  }

  /** numa(7); empty on a kernel without. */
  private static String policyOfThisThread() throws IOException {
    Path maps = Path.of("/proc/thread-self/numa_maps");
    return Files.exists(maps) ? Files.readString(maps, StandardCharsets.ISO_8859_1) : "";
  }

  @Test
  void votesForSeveralNodesDoNotAddUp() {
    see(0, 100);
    for (int i = 0; i < 50; i++) {
      see(2, 1);
      see(4, 1);
    }
    assertThat(home.node()).isZero();
  }
}
