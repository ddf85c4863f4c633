package io.samepage.overlay;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.samepage.dedup.ContentIndex;
import io.samepage.dedup.PageOptions;
import io.samepage.dedup.StableFiles;
import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.DataPieces;
import io.samepage.fuse.Entry;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.overlay.PageMap.State;
import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.overlay.options.MountOptions;
import io.samepage.overlay.options.SharingMode;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A file that is read through a page map ends to be so when it is opened for writing, while others
 * are reading it: whoever begins to read after a write has ended sees what it wrote.
 */
@Timeout(120)
final class PagedFileWriteTest {
  private static final int PAGE = 4096;

  /** 32 of each file are its own, and those that follow the owner's. */
  private static final int PAGES = 160;

  private static final int SIZE = PAGES * PAGE;
  private static final int FILES = 6;
  private static final int READERS = 2;

  @TempDir Path path;
  private MountDirectories directories;
  private OverlayFileSystem fileSystem;
  private final Request request = new Request();

  /** What page {@code page} of a file holds, after so many writes of it. */
  private static byte fill(int file, int page, int writes) {
    return (byte) (1 + file * 31 + page * 7 + writes * 101);
  }

  private void mount(long partialFrom) throws Exception {
    HostTree.needsRoot();
    for (String name : List.of("low", "up", "work")) {
      java.nio.file.Files.createDirectory(path.resolve(name));
    }
    byte[] owner = new byte[128 * PAGE];
    new Random(1).nextBytes(owner);
    java.nio.file.Files.write(path.resolve("low/owner"), owner);
    for (int file = 0; file < FILES; file++) {
      byte[] content = new byte[SIZE];
      new Random(2L + file).nextBytes(content);
      System.arraycopy(owner, 0, content, 32 * PAGE, 128 * PAGE);
      java.nio.file.Files.write(path.resolve("low/user" + file), content);
    }
    MountOptions options =
        MountOptions.builder()
            .lower(List.of(bytes("low")))
            .upper(bytes("up"))
            .work(bytes("work"))
            .sharing(SharingMode.PAGE)
            .partialFrom(partialFrom)
            .build();
    directories = MountDirectories.open(options, Duration.ZERO);
    StableFiles stableFiles =
        new StableFiles(
            new StableFiles.Options(
                bytes("index").toBytes(),
                ContentIndex.DEFAULT_LIMIT,
                "",
                new PageOptions(64 * PAGE, 10),
                null));
    stableFiles.begin();
    fileSystem = OverlayFileSystem.open(OverlayConfig.of(options), directories, stableFiles);
    fileSystem.init(new GrantingKernel());
  }

  @AfterEach
  void close() {
    if (fileSystem != null) {
      fileSystem.destroy();
      directories.close();
    }
  }

  private ByteString bytes(String name) {
    return ByteString.of(path.resolve(name).toString());
  }

  private long lookup(String name) throws ErrnoException {
    Entry entry = new Entry();
    fileSystem.lookup(request, FileSystem.ROOT, name.getBytes(UTF_8), entry);
    return entry.nodeid;
  }

  private long open(long nodeid, int flags) throws ErrnoException {
    Opened opened = new Opened();
    fileSystem.open(request, nodeid, flags, false, opened);
    return opened.handle;
  }

  private boolean isShared(long nodeid) throws ErrnoException {
    return fileSystem.pageMap(nodeid).extents().stream().anyMatch(e -> e.state() == State.SHARED);
  }

