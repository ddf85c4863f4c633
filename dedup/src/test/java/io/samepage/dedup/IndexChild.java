package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Identified;
import io.samepage.dedup.ContentIndex.Known;
import io.samepage.posix.FileHandles.FileHandle;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A process of its own that works with an index, so that it can be killed, or be ended by LMDB
 * itself. What it enters can be computed, so that every answer can be checked.
 */
final class IndexChild {
  static final int BATCH = 50;

  /** For files that are new: they count as settled all the same. */
  static final long NEVER = Long.MIN_VALUE / 2;

  private static final long DOMAIN = 5;
  private static final byte[] LAYER = {'/', 't', 'm', 'p'};

  private IndexChild() {}

  static FileKey key(int number) {
    return new FileKey(1, number, 10 + number, 3, 4);
  }

  /** Each third file has the content of the one before it. */
  static byte[] digest(int number) {
    byte[] digest = new byte[VerityDigest.LENGTH];
    new Random(number % 3 == 2 ? number - 1 : number).nextBytes(digest);
    return digest;
  }

  static void enter(ContentIndex index, int from, int count) {
    List<Identified> files = new ArrayList<>();
    long layer = index.enterLayer(LAYER);
    for (int i = from; i < from + count; i++) {
      byte[] handle = ByteBuffer.allocate(12).putInt(i).array();
      Place place = new Place(key(i), new FileHandle(1, handle), layer);
      files.add(new Identified(place, digest(i)));
    }
    index.enter(DOMAIN, files);
  }

  /** Whether a file is known; an answer that is wrong is an error. */
  static boolean isKnown(ContentIndex index, int number) {
    Known known = index.find(DOMAIN, key(number));
    byte[] digest = known.digest();
    if (digest == null) {
      return false;
    }
    if (!Arrays.equals(digest, digest(number))) {
      throw new IllegalStateException("a wrong digest of file " + number);
    }
    for (Place place : index.places(DOMAIN, digest)) {
      int other = (int) place.key().ino();
      if (!place.key().equals(key(other))
          || !Arrays.equals(digest(other), digest)
          || ByteBuffer.wrap(place.handle().bytes()).getInt() != other) {
        throw new IllegalStateException("a wrong place of file " + number);
      }
    }
    return true;
  }

  static int countKnown(ContentIndex index, int from, int count) {
    int known = 0;
    for (int i = from; i < from + count; i++) {
      known += isKnown(index, i) ? 1 : 0;
    }
    return known;
  }

  static ContentIndex open(Path directory) {
    return ContentIndex.open(Tree.bytes(directory), ContentIndex.DEFAULT_LIMIT);
  }

