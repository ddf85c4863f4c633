package io.samepage.overlay;

import static io.samepage.overlay.HostTree.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.overlay.NodeTable.InodeKey;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/**
 * Threads that look names up and forget them at random, of plain files and of files with several
 * names, as the kernel does while its caches are dropped. Each knows how many look-ups of which
 * node it holds; when all are given back, nothing is left.
 */
final class NodeTableStressTest {
  private static final int THREADS = 4;
  private static final int ROUNDS = Integer.getInteger("samepage.stress.rounds", 100_000);
  private static final int DIRECTORIES = 2;
  private static final int NAMES = 7;

  /** Names from this one on belong to linked files, three names each. */
  private static final int FIRST_LINKED = 3;

  private final Directory root = new Directory(null, Names.EMPTY, 1, new LayerDirectory[0]);
  private final NodeTable table = new NodeTable(root);
  private final List<Directory> directories = new ArrayList<>();
  private final Set<Node> made = ConcurrentHashMap.newKeySet();
  private final Set<Node> out = ConcurrentHashMap.newKeySet();

  private static void check(boolean right, String text) {
    if (!right) {
      throw new AssertionError(text);
    }
  }

  private final class Worker {
    private final Random random;
    private final List<Node> held = new ArrayList<>();

    Worker(int seed) {
      random = new Random(seed);
    }

    void run() throws Exception {
      for (int i = 0; i < ROUNDS; i++) {
        if (held.isEmpty() || random.nextInt(100) < 50) {
          lookup();
        } else {
          giveBack(random.nextInt(held.size()));
        }
        if (held.size() > 8) {
          giveBack(0);
        }
      }
      while (!held.isEmpty()) {
        giveBack(0);
      }
    }

    /** As {@link Overlay#lookup} does. */
    private void lookup() throws Exception {
      Directory parent = directories.get(random.nextInt(DIRECTORIES));
      int number = random.nextInt(NAMES);
      byte[] name = bytes("n" + number);
      Node node;
      synchronized (parent) {
        node = table.lookup(parent, name);
        while (node == null) {
          node = number < FIRST_LINKED ? add(parent, name) : addLinked(number, parent, name);
        }
      }
      held.add(node);
      check(table.get(node.nodeid) == node, "a node that is held is found by its nodeid");
      if (number >= FIRST_LINKED) {
        check(table.byInode(key(number)) == node, "and by its inode");
      }
      if (random.nextInt(2) == 0) {
        table.count(node);
        held.add(node);
      }
    }

    private Node add(Directory parent, byte[] name) {
      Node node = new Node(parent, name, Linux.S_IFREG, 1);
      made.add(node);
      table.add(node);
      return node;
    }

    private Node addLinked(int number, Directory parent, byte[] name) {
      Node known = table.byInode(key(number));
      if (random.nextInt(8) == 0) {
        LockSupport.parkNanos(1); // somebody may forget it now
      }
      Node fresh = known != null ? known : new Node(parent, name, Linux.S_IFREG, 1);
      Node node = table.addLinked(key(number), fresh, parent, name);
      if (node == fresh) {
        made.add(node);
      }
      return node;
    }

    private InodeKey key(int number) {
      return new InodeKey(1, number / 3);
    }

    private void giveBack(int index) {
      Node node = held.remove(index);
      long count = 1;
      while (held.remove(node)) {
        count++;
      }
      for (Node left : table.forget(node.nodeid, count)) {
        check(left == node, "another node went");
        check(out.add(node), "a node went twice");
      }
    }
  }

  @Test
  void whatIsLookedUpAndForgottenBalances() throws Exception {
    for (int i = 0; i < DIRECTORIES; i++) {
      Directory directory = new Directory(root, bytes("d" + i), 1, new LayerDirectory[0]);
      table.add(directory);
      directories.add(directory);
    }
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        Worker worker = new Worker(i);
        running.add(
            threads.submit(
                () -> {
                  worker.run();
                  return null;
                }));
      }
      for (Future<?> future : running) {
        future.get(2, TimeUnit.MINUTES);
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(table.size()).isEqualTo(1 + DIRECTORIES);
    assertThat(out).isEqualTo(made).hasSizeGreaterThan(100);
    for (Directory directory : directories) {
      for (int i = 0; i < NAMES; i++) {
        assertThat(table.peek(directory, bytes("n" + i))).isNull();
        assertThat(table.byInode(new InodeKey(1, i))).isNull();
      }
    }
  }
}
