package io.samepage.dedup;

import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;

/**
 * Prints what the parts cost on this machine, as root: the digest of warm files by one thread, and
 * an open's question for the stable file. Arguments: an empty directory on a disk.
 *
 * <pre>java -cp target/test-classes:target/classes:… io.samepage.dedup.DedupCost DIRECTORY</pre>
 */
final class DedupCost {
  private static final int FILES = 1000;
  private static final int ROUNDS = 200;

  private DedupCost() {}

  public static void main(String[] arguments) throws Exception {
    Tree tree = new Tree(Path.of(arguments[0]).resolve("tree"));
    digest(tree);
    find(tree, Tree.bytes(Path.of(arguments[0]).resolve("index")));
    million(Path.of(arguments[0]).resolve("million"));
  }

  private static void million(Path directory) throws Exception {
    int million = 1_000_000;
    long start = System.nanoTime();
    try (ContentIndex index = IndexChild.open(directory)) {
      for (int i = 0; i < million; i += 500) {
        IndexChild.enter(index, i, 500);
      }
    }
    long entered = System.nanoTime();
    try (ContentIndex index = IndexChild.open(directory)) {
      long opened = System.nanoTime();
      int known = IndexChild.countKnown(index, 0, million);
      long read = System.nanoTime();
      System.out.printf(
          Locale.ROOT,
          "a million files: entered in %.1f s, %d MB; checked and opened in %.2f s; %d are known,"
              + " asked for file and places in %.2f us each%n",
          (entered - start) / 1e9,
          java.nio.file.Files.size(directory.resolve("data.mdb")) / 1_000_000,
          (opened - entered) / 1e9,
          known,
          (read - opened) / 1e3 / million);
    }
  }

  private static void digest(Tree tree) throws Exception {
    byte[] content = new byte[64 << 20];
    new Random(1).nextBytes(content);
    Path large = tree.file("large", content);
    VerityDigest digest = new VerityDigest();
    double best = 0;
    try (Fd fd = Tree.open(large, Linux.O_RDONLY)) {
      for (int i = 0; i < 12; i++) {
        long start = System.nanoTime();
        digest.of(fd.number(), content.length, null);
        best = Math.max(best, content.length / (double) (System.nanoTime() - start));
      }
    }
    System.out.printf(Locale.ROOT, "digest: %.2f GB/s a thread%n", best);
    java.nio.file.Files.delete(large);
  }

  private static void find(Tree tree, byte[] index) throws Exception {
    StableFiles files =
        new StableFiles(
            new StableFiles.Options(index, ContentIndex.DEFAULT_LIMIT, ""), Long.MIN_VALUE / 2);
    try (LayerTree mount = LayerTree.mount(tree.name())) {
      LayerTree layer = files.open(mount.rootFd(), tree.name());
      Fd[] fds = new Fd[FILES];
      Stat[] stats = new Stat[FILES];
      for (int i = 0; i < FILES; i++) {
        Path file =
            tree.file(
                "f" + i, ("content " + i / 2).getBytes(java.nio.charset.StandardCharsets.UTF_8));
        fds[i] = Tree.open(file, Linux.O_PATH);
        stats[i] = new Stat();
        Files.stat(fds[i].number(), stats[i]);
      }
      measure("while the index is being opened", files, layer, fds, stats, 1);
      for (int last = -1; files.counters().queued() > 0 || last < 0; last = 0) {
        Thread.sleep(500);
      }
      measure("known, every second one with another stable file", files, layer, fds, stats, ROUNDS);
      for (Stat stat : stats) {
        stat.ctimeNanos ^= 1; // as if it had changed: not known, and the queue fills
      }
      measure("unknown", files, layer, fds, stats, ROUNDS);
      System.out.println(files.counters());
      for (Fd fd : fds) {
        fd.close();
      }
      files.close(layer);
    }
    files.close();
  }

  private static void measure(
      String what, StableFiles files, LayerTree layer, Fd[] fds, Stat[] stats, int rounds) {
    long found = 0;
    long best = Long.MAX_VALUE;
    for (int round = 0; round < rounds; round++) {
      long start = System.nanoTime();
      for (int i = 0; i < FILES; i++) {
        try (Content content = files.find(layer, FileAt.of(fds[i].number()), stats[i])) {
          if (content != null && content.stable() != null) {
            found++;
          }
        }
      }
      best = Math.min(best, (System.nanoTime() - start) / FILES);
    }
    System.out.printf(
        Locale.ROOT, "find, %s: %d ns, best of %d rounds; %d found%n", what, best, rounds, found);
  }
}
