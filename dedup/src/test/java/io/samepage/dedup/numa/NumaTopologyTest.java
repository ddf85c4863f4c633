package io.samepage.dedup.numa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class NumaTopologyTest {
  @TempDir Path directory;

  private DescribedNodes nodes() throws IOException {
    return new DescribedNodes(directory);
  }

  @Test
  void aCpuIsOnTheNodeThatListsIt() throws Exception {
    NumaTopology topology = nodes().node(0, "0-3,8").node(1, "4-7,9").topology();
    assertThat(topology.count()).isEqualTo(2);
    assertThat(topology.nodes()).containsExactly(0, 1);
    assertThat(topology.nodeOf(3)).isZero();
    assertThat(topology.nodeOf(4)).isEqualTo(1);
    assertThat(topology.nodeOf(8)).isZero();
    assertThat(topology.nodeOf(9)).isEqualTo(1);
    assertThat(topology.nodeOf(10)).isEqualTo(NumaTopology.UNKNOWN);
    assertThat(topology.nodeOf(-1)).isEqualTo(NumaTopology.UNKNOWN);
  }

  @Test
  void nodesWithoutCpusAreNone() throws Exception {
    NumaTopology topology =
        nodes()
            .node(0, "")
            .node(2, "0-1")
            .node(10, "2-3")
            .node(4, "")
            .distances(2, "17 10 40 21")
            .distances(10, "28 21 60 10")
            .topology();
    assertThat(topology.nodes()).containsExactly(2, 10);
    assertThat(topology.nodeOf(2)).isEqualTo(10);
    assertThat(topology.position(10)).isEqualTo(1);
    assertThat(topology.position(4)).isNegative();
    // The rows name the others, too.
    assertThat(topology.distance(2, 10)).isEqualTo(21);
    assertThat(topology.distance(10, 10)).isEqualTo(10);
  }

  @Test
  void distancesThatAreNotDescribedAreNearAndFar() throws Exception {
    NumaTopology topology =
        nodes().node(0, "0").node(1, "1").distances(0, "10 x").distances(1, "10").topology();
    assertThat(topology.distance(0, 1)).isEqualTo(20);
    assertThat(topology.distance(1, 0)).isEqualTo(20);
    assertThat(topology.distance(1, 1)).isEqualTo(10);
  }

  @Test
  void whatIsNoDescriptionIsRefusedWithWhatIsWrong() throws Exception {
    assertThatThrownBy(() -> NumaTopology.read(directory.resolve("absent")))
        .isInstanceOf(NoSuchFileException.class);
    DescribedNodes nodes = nodes();
    assertThatThrownBy(nodes::topology).hasMessageContaining("no directory nodeN");
    nodes.node(0, "");
    assertThatThrownBy(nodes::topology).hasMessageContaining("no directory nodeN");
    nodes.node(0, "0-1").node(1, "1-2");
    assertThatThrownBy(nodes::topology).hasMessageContaining("CPU 1 on nodes 0 and 1");
    nodes.node(1, "2-");
    assertThatThrownBy(nodes::topology)
        .hasMessageContaining("node1/cpulist")
        .hasMessageContaining("\"2-\"");
    Files.delete(directory.resolve("node1/cpulist"));
    assertThatThrownBy(nodes::topology).hasMessageContaining("node1/cpulist is missing");
  }

  @Test
  void otherEntriesAreNoNodes() throws Exception {
    DescribedNodes nodes = nodes().node(0, "0");
    Files.createDirectory(directory.resolve("nodes"));
    Files.createDirectory(directory.resolve("node"));
    Files.createDirectory(directory.resolve("node01"));
    Files.writeString(directory.resolve("has_cpu"), "0\n");
    assertThat(nodes.topology().nodes()).containsExactly(0);
  }

  @Test
  void thisHostHasAtLeastOneNode() throws Exception {
    assertThat(NumaTopology.ofThisHost().count()).isPositive();
  }
}