  /** Opens the owner until its pages are known, before those of the others. */
  private void awaitOwner() throws ErrnoException {
    long deadline = System.nanoTime() + 60_000_000_000L;
    long nodeid = lookup("owner");
    while (fileSystem.counters().sharing().filesHashed() == 0) {
      fileSystem.release(request, nodeid, open(nodeid, Linux.O_RDONLY), 0);
      assertThat(System.nanoTime()).as("in a minute").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  /** Opens a file until it is read through a page map: it has to be 2 s old for that. */
  private void awaitPaged(String name) throws ErrnoException {
    long deadline = System.nanoTime() + 60_000_000_000L;
    long nodeid = lookup(name);
    while (true) {
      long handle = open(nodeid, Linux.O_RDONLY);
      boolean shared = isShared(nodeid);
      fileSystem.release(request, nodeid, handle, 0);
      if (shared) {
        return;
      }
      assertThat(System.nanoTime()).as("in a minute").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  /** A file that some read while one writes it. */
  private final class Storm {
    private final int file;
    private final byte[] before;

    /** How many writes of a page have begun, and how many have ended. */
    private final AtomicIntegerArray begun = new AtomicIntegerArray(PAGES);

    private final AtomicIntegerArray ended = new AtomicIntegerArray(PAGES);
    private final AtomicInteger reads = new AtomicInteger();
    private volatile boolean stop;

    Storm(int file) throws Exception {
      this.file = file;
      before = java.nio.file.Files.readAllBytes(path.resolve("low/user" + file));
    }

    /**
     * What a page may hold that is read between two moments; a read and a write at the same time
     * may each see a part of the other.
     */
    private void check(byte[] read, int page, int from, int endedBefore) {
      int begunByNow = begun.get(page);
      for (int i = 0; i < PAGE; i++) {
        boolean found = false;
        for (int writes = endedBefore; writes <= begunByNow && !found; writes++) {
          byte wanted = writes == 0 ? before[page * PAGE + i] : fill(file, page, writes);
          found = read[from + i] == wanted;
        }
        if (!found) {
          throw new AssertionError(
              "byte %d of page %d of file %d is %d, read after %d writes of %d"
                  .formatted(i, page, file, read[from + i], endedBefore, begunByNow));
        }
      }
    }

    /** Reads some pages, and compares each with what it may be. */
    private void read(long nodeid, long handle, int first, int count, boolean located)
        throws ErrnoException {
      NativeBuffer out = NativeBuffer.allocate(count * PAGE);
      int[] endedBefore = new int[PAGES];
      for (int page = first; page < first + count; page++) {
        endedBefore[page] = ended.get(page);
      }
      long offset = (long) first * PAGE;
      DataPieces pieces = new DataPieces();
      int got = 0;
      if (located && fileSystem.locate(request, nodeid, handle, offset, count * PAGE, pieces)) {
        try {
          for (int i = 0; i < pieces.count(); i++) {
            got +=
                Files.pread(
                    pieces.descriptor(i), out.address() + got, pieces.length(i), pieces.offset(i));
          }
        } finally {
          Reference.reachabilityFence(out);
        }
      } else {
        got = fileSystem.read(request, nodeid, handle, offset, count * PAGE, out);
      }
      assertThat(got).isEqualTo(count * PAGE);
      byte[] read = new byte[count * PAGE];
      out.bytes().get(0, read);
      for (int i = 0; i < count; i++) {
        check(read, first + i, i * PAGE, endedBefore[first + i]);
      }
      reads.incrementAndGet();
    }

    private void readUntilStopped(long nodeid, long handle, long seed) throws ErrnoException {
      Random random = new Random(seed);
      while (!stop) {
        int first = random.nextInt(PAGES);
        int count = 1 + random.nextInt(Math.min(20, PAGES - first));
        read(nodeid, handle, first, count, random.nextInt(4) == 0);
      }
    }

    private void write(long nodeid, long handle, int page) throws ErrnoException {
      NativeBuffer in = NativeBuffer.allocate(PAGE);
      int writes = begun.incrementAndGet(page);
      for (int i = 0; i < PAGE; i++) {
        in.bytes().put(i, fill(file, page, writes));
      }
      try {
        int written =
            fileSystem.write(
                request, nodeid, handle, (long) page * PAGE, in.address(), PAGE, false, false);
        assertThat(written).isEqualTo(PAGE);
      } finally {
        Reference.reachabilityFence(in);
      }
      ended.set(page, writes);
    }

    void run(ExecutorService readers, long seed) throws Exception {
      String name = "user" + file;
      Random random = new Random(seed);
      long old = lookup(name);
      long[] handles = new long[READERS];
      for (int i = 0; i < READERS; i++) {
        handles[i] = open(old, Linux.O_RDONLY);
      }
      assertThat(fileSystem.counters().sharing().sharedRangeBytes()).isEqualTo(128L * PAGE);
      List<Future<?>> done = new ArrayList<>();
      for (int i = 0; i < READERS; i++) {
        long handle = handles[i];
        long readerSeed = seed * 10 + i;
        done.add(
            readers.submit(
                () -> {
                  readUntilStopped(old, handle, readerSeed);
                  return null;
                }));
      }
      while (reads.get() < 20 && done.stream().noneMatch(Future::isDone)) {
        Thread.onSpinWait();
      }
      // The mode of what is open stays; who writes finds the file under another number.
      assertThat(catchThrowableOfType(ErrnoException.class, () -> open(old, Linux.O_RDWR)).errno())
          .isEqualTo(Errno.ESTALE);
      long now = lookup(name);
      assertThat(now).isNotEqualTo(old);
      boolean readable = file % 2 == 0; // else nobody has it mapped for writing, for certain
      long writer = open(now, readable ? Linux.O_RDWR : Linux.O_WRONLY);
      for (int i = 0; i < 60; i++) {
        write(now, writer, random.nextInt(PAGES));
        if (i == 40) {
          AttributeChange change = new AttributeChange();
          change.setMode = true;
          change.mode = 0640; // completes what was copied up in part
          fileSystem.setattr(request, now, change, new Attributes());
        }
      }
      stop = true;
      for (Future<?> one : done) {
        one.get();
      }
      for (long handle : handles) {
        read(old, handle, 0, PAGES, false);
      }
      if (readable) {
        read(now, writer, 0, PAGES, false);
      }
      assertThat(isShared(now)).isFalse();
      assertThat(isShared(old)).isFalse();
      for (long handle : handles) {
        fileSystem.release(request, old, handle, 0);
      }
      fileSystem.release(request, now, writer, 0);
      assertThat(fileSystem.counters().sharing().sharedRangeBytes()).isZero();
      long again = open(now, Linux.O_RDONLY);
      read(now, again, 0, PAGES, false);
      assertThat(isShared(now)).isFalse();
      fileSystem.release(request, now, again, 0);
      assertThat(path.resolve("low/user" + file)).hasBinaryContent(before);
    }
  }

  private void storms() throws Exception {
    long seed = Long.getLong("samepage.seed", System.nanoTime() & 0xffffff);
    System.out.println("PagedFileWriteTest: -Dsamepage.seed=" + seed);
    awaitOwner();
    for (int file = 0; file < FILES; file++) {
      awaitPaged("user" + file);
    }
    ExecutorService readers = Executors.newFixedThreadPool(READERS);
    try {
      for (int file = 0; file < FILES; file++) {
        new Storm(file).run(readers, seed + file);
      }
    } finally {
      readers.shutdownNow();
    }
    assertThat(fileSystem.counters().breaks()).isEqualTo(FILES);
  }

  @Test
  void whoReadsSeesWritesToAFileThatIsCopiedUpWhole() throws Exception {
    mount(0);
    storms();
    assertThat(fileSystem.counters().partialCopyUps()).isZero();
  }

  @Test
  void whoReadsSeesWritesToAFileThatIsCopiedUpPageByPage() throws Exception {
    mount(PAGE);
    storms();
    assertThat(fileSystem.counters().partialCopyUps()).isEqualTo(FILES);
  }
}
