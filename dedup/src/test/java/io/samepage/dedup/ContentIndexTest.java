package io.samepage.dedup;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.ContentIndex.Claim;
import io.samepage.dedup.ContentIndex.Knowledge;
import io.samepage.posix.FileHandles.FileHandle;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ContentIndexTest {
  private static final long DOMAIN = 5;
  @TempDir Path directory;

  private Path path() {
    return directory.resolve("index");
  }

  private ContentIndex open() {
    return IndexChild.open(path());
  }

  private static Place place(FileKey key) {
    return new Place(key, new FileHandle(1, new byte[] {1}), 9);
  }

  private static BufferedReader reader(Process process) {
    return new BufferedReader(
        new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
  }

  @Test
  void whatWasEnteredIsThereAfterwards() {
    try (ContentIndex index = open()) {
      IndexChild.enter(index, 0, 2000);
      assertThat(IndexChild.countKnown(index, 0, 3000)).isEqualTo(2000);
    }
    try (ContentIndex index = open()) {
      assertThat(IndexChild.countKnown(index, 0, 3000)).isEqualTo(2000);
      assertThat(index.isPersistent()).isTrue();
    }
    assertThat(path().resolve("data.mdb.set-aside")).doesNotExist();
  }

  @Test
  void readersDoNotTakeAnIndexThatGrowsForOneThatWasShortened() throws InterruptedException {
    AtomicBoolean over = new AtomicBoolean();
    List<Thread> readers = new ArrayList<>();
    try (ContentIndex index = open()) {
      for (int i = 0; i < 4; i++) {
        Thread reader =
            new Thread(
                () -> {
                  while (!over.get()) {
                    IndexChild.countKnown(index, 0, 10);
                  }
                });
        reader.start();
        readers.add(reader);
      }
      try {
        for (int i = 0; i < 40_000; i += 20) {
          IndexChild.enter(index, i, 20);
        }
      } finally {
        over.set(true);
        for (Thread reader : readers) {
          reader.join();
        }
      }
      assertThat(IndexChild.countKnown(index, 0, 40_000)).isEqualTo(40_000);
      assertThat(index.isPersistent()).isTrue();
    }
  }

  /** A million with {@code -Dsamepage.index.files=1000000}, as scripts/test --long has it. */
  @Test
  void asManyFilesAsThereAreAreKnown() throws IOException {
    int files = Integer.getInteger("samepage.index.files", 50_000);
    try (ContentIndex index = open()) {
      for (int i = 0; i < files; i += 500) {
        IndexChild.enter(index, i, 500);
      }
    }
    try (ContentIndex index = open()) {
      assertThat(IndexChild.countKnown(index, 0, files)).isEqualTo(files);
      assertThat(index.fill()).isLessThan(0.9);
      assertThat(index.isPersistent()).isTrue();
    }
    System.out.printf(
        "ContentIndexTest.asManyFilesAsThereAreAreKnown: %,d files in %,d bytes%n",
        files, Files.size(path().resolve("data.mdb")));
    assertThat(path().resolve("data.mdb.set-aside")).doesNotExist();
  }

  @Test
  void aFileIsKnownOnlyAsItWas() {
    try (ContentIndex index = open()) {
      IndexChild.enter(index, 1, 1);
      FileKey key = IndexChild.key(1);
      assertThat(index.find(DOMAIN, key).knowledge()).isEqualTo(Knowledge.DIGEST);
      for (FileKey other :
          List.of(
              new FileKey(2, key.ino(), key.size(), key.mtime(), key.ctime()),
              new FileKey(1, 2, key.size(), key.mtime(), key.ctime()),
              new FileKey(1, key.ino(), 1, key.mtime(), key.ctime()),
              new FileKey(1, key.ino(), key.size(), 1, key.ctime()),
              new FileKey(1, key.ino(), key.size(), key.mtime(), 1))) {
        assertThat(index.find(DOMAIN, other).knowledge()).isEqualTo(Knowledge.UNKNOWN);
      }
      assertThat(index.find(DOMAIN + 1, key).knowledge()).isEqualTo(Knowledge.UNKNOWN);
    }
  }

  @Test
  void onlyFilesOfOneSizeAreHashed() {
    FileKey one = new FileKey(1, 1, 77, 0, 0);
    FileKey two = new FileKey(1, 2, 77, 0, 0);
    FileKey three = new FileKey(1, 3, 77, 0, 0);
    try (ContentIndex index = open()) {
      assertThat(index.claim(DOMAIN, List.of(place(one)))).containsExactly(new Claim(false, null));
      assertThat(index.find(DOMAIN, one).knowledge()).isEqualTo(Knowledge.ALONE);
      assertThat(index.claim(DOMAIN, List.of(place(one)))).extracting(Claim::hash).contains(false);
      List<Claim> claims = index.claim(DOMAIN, List.of(place(two), place(three)));
      assertThat(claims).extracting(Claim::hash).containsExactly(true, true);
      assertThat(claims.get(0).other().key()).isEqualTo(one);
      assertThat(claims.get(1).other()).isNull();
      // Whoever is killed before he hashes it leaves it to others.
      assertThat(index.find(DOMAIN, one).knowledge()).isEqualTo(Knowledge.UNKNOWN);
    }
  }

  @Test
  void twoProcessesWriteAtOnce() throws Exception {
    try (ContentIndex index = open()) {
      Process other = IndexChild.start("write", path().toString(), "100000", "200");
      for (int i = 0; i < 200; i++) {
        IndexChild.enter(index, i * IndexChild.BATCH, IndexChild.BATCH);
      }
      reader(other).lines().forEach(line -> {});
      assertThat(other.waitFor()).isZero();
      assertThat(IndexChild.countKnown(index, 0, 10_000)).isEqualTo(10_000);
      assertThat(IndexChild.countKnown(index, 100_000, 10_000)).isEqualTo(10_000);
    }
    assertThat(path().resolve("data.mdb.set-aside")).doesNotExist();
  }

  @Test
  void whatIsAcknowledgedSurvivesAKill() throws Exception {
    long seed = System.nanoTime();
    System.out.println("ContentIndexTest.whatIsAcknowledgedSurvivesAKill: seed " + seed);
    Random random = new Random(seed);
    List<Integer> acknowledged = new ArrayList<>();
    for (int round = 0; round < 8; round++) {
      Process child =
          IndexChild.start("write", path().toString(), String.valueOf(round * 1_000_000), "20000");
      int batches = 1 + random.nextInt(60);
      try (BufferedReader lines = reader(child)) {
        for (int i = 0; i < batches; i++) {
          acknowledged.add(Integer.parseInt(lines.readLine()));
        }
        child.destroyForcibly().waitFor();
      }
      if (random.nextBoolean()) {
        checkAll(acknowledged);
      }
    }
    checkAll(acknowledged);
    assertThat(path().resolve("data.mdb.set-aside")).doesNotExist();
  }

  private void checkAll(List<Integer> acknowledged) {
    try (ContentIndex index = open()) {
      for (int first : acknowledged) {
        assertThat(IndexChild.countKnown(index, first, IndexChild.BATCH))
            .isEqualTo(IndexChild.BATCH);
      }
    }
  }

  @Test
  void aDamagedIndexIsReadRightlyOrSetAside() throws Exception {
    try (ContentIndex index = open()) {
      // Several changes, so that there are free pages as well.
      for (int i = 0; i < 100; i++) {
        IndexChild.enter(index, i * IndexChild.BATCH, IndexChild.BATCH);
      }
    }
    int rounds = Integer.getInteger("samepage.damage.rounds", 240);
    long seed = Long.getLong("samepage.damage.seed", System.nanoTime());
    System.out.println("ContentIndexTest.aDamagedIndexIsReadRightlyOrSetAside: seed " + seed);
    Process child =
        IndexChild.start("damage", path().toString(), String.valueOf(seed), String.valueOf(rounds));
    List<String> said = reader(child).lines().toList();
    assertThat(child.waitFor()).as("ended after %s", said.get(said.size() - 1)).isZero();
    String last = said.get(said.size() - 1);
    System.out.println(last);
    assertThat(Integer.parseInt(last.substring("set aside: ".length()))).isGreaterThan(rounds / 4);
  }

  @Test
  void whoMakesItShorterWhileItIsInUseEndsNobody() throws Exception {
    for (String shortened : List.of("data.mdb 0", "data.mdb 8192", "lock.mdb 0")) {
      Path there = directory.resolve(shortened.replace(' ', '-'));
      String[] words = shortened.split(" ", -1);
      Process child = IndexChild.start("shorten", there.toString(), words[0], words[1]);
      try (BufferedReader answers = child.inputReader(UTF_8)) {
        assertThat(answers.lines())
            .as(shortened)
            .containsExactly(
                "0 known",
                // it goes on from memory
                IndexChild.BATCH + " known",
                "its files were made shorter",
                "closed");
      }
      assertThat(child.waitFor()).as(shortened).isZero();
      // and the next one makes it anew
      try (ContentIndex index = IndexChild.open(there)) {
        IndexChild.enter(index, 0, 10);
        assertThat(IndexChild.countKnown(index, 0, 10)).isEqualTo(10);
        assertThat(index.isPersistent()).isTrue();
      }
    }
  }

  @Test
  void aForeignFileIsSetAside() throws IOException {
    Files.createDirectories(path());
    Files.writeString(path().resolve("data.mdb"), "this is no index".repeat(2000));
    try (ContentIndex index = open()) {
      IndexChild.enter(index, 0, 10);
      assertThat(index.isPersistent()).isTrue();
    }
    assertThat(path().resolve("data.mdb.set-aside")).content().startsWith("this is no index");
    try (ContentIndex index = open()) {
      assertThat(IndexChild.countKnown(index, 0, 10)).isEqualTo(10);
    }
  }

  @Test
  void withoutADiskItIsInMemory() throws IOException {
    Files.writeString(path(), "a file where the directory should be");
    try (ContentIndex index = open()) {
      assertThat(index.isPersistent()).isFalse();
      IndexChild.enter(index, 0, 100);
      assertThat(IndexChild.countKnown(index, 0, 100)).isEqualTo(100);
    }
  }

  @Test
  void onAFullDiskItGoesOnFromMemory() throws Exception {
    Tree.needsRoot();
    Files.createDirectories(path());
    byte[] word = "tmpfs".getBytes(StandardCharsets.US_ASCII);
    byte[] size = "size=600k".getBytes(StandardCharsets.US_ASCII);
    io.samepage.posix.Mounts.mount(word, Tree.bytes(path()), word, 0, size);
    try (ContentIndex index = open()) {
      assertThat(index.isPersistent()).isTrue();
      int entered = 0;
      while (index.isPersistent()) {
        IndexChild.enter(index, entered, 100);
        entered += 100;
        assertThat(entered).isLessThan(20_000);
      }
      IndexChild.enter(index, entered, 500);
      assertThat(IndexChild.countKnown(index, 0, entered + 500)).isEqualTo(entered + 500);
    } finally {
      io.samepage.posix.Mounts.unmount(Tree.bytes(path()), 0);
    }
  }

  @Test
  void whatMemoryHoldsAddsToWhatTheFullDiskHolds() throws Exception {
    Tree.needsRoot();
    Files.createDirectories(path());
    byte[] word = "tmpfs".getBytes(StandardCharsets.US_ASCII);
    byte[] size = "size=600k".getBytes(StandardCharsets.US_ASCII);
    io.samepage.posix.Mounts.mount(word, Tree.bytes(path()), word, 0, size);
    try (ContentIndex index = open()) {
      IndexChild.enter(index, 1, 1);
      for (int i = 1000; index.isPersistent(); i += 100) {
        IndexChild.enter(index, i, 100);
      }
      // Two has the content of one, which is on the disk.
      IndexChild.enter(index, 2, 1);
      byte[] digest = IndexChild.digest(1);
      assertThat(index.places(DOMAIN, digest))
          .extracting(Place::key)
          .containsExactly(IndexChild.key(1), IndexChild.key(2));
      index.remove(DOMAIN, digest, IndexChild.key(1));
      assertThat(index.places(DOMAIN, digest))
          .extracting(Place::key)
          .containsExactly(IndexChild.key(2));
      index.remove(DOMAIN, digest, IndexChild.key(2));
      assertThat(index.places(DOMAIN, digest)).isEmpty();
      assertThat(IndexChild.isKnown(index, 1)).isFalse();
    } finally {
      io.samepage.posix.Mounts.unmount(Tree.bytes(path()), 0);
    }
  }

  @Test
  void itStaysWithinItsRoom() throws IOException {
    long limit = 2 << 20;
    try (ContentIndex index = ContentIndex.open(Tree.bytes(path()), limit)) {
      for (int i = 0; i < 60_000; i += 500) {
        IndexChild.enter(index, i, 500);
        assertThat(index.fill()).isLessThan(1.2);
      }
      assertThat(IndexChild.countKnown(index, 59_000, 1000)).isEqualTo(1000);
      assertThat(IndexChild.countKnown(index, 0, 60_000)).isBetween(2000, 30_000);
      assertThat(index.isPersistent()).isTrue();
    }
    assertThat(Files.size(path().resolve("data.mdb"))).isLessThan(4 * limit);
  }
}
