package io.samepage.dedup;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageState;
import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Which files are shared in part, whose pages they use, and what becomes of that. */
@Timeout(120)
final class PageSharingTest {
  private static final int PAGE = VerityDigest.BLOCK;
  private static final int PAGES = 256;

  /** Of the smallest file that is shared in part. */
  private static final int LEAST = 64 * PAGE;

  private static final int LIKENESS = 10;

  @TempDir Path directory;
  private Tree layer;
  private PagedMount mount;
  private final byte[] content = random(1, PAGES);

  private static byte[] random(long seed, int pages) {
    byte[] bytes = new byte[pages * PAGE];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  /** A content that has some pages of another one's beginning, after pages of its own. */
  private static byte[] alike(byte[] other, long seed, int ownPages, int sharedPages) {
    byte[] bytes = random(seed, ownPages + sharedPages);
    System.arraycopy(other, 0, bytes, ownPages * PAGE, sharedPages * PAGE);
    return bytes;
  }

  @BeforeEach
  void open() throws Exception {
    Tree.needsRoot();
    layer = new Tree(directory.resolve("layer"));
    mount = mount(layer);
  }

  private PagedMount mount(Tree tree) throws Exception {
    return new PagedMount(directory.resolve("index"), tree, new PageOptions(LEAST, LIKENESS));
  }

  @AfterEach
  void close() throws Exception {
    if (mount != null) {
      mount.close();
    }
  }

  private static byte[] read(PagedFile paged, Path own, int pages) throws Exception {
    NativeBuffer buffer = NativeBuffer.allocate(pages * PAGE);
    try (Fd fd = Tree.open(own, Linux.O_RDONLY)) {
      byte[] read = new byte[paged.read(fd.number(), 0, pages * PAGE, buffer)];
      buffer.bytes().get(0, read);
      return read;
    }
  }

  /** The file that all shared pages of a paged file are read from; one that has none is a fault. */
  private static FileKey owner(PagedFile paged) {
    List<FileKey> owners = new ArrayList<>();
    paged.forEach(
        range -> {
          if (range.extent().state() == PageState.SHARED) {
            owners.add(range.file());
          }
        });
    assertThat(owners).isNotEmpty();
    assertThat(owners).allMatch(owners.get(0)::equals);
    return owners.get(0);
  }

  private FileKey key(Path file) throws Exception {
    return mount.key(file);
  }

  // Who becomes the owner.

  @Test
  void whoIsIdentifiedFirstHasThePagesAndIsReadFromItself() throws Exception {
    Path first = layer.file("first", alike(content, 2, 64, 128));
    Path second = layer.file("second", content);
    Path third = layer.file("third", alike(content, 3, 32, 128));
    mount.identify(first, second, third);
    assertThat(mount.find(first)).isNull();
    try (PagedFile paged = mount.find(second);
        PagedFile last = mount.find(third)) {
      assertThat(PagedMount.extents(paged))
          .containsExactly(
              new PageExtent(0, 128, PageState.SHARED, 0, 64),
              new PageExtent(128, PAGES - 128, PageState.OWN, 0, 128));
      assertThat(owner(paged)).isEqualTo(key(first));
      // Both others have these pages by now: the first one stays their owner.
      assertThat(owner(last)).isEqualTo(key(first));
      assertThat(read(paged, second, PAGES)).isEqualTo(content);
    }
  }

  @Test
  void pagesThatTheOwnerLacksAreReadFromWhoHasThemNext() throws Exception {
    byte[] wider = alike(content, 2, 64, PAGES);
    Path first = layer.file("first", Arrays.copyOf(content, 128 * PAGE));
    Path second = layer.file("second", content);
    Path third = layer.file("third", wider);
    mount.identify(first, second, third);
    try (PagedFile paged = mount.find(third)) {
      List<FileKey> files = new ArrayList<>();
      paged.forEach(range -> files.add(range.file()));
      assertThat(PagedMount.extents(paged))
          .containsExactly(
              new PageExtent(0, 64, PageState.OWN, 0, 0),
              new PageExtent(64, 128, PageState.SHARED, 0, 0),
              new PageExtent(192, PAGES - 128, PageState.SHARED, 1, 128));
      assertThat(files).containsExactly(null, key(first), key(second));
      assertThat(read(paged, third, 64 + PAGES)).isEqualTo(wider);
    }
  }

  @Test
  void twoMountsAgreeWhoeverAsksFirst() throws Exception {
    Path one = layer.file("one", content);
    Path other = layer.file("other", alike(content, 2, 64, 128));
    mount.identify(one, other);
    try (PagedMount second = mount(layer)) {
      second.identify(other, one);
      assertThat(second.find(one)).isNull();
      try (PagedFile here = mount.find(other);
          PagedFile there = second.find(other)) {
        assertThat(PagedMount.extents(there)).isEqualTo(PagedMount.extents(here));
        assertThat(owner(there)).isEqualTo(key(one)).isEqualTo(owner(here));
      }
      assertThat(second.files().counters().filesHashed()).isZero();
    }
  }

  // Who is not shared in part.

  @Test
  void filesBelowTheLeastSizeAndProgramsAreNot() throws Exception {
    layer.file("owner", content);
    byte[] shared = alike(content, 2, 8, 64);
    Path large = layer.file("large", Arrays.copyOf(shared, LEAST));
    Path small = layer.file("small", Arrays.copyOf(shared, LEAST - 1));
    Path executable = layer.file("executable", alike(content, 3, 8, 64));
    Files.setPosixFilePermissions(executable, PosixFilePermissions.fromString("rw-r--r-x"));
    byte[] elf = alike(content, 4, 8, 64);
    System.arraycopy(new byte[] {0x7f, 'E', 'L', 'F'}, 0, elf, 0, 4);
    Path program = layer.file("program", elf);
    mount.identify(layer.path().resolve("owner"), large, small, executable, program);
    try (PagedFile paged = mount.find(large)) {
      assertThat(paged).isNotNull();
    }
    for (Path file : List.of(small, executable, program)) {
      assertThat(mount.find(file)).as(file.toString()).isNull();
    }
    // What is found to be a program is not looked at again, nor do others read from it.
    try (PagedMount second = mount(layer)) {
      second.identify(program);
      assertThat(second.find(program)).isNull();
    }
  }

  @Test
  void filesThatAreHardlyAlikeAreNot() throws Exception {
    Path owner = layer.file("owner", content);
    Path enough = layer.file("enough", alike(content, 2, 90 * 2, 10 * 2));
    Path hardly = layer.file("hardly", alike(content, 3, 91 * 2, 10 * 2));
    mount.identify(owner, enough, hardly);
    try (PagedFile paged = mount.find(enough)) {
      assertThat(paged).isNotNull();
    }
    assertThat(mount.find(hardly)).isNull();
  }

  // What becomes of an owner.

  /** Changes, shortens or removes a file. */
  private enum Fate {
    CHANGED(10) {
      @Override
      void befall(Path file) throws Exception {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
          Stat before = Tree.stat(file);
          do {
            opened.seek(10 * PAGE);
            opened.write("another content".getBytes(UTF_8));
          } while (FileKey.of(1, before).matches(Tree.stat(file))); // until the clock has ticked
        }
      }
    },
    SHORTENED(11) {
      @Override
      void befall(Path file) throws Exception {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
          opened.setLength(100 * PAGE);
        }
      }
    },
    GONE(12) {
      @Override
      void befall(Path file) throws Exception {
        Files.delete(file);
      }
    };

