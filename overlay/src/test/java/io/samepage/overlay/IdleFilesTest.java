package io.samepage.overlay;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Linux;
import org.junit.jupiter.api.Test;

final class IdleFilesTest {
  private final Node[] nodes = new Node[4];

  {
    for (int i = 0; i < nodes.length; i++) {
      nodes[i] = new Node(null, Names.EMPTY, Linux.S_IFREG, i);
    }
  }

  @Test
  void theOneThatHasBeenThereLongestGoes() {
    IdleFiles idle = new IdleFiles(2);
    assertThat(idle.add(nodes[0])).isNull();
    assertThat(idle.add(nodes[1])).isNull();
    assertThat(idle.add(nodes[2])).isSameAs(nodes[0]);
    assertThat(idle.add(nodes[0])).isSameAs(nodes[1]);
  }

  @Test
  void whoComesAgainIsTheLast() {
    IdleFiles idle = new IdleFiles(2);
    idle.add(nodes[0]);
    idle.add(nodes[1]);
    assertThat(idle.add(nodes[0])).isNull();
    assertThat(idle.add(nodes[2])).isSameAs(nodes[1]);
  }

  @Test
  void whoIsTakenOutMakesRoom() {
    IdleFiles idle = new IdleFiles(2);
    idle.add(nodes[0]);
    idle.add(nodes[1]);
    idle.remove(nodes[0]);
    idle.remove(nodes[3]);
    assertThat(idle.add(nodes[2])).isNull();
    assertThat(idle.add(nodes[3])).isSameAs(nodes[1]);
  }
}
