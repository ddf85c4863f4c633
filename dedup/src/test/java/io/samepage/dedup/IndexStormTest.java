package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.ContentIndex.Knowledge;
import io.samepage.dedup.ContentIndex.Known;
import io.samepage.posix.Linux;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three processes identify the same files in one index and are killed at random, while others go
 * on. Whatever is in the index afterwards is what fsverity(1) says of the file, and each place that
 * stands for a content is a file that has it.
 */
final class IndexStormTest {
  private static final int ROUNDS = Integer.getInteger("samepage.storm.rounds", 5);
  private static final int PROCESSES = 3;
  private static final int CONTENTS = 12;

  @TempDir Path directory;

  /** Digests of files by inode number, as fsverity has them. */
  private final Map<Long, String> expected = new HashMap<>();

  private final List<Path> files = new ArrayList<>();
  private Tree one;
  private Tree two;

  /** A process that identifies, and what it says. */
  private record Child(Process process, BufferedReader said) {
    int doneDomain() throws Exception {
      String line = said.readLine();
      assertThat(line).as("it ended by itself").isNotNull();
      return Integer.parseInt(line);
    }

    void kill() throws Exception {
      process.destroyForcibly().waitFor();
      said.close();
    }
  }

  private Child start(int domain) throws Exception {
    Process process =
        IndexChild.start(
            "identify",
            directory.resolve("index").toString(),
            one.path().toString(),
            two.path().toString(),
            String.valueOf(domain));
    return new Child(
        process,
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII)));
  }

  /** Each content twice; two contents of each size. */
  private void makeFiles(Random random) throws Exception {
    one = new Tree(directory.resolve("one"));
    two = new Tree(directory.resolve("two"));
    int size = 0;
    for (int i = 0; i < CONTENTS; i++) {
      size = i % 2 == 0 ? 1 + random.nextInt(30_000) : size;
      byte[] content = new byte[size];
      random.nextBytes(content);
      for (Tree tree : List.of(one, two)) {
        Path file = tree.file("f" + i, content);
        files.add(file);
        expected.put(Tree.stat(file).ino, VerityDigestTest.reference(file));
      }
    }
  }

  /** Looks every file up in a domain; returns how many digests there are. */
  private int check(ContentIndex index, int domain, LayerTree tree) throws Exception {
    long number = ContentIndex.domain(String.valueOf(domain));
    int known = 0;
    for (Path file : files) {
      try (var fd = Tree.open(file, Linux.O_PATH)) {
        FileKey key = tree.key(fd.number(), Tree.stat(file));
        Known found = index.find(number, key);
        // Who was killed may have left it unknown, or the only one of its size.
        if (found.knowledge() != Knowledge.DIGEST) {
          continue;
        }
        String wanted = expected.get(key.ino());
        assertThat(found.digest()).asHexString().isEqualToIgnoringCase(wanted);
        assertThat(index.places(number, found.digest()))
            .isNotEmpty()
            .allSatisfy(place -> assertThat(expected.get(place.key().ino())).isEqualTo(wanted));
        known++;
      }
    }
    return known;
  }

  @Test
  void killedProcessesLeaveNothingWrong() throws Exception {
    Tree.needsRoot();
    long seed = Long.getLong("samepage.storm.seed", System.nanoTime());
    System.out.println("IndexStormTest.killedProcessesLeaveNothingWrong: seed " + seed);
    Random random = new Random(seed);
    makeFiles(random);
    Deque<Child> running = new ArrayDeque<>();
    int domain = 0;
    try {
      for (int i = 0; i < PROCESSES; i++) {
        running.add(start(0));
      }
      for (int round = 0; round < ROUNDS; round++) {
        Child victim = running.remove();
        for (int i = random.nextInt(10); i >= 0; i--) {
          domain = Math.max(domain, victim.doneDomain());
        }
        victim.kill();
        if (random.nextInt(3) == 0) {
          // Nobody is left: the next one to open it looks at all of it first.
          for (Child child = running.poll(); child != null; child = running.poll()) {
            child.kill();
          }
        }
        while (running.size() < PROCESSES) {
          running.add(start(domain));
        }
      }
    } finally {
      for (Child child : running) {
        child.kill();
      }
    }
    assertThat(directory.resolve("index/data.mdb.set-aside")).doesNotExist();
    int last = domain + 1;
    try (ContentIndex index = IndexChild.open(directory.resolve("index"));
        LayerTree tree = LayerTree.mount(one.name())) {
      int known = 0;
      for (int i = 0; i < last; i++) {
        known += check(index, i, tree);
      }
      System.out.printf("%d domains, %d digests%n", last, known);
      assertThat(known).isGreaterThan(0);
      for (int i = last - 1; i <= last + 2 * PROCESSES; i++) {
        TreeIndexer indexer = new TreeIndexer(index, String.valueOf(i), null, 2, IndexChild.NEVER);
        indexer.index(one.name());
        indexer.index(two.name());
        assertThat(check(index, i, tree)).isEqualTo(files.size());
      }
    }
    assertThat(directory.resolve("index/data.mdb.set-aside")).doesNotExist();
  }
}