    /** Of the content of a file that it befalls. */
    final long seed;

    Fate(long seed) {
      this.seed = seed;
    }

    abstract void befall(Path file) throws Exception;
  }

  @Test
  void anOwnerThatIsChangedOrShortenedOrGoneIsLeftForTheNextPlace() throws Exception {
    for (Fate fate : Fate.values()) {
      byte[] owners = random(fate.seed, PAGES);
      byte[] users = alike(owners, 10 + fate.seed, 64, 128);
      Path owner = layer.file(fate + "-owner", owners);
      Path next = layer.file(fate + "-next", owners);
      Path user = layer.file(fate + "-user", users);
      mount.identify(owner, next, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(owner(paged)).as(fate.name()).isEqualTo(key(owner));
        fate.befall(owner);
        assertThat(read(paged, user, 192)).as(fate.name()).isEqualTo(users);
        assertThat(owner(paged)).as(fate.name()).isEqualTo(key(next));
      }
    }
  }

  @Test
  void anOwnerThatIsChangedOrShortenedWhileItIsReadIsLeftForTheNextPlace() throws Exception {
    for (Fate fate : List.of(Fate.CHANGED, Fate.SHORTENED)) {
      byte[] owners = random(fate.seed, PAGES);
      byte[] users = alike(owners, 10 + fate.seed, 64, 128);
      Path owner = layer.file(fate + "-owner", owners);
      Path next = layer.file(fate + "-next", owners);
      Path user = layer.file(fate + "-user", users);
      mount.identify(owner, next, user);
      try (PagedFile paged = mount.find(user)) {
        assertThat(read(paged, user, 192)).as(fate.name()).isEqualTo(users);
        assertThat(owner(paged)).as(fate.name()).isEqualTo(key(owner));
        fate.befall(owner);
        assertThat(read(paged, user, 192)).as(fate.name()).isEqualTo(users);
        assertThat(owner(paged)).as(fate.name()).isEqualTo(key(next));
      }
    }
  }

  @Test
  void withNoOtherPlaceTheFileItselfIsReadAndOwnsItsPagesFromThenOn() throws Exception {
    byte[] users = alike(content, 2, 64, 128);
    Path owner = layer.file("owner", content);
    Path user = layer.file("user", users);
    Path third = layer.file("third", alike(content, 3, 32, 128));
    mount.identify(owner, user, third);
    try (PagedFile paged = mount.find(user);
        PagedFile last = mount.find(third)) {
      assertThat(owner(last)).isEqualTo(key(owner));
      Files.delete(owner);
      assertThat(read(paged, user, 192)).isEqualTo(users);
      mount.settle();
      assertThat(PagedMount.extents(paged)).allMatch(extent -> extent.state() == PageState.OWN);
      read(last, third, 160);
      mount.settle();
    }
    assertThat(mount.find(user)).isNull();
    try (PagedFile last = mount.find(third)) {
      assertThat(owner(last)).isEqualTo(key(user));
    }
  }

  @Test
  void whatIsChangedItselfIsReadThroughItsOldMapNoMore() throws Exception {
    Path owner = layer.file("owner", content);
    Path user = layer.file("user", alike(content, 2, 64, 128));
    mount.identify(owner, user);
    Fate.CHANGED.befall(user);
    byte[] changed = Files.readAllBytes(user);
    assertThat(mount.find(user)).isNull();
    mount.identify(user);
    try (PagedFile paged = mount.find(user)) {
      // Pages that it had itself before are looked for where they were, and are not there.
      assertThat(read(paged, user, 192)).isEqualTo(changed);
    }
    mount.settle();
    try (PagedFile paged = mount.find(user)) {
      assertThat(owner(paged)).isEqualTo(key(owner));
      assertThat(read(paged, user, 192)).isEqualTo(changed);
    }
  }

  @Test
  void whatIsChangedBeforeItsTurnIsNotEnteredAsWhatItWas() throws Exception {
    Path owner = layer.file("owner", content);
    Path user = layer.file("user", alike(content, 2, 64, 128));
    mount.identify(owner);
    mount.hold();
    assertThat(mount.find(user)).isNull(); // it is queued
    Fate.CHANGED.befall(user);
    mount.go();
    assertThat(mount.files().counters().filesHashed()).isEqualTo(1);
    mount.identify(user);
    try (PagedFile paged = mount.find(user)) {
      assertThat(read(paged, user, 192)).isEqualTo(Files.readAllBytes(user));
    }
  }

  @Test
  void readsAreRightWhileOwnersAreChangedAndFoundAnew() throws Exception {
    long seed = Long.getLong("samepage.seed", System.nanoTime());
    System.out.println("samepage.seed=" + seed);
    Random random = new Random(seed);
    int copies = 12;
    byte[] users = alike(content, 2, 64, 128);
    List<Path> owners = new ArrayList<>();
    for (int i = 0; i < copies; i++) {
      owners.add(layer.file("owner" + i, content));
    }
    Path user = layer.file("user", users);
    mount.identify(owners.toArray(Path[]::new));
    mount.identify(user);
    AtomicBoolean stop = new AtomicBoolean();
    ExecutorService readers = Executors.newFixedThreadPool(3);
    try (PagedFile shared = mount.find(user)) {
      assertThat(shared).isNotNull();
      List<Future<Integer>> done = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        done.add(
            readers.submit(
                () -> {
                  int reads = 0;
                  for (boolean last = false; !last; reads++) {
                    last = stop.get();
                    assertThat(read(shared, user, 192)).isEqualTo(users);
                    try (PagedFile found = mount.find(user)) {
                      if (found != null) {
                        assertThat(read(found, user, 192)).isEqualTo(users);
                      }
                    }
                  }
                  return reads;
                }));
      }
      for (Path owner : owners) {
        Fate.values()[random.nextInt(Fate.values().length)].befall(owner);
      }
      stop.set(true);
      for (Future<Integer> reader : done) {
        assertThat(reader.get()).isPositive();
      }
      assertThat(PagedMount.extents(shared)).allMatch(e -> e.state() == PageState.OWN);
    } finally {
      stop.set(true);
      readers.shutdownNow();
    }
  }
}