  static Process start(String... arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=/dev/null",
                "--enable-native-access=ALL-UNNAMED",
                // What a killed process has unpacked would stay behind.
                "-Djava.io.tmpdir=" + arguments[1].substring(0, arguments[1].lastIndexOf('/')),
                "-cp",
                System.getProperty("java.class.path"),
                IndexChild.class.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  public static void main(String[] arguments) throws Exception {
    Path directory = Path.of(arguments[1]);
    switch (arguments[0]) {
      case "write" ->
          write(directory, Integer.parseInt(arguments[2]), Integer.parseInt(arguments[3]));
      case "damage" ->
          damage(directory, Long.parseLong(arguments[2]), Integer.parseInt(arguments[3]));
      case "shorten" -> shorten(directory, arguments[2], Long.parseLong(arguments[3]));
      case "pages" -> enterPages(directory, Integer.parseInt(arguments[2]));
      case "identify" ->
          identify(directory, Path.of(arguments[2]), Path.of(arguments[3]), arguments[4]);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  /**
   * Identifies two trees in one domain after the other, for ever, and says which are done. Domains
   * have numbers, from a first one on.
   */
  private static void identify(Path directory, Path one, Path two, String first) throws Exception {
    try (ContentIndex index = open(directory)) {
      for (int domain = Integer.parseInt(first); true; domain++) {
        TreeIndexer indexer = new TreeIndexer(index, String.valueOf(domain), null, 2, NEVER);
        indexer.index(Tree.bytes(one));
        indexer.index(Tree.bytes(two));
        System.out.println(domain);
        System.out.flush();
      }
    }
  }

  /** Enters batches and says so after each, as fast as it can. */
  private static void write(Path directory, int from, int batches) {
    try (ContentIndex index = open(directory)) {
      for (int i = 0; i < batches; i++) {
        int first = from + i * BATCH;
        enter(index, first, BATCH);
        System.out.println(first);
        System.out.flush();
      }
    }
  }

  /**
   * Enters pages of contents into a page index, the next one whenever it is told to. Round after
   * round those of all processes are alike but for a few pages.
   */
  private static void enterPages(Path directory, int process) throws IOException {
    try (PageIndex index = PageIndex.open(Tree.bytes(directory))) {
      System.out.println("open");
      System.out.flush();
      for (int round = 0; System.in.read() == 'g'; round++) {
        PageIndexTest.enter(
            index, PageIndexTest.contentOf(round, process), round * 10_000L + process);
        System.out.println(round);
        System.out.flush();
      }
    }
  }

  /** Makes a file of an index shorter that is in use, and goes on with it. */
  private static void shorten(Path directory, String name, long size) throws IOException {
    try (ContentIndex index = open(directory)) {
      enter(index, 0, BATCH);
      if (countKnown(index, 0, BATCH) != BATCH) {
        throw new IllegalStateException("not all are known that were entered");
      }
      try (RandomAccessFile file = new RandomAccessFile(directory.resolve(name).toFile(), "rw")) {
        file.setLength(size);
      }
      System.out.println(countKnown(index, 0, BATCH) + " known");
      index.version();
      index.fill();
      enter(index, BATCH, BATCH);
      index.trim();
      System.out.println(countKnown(index, BATCH, BATCH) + " known");
      System.out.println(index.fault());
    }
    System.out.println("closed");
    System.out.flush();
  }

  /** Opens damaged copies of an index, reads all of them, writes to them, and reads again. */
  private static void damage(Path directory, long seed, int rounds) throws IOException {
    byte[] sound = Files.readAllBytes(directory.resolve("data.mdb"));
    Path copy = directory.resolveSibling("damaged");
    int setAside = 0;
    for (int round = 0; round < rounds; round++) {
      System.out.println("round " + round);
      System.out.flush();
      Files.createDirectories(copy);
      Files.write(copy.resolve("data.mdb"), sound);
      Files.deleteIfExists(copy.resolve("data.mdb.set-aside"));
      spoil(copy.resolve("data.mdb"), new Random(seed + round), round);
      try (ContentIndex index = open(copy)) {
        countKnown(index, 0, 5000);
        enter(index, 6000, 600);
        if (!index.isPersistent() || countKnown(index, 6000, 600) != 600) {
          throw new IllegalStateException("what is entered afterwards is not there");
        }
      }
      if (Files.exists(copy.resolve("data.mdb.set-aside"))) {
        setAside++;
        Files.move(
            copy.resolve("data.mdb.set-aside"),
            copy.resolve("last"),
            StandardCopyOption.REPLACE_EXISTING);
      }
    }
    System.out.println("set aside: " + setAside);
  }

  private static void spoil(Path file, Random random, int round) throws IOException {
    try (RandomAccessFile data = new RandomAccessFile(file.toFile(), "rw")) {
      long length = data.length();
      int pages = (int) (length / VerityDigest.BLOCK);
      // Headers and the lists of nodes are what LMDB follows.
      long page = (long) random.nextInt(random.nextBoolean() ? 2 : pages) * VerityDigest.BLOCK;
      switch (round % 6) {
        case 0 -> flip(data, page + random.nextInt(200), random);
        case 1 -> flip(data, (long) (random.nextDouble() * length), random);
        case 2 -> {
          byte[] junk = new byte[1 + random.nextInt(VerityDigest.BLOCK)];
          random.nextBytes(junk);
          data.seek(Math.min(page, length - junk.length));
          data.write(junk);
        }
        case 3 -> data.setLength((long) (random.nextDouble() * length));
        case 4 -> {
          data.seek(page);
          data.write(new byte[VerityDigest.BLOCK]);
        }
        default -> {
          byte[] other = new byte[VerityDigest.BLOCK];
          data.seek((long) random.nextInt(pages) * VerityDigest.BLOCK);
          data.readFully(other);
          data.seek(page);
          data.write(other);
        }
      }
    }
  }

  private static void flip(RandomAccessFile data, long at, Random random) throws IOException {
    data.seek(at);
    int old = data.read();
    data.seek(at);
    data.write(old ^ 1 << random.nextInt(8));
  }
}
