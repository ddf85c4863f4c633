package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.fuse.FileSystem;
import io.samepage.overlay.NodeTable.InodeKey;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class NodeTableTest {
  private final Directory root = new Directory(null, Names.EMPTY, 1, new LayerDirectory[0]);
  private final NodeTable table = new NodeTable(root);

  private Node file(Directory parent, String name) {
    return new Node(parent, bytes(name), Linux.S_IFREG, 2);
  }

  private Directory directory(Directory parent, String name) {
    return new Directory(parent, bytes(name), 3, new LayerDirectory[0]);
  }

  @Test
  void theRootIsThereForGood() throws Exception {
    assertThat(table.get(FileSystem.ROOT)).isSameAs(root);
    assertThat(table.forget(FileSystem.ROOT, 1000)).isEmpty();
    assertThat(table.directory(FileSystem.ROOT)).isSameAs(root);
    assertThat(table.size()).isEqualTo(1);
  }

  @Test
  void whatWasNeverHandedOutIsStale() {
    for (long nodeid : new long[] {0, 2, 1023, 1024, 5L << 32 | 1, -1, Long.MIN_VALUE, 1L << 31}) {
      assertThatThrownBy(() -> table.get(nodeid)).hasMessage("ESTALE");
      assertThat(table.forget(nodeid, 1)).isEmpty();
    }
  }

  @Test
  void aFileIsNoDirectory() {
    Node file = file(root, "f");
    table.add(file);
    assertThatThrownBy(() -> table.directory(file.nodeid)).hasMessage("ENOTDIR");
  }

  @Test
  void aSlotThatIsUsedAgainHasAnotherNodeid() {
    Set<Long> nodeids = new HashSet<>();
    for (int i = 0; i < 5000; i++) {
      Node node = file(root, "f");
      table.add(node);
      assertThat(nodeids.add(node.nodeid)).isTrue();
      assertThat(table.forget(node.nodeid, 1)).containsExactly(node);
    }
    assertThat(table.size()).isEqualTo(1);
  }

  /** The kernel forgets a directory after its children, but several workers may swap the two. */
  @Test
  void aDirectoryMayBeForgottenBeforeItsChildren() {
    Directory old = directory(root, "d");
    table.add(old);
    Node child = file(old, "f");
    table.add(child);
    assertThat(table.forget(old.nodeid, 1)).isEmpty();
    assertThat(table.lookup(root, bytes("d"))).isSameAs(old);
    assertThat(table.peek(old, bytes("f"))).isSameAs(child);
    assertThat(table.forget(old.nodeid, 1)).isEmpty();
    assertThat(table.forget(child.nodeid, 1)).containsExactly(child, old);
    assertThat(table.peek(root, bytes("d"))).isNull();
    assertThat(table.peek(old, bytes("f"))).isNull();
    assertThat(table.size()).isEqualTo(1);
  }

  /** The kernel holds it by a name elsewhere, but the name in there must move along. */
  @Test
  void aDirectoryWithAnotherNameOfAFileIsNotForgotten() {
    Directory upper = directory(root, "u");
    table.add(upper);
    Directory inner = directory(upper, "i");
    table.add(inner);
    Node file = file(root, "f");
    table.add(file);
    table.addName(inner, bytes("g"), file);
    assertThat(table.forget(inner.nodeid, 1)).isEmpty();
    assertThat(table.forget(upper.nodeid, 1)).isEmpty();
    assertThat(table.lookup(root, bytes("u"))).isSameAs(upper);
    table.moveName(upper, bytes("i"), root, bytes("moved"));
    assertThat(table.forget(upper.nodeid, 1)).containsExactly(upper);
    assertThat(table.removeName(root, bytes("f"))).isNull();
    assertThat(file.parent()).isSameAs(inner);
    assertThat(table.lookup(root, bytes("moved"))).isSameAs(inner);
    assertThat(table.removeName(inner, bytes("g"))).isSameAs(file);
    assertThat(table.forget(inner.nodeid, 1)).containsExactly(inner);
    assertThat(table.forget(file.nodeid, 1)).containsExactly(file);
    assertThat(table.size()).isEqualTo(1);
  }

  @Test
  void aLinkedNodeThatWasForgottenMeanwhileHasToBeFoundAnew() {
    InodeKey key = new InodeKey(1, 2);
    Node node = file(root, "a");
    assertThat(table.addLinked(key, node, root, bytes("a"))).isSameAs(node);
    Node found = table.byInode(key);
    assertThat(found).isSameAs(node);
    table.forget(node.nodeid, 1);
    assertThat(table.addLinked(key, found, root, bytes("b"))).isNull();
    assertThat(table.peek(root, bytes("a"))).isNull();
    assertThat(table.size()).isEqualTo(1);
    Node fresh = file(root, "b");
    assertThat(table.addLinked(key, fresh, root, bytes("b"))).isSameAs(fresh);
    assertThat(table.peek(root, bytes("b"))).isSameAs(fresh);
  }

  @Test
  void theFurtherNamesOfANodeTakeOverOneByOne() {
    Node node = file(root, "a");
    table.add(node);
    table.addName(root, bytes("b"), node);
    table.addName(root, bytes("c"), node);
    assertThat(table.removeName(root, bytes("a"))).isNull();
    assertThat(node.parent()).isSameAs(root);
    assertThat(table.removeName(root, bytes("c"))).isNull();
    assertThat(node.name()).isEqualTo(bytes("b"));
    assertThat(table.removeName(root, bytes("b"))).isSameAs(node);
    assertThat(node.parent()).isNull();
    node.setRemoved(true);
    table.addName(root, bytes("d"), node);
    assertThat(node.isRemoved()).isFalse();
    assertThat(table.peek(root, bytes("d"))).isSameAs(node);
  }

  /** So many that the table grows, and that probes run into each other. */
  @Test
  void manyNamesComeAndGo() {
    Random random = new Random(42);
    List<Directory> directories = new ArrayList<>(List.of(root));
    for (int i = 0; i < 20; i++) {
      Directory directory = directory(root, "d" + i);
      table.add(directory);
      directories.add(directory);
    }
    Map<List<Object>, Node> model = new HashMap<>();
    for (int round = 0; round < 60_000; round++) {
      Directory parent = directories.get(random.nextInt(directories.size()));
      // Grows, then shrinks.
      String name = "n" + random.nextInt(700);
      List<Object> place = List.of(parent, name);
      Node known = model.get(place);
      assertThat(table.peek(parent, bytes(name))).isSameAs(known);
      boolean fill = random.nextInt(60_000) > round;
      if (known == null && fill) {
        Node node = file(parent, name);
        table.add(node);
        model.put(place, node);
      } else if (known != null && !fill) {
        model.remove(place);
        if (random.nextBoolean()) {
          assertThat(table.removeName(parent, bytes(name))).isSameAs(known);
        }
        assertThat(table.forget(known.nodeid, 1)).containsExactly(known);
      }
    }
    assertThat(table.size()).isEqualTo(21 + model.size());
    model.forEach(
        (place, node) ->
            assertThat(table.peek((Directory) place.get(0), bytes((String) place.get(1))))
                .isSameAs(node));
  }
}
