package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class SuccessorsTest {
  private final Directory root = new Directory(null, Names.EMPTY, 1, new LayerDirectory[0]);
  private final NodeTable table = new NodeTable(root);
  private final Kernel kernel = new Kernel();
  private final Successors successors = new Successors(table, kernel);

  /** Writes down what it is told. */
  private static final class Kernel implements Connection {
    private final List<String> told = new ArrayList<>();

    @Override
    public @Nullable BackingFiles backingFiles() {
      return null;
    }

    @Override
    public void invalidateInode(long nodeid, long offset, long length) {
      told.add("inode " + nodeid + " " + offset + " " + length);
    }

    @Override
    public void invalidateAttributes(long nodeid) {
      told.add("attributes " + nodeid);
    }

    @Override
    public void invalidateEntry(long parent, byte[] name) {
      told.add("entry " + parent + " " + new String(name, UTF_8));
    }
  }

  private Node file(String name) {
    Node node = new Node(root, bytes(name), Linux.S_IFREG, 2);
    table.add(node);
    return node;
  }

  @Test
  void aNodeStandsForItselfUntilItIsSuperseded() throws Exception {
    Node node = file("f");
    assertThat(successors.current(node)).isSameAs(node);
    assertThat(successors.lockKey(node)).isSameAs(node);
    assertThat(successors.breaks()).isZero();
    assertThat(kernel.told).isEmpty();
  }

  @Test
  void aSuccessorHasTheNameAndTheInodeNumber() throws Exception {
    Node node = file("f");
    successors.supersede(node);
    Node now = successors.current(node);
    assertThat(now).isNotSameAs(node);
    assertThat(now.nodeid).isNotEqualTo(node.nodeid);
    assertThat(now.ino()).isEqualTo(node.ino());
    assertThat(table.peek(root, bytes("f"))).isSameAs(now);
    assertThat(successors.breaks()).isEqualTo(1);
  }

  @Test
  void theKernelIsToldOfTheDataAndTheName() throws Exception {
    Node node = file("f");
    successors.supersede(node);
    assertThat(kernel.told)
        .containsExactly("inode " + node.nodeid + " 0 0", "entry " + root.nodeid + " f");
  }

  @Test
  void allNodeidsOfAFileHaveTheLocksOfTheFirst() throws Exception {
    Node first = file("f");
    successors.supersede(first);
    Node second = successors.current(first);
    successors.supersede(second);
    Node third = successors.current(second);
    assertThat(successors.current(first)).isSameAs(third);
    assertThat(successors.lockKey(third)).isSameAs(first);
    assertThat(successors.lockKey(second)).isSameAs(first);
    assertThat(successors.lockKey(first)).isSameAs(first);
  }

  @Test
  void aFileWithoutANameCannotBeSuperseded() {
    Node node = file("f");
    node.setRemoved(true);
    assertThatThrownBy(() -> successors.supersede(node)).hasMessage("ESTALE");
    assertThat(node.isSuperseded()).isFalse();
    assertThat(successors.current(node)).isSameAs(node);
  }

  @Test
  void theSuccessorOfAForgottenNodeKeepsTheLocks() throws Exception {
    Node node = file("f");
    successors.supersede(node);
    Node now = successors.current(node);
    Object locks = successors.lockKey(now);
    assertThat(successors.forgotten(node)).isSameAs(now);
    assertThat(successors.lockKey(now)).isSameAs(locks);
    successors.supersede(now);
    Node last = successors.current(now);
    assertThat(successors.lockKey(last)).isSameAs(locks);
    assertThat(successors.forgotten(now)).isSameAs(last);
    assertThat(successors.forgotten(last)).isNull();
    assertThat(successors.lockKey(last)).isSameAs(last);
  }
}
