package io.samepage.overlay;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.samepage.dedup.StableFiles;
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
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the daemon does when a stable file fails to be read. The failing disk is the address 0 of
 * this process, which {@code /proc/self/mem} answers with EIO.
 */
final class StableFileFailureTest {
  private static final byte[] TEXT = "the same in two layers".getBytes(UTF_8);
  private static final byte[] MEMORY = "/proc/self/mem".getBytes(UTF_8);
  private static final Duration NO_TIME = Duration.ZERO;
  private static final int ROOM = 100;

  @TempDir Path path;
  private MountDirectories directories;
  private OverlayFileSystem fileSystem;
  private final Request request = new Request();
  private final NativeBuffer buffer = NativeBuffer.allocate(ROOM);

  @BeforeEach
  void open() throws Exception {
    HostTree.needsRoot();
    for (String layer : List.of("one", "two")) {
      Path directory = java.nio.file.Files.createDirectory(path.resolve(layer));
      java.nio.file.Files.write(directory.resolve(layer), TEXT);
    }
    MountOptions options =
        MountOptions.builder()
            .lower(List.of(bytes("one"), bytes("two")))
            .sharing(SharingMode.FILE)
            .build();
    directories = MountDirectories.open(options, NO_TIME);
    byte[] index = bytes("index").toBytes();
    fileSystem =
        OverlayFileSystem.open(
            OverlayConfig.of(options),
            directories,
            new StableFiles(new StableFiles.Options(index, 1 << 20, "")));
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

  private long open(long nodeid) throws ErrnoException {
    Opened opened = new Opened();
    fileSystem.open(request, nodeid, Linux.O_RDONLY, false, opened);
    return opened.handle;
  }

  private byte[] read(long nodeid, long handle) throws ErrnoException {
    int length = fileSystem.read(request, nodeid, handle, 0, ROOM, buffer);
    byte[] read = new byte[length];
    buffer.bytes().get(0, read);
    return read;
  }

  /** Opens both files until the one that shares is found out: files have to be 2 s old for that. */
  private String whichShares() throws ErrnoException {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (true) {
      for (String name : List.of("one", "two")) {
        long nodeid = lookup(name);
        long handle = open(nodeid);
        State state = fileSystem.pageMap(nodeid).extents().get(0).state();
        fileSystem.release(request, nodeid, handle, 0);
        if (state == State.SHARED) {
          return name;
        }
      }
      assertThat(System.nanoTime()).as("in a minute").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  /** Makes every descriptor of a file of this process fail to be read. */
  private static int breakDescriptors(Path file) throws Exception {
    Stat wanted = new Stat();
    Files.stat(Linux.AT_FDCWD, file.toString().getBytes(UTF_8), wanted);
    int broken = 0;
    try (Fd memory = new Fd(Files.open(Linux.AT_FDCWD, MEMORY, Linux.O_RDONLY, 0))) {
      for (int fd = 3; fd < 1024; fd++) {
        Stat stat = new Stat();
        if (isOpen(fd, stat) && stat.ino == wanted.ino && stat.dev() == wanted.dev()) {
          Files.dup2(memory.number(), fd);
          broken++;
        }
      }
    }
    return broken;
  }

  private static boolean isOpen(int fd, Stat stat) {
    try {
      Files.stat(fd, stat);
      return true;
    } catch (ErrnoException e) {
      return false;
    }
  }

  @Test
  void aFileWhoseStableFileFailsIsReadFromItsOwnCopy() throws Exception {
    String name = whichShares();
    String stable = name.equals("one") ? "two" : "one";
    long nodeid = lookup(name);
    long first = open(nodeid);
    long second = open(nodeid);
    assertThat(read(nodeid, first)).isEqualTo(TEXT);
    assertThat(breakDescriptors(path.resolve(stable).resolve(stable))).isPositive();
    assertThat(read(nodeid, first)).isEqualTo(TEXT);
    assertThat(read(nodeid, second)).isEqualTo(TEXT);
    fileSystem.release(request, nodeid, first, 0);
    fileSystem.release(request, nodeid, second, 0);
    // The next opens do without the stable file, as soon as the index has been told.
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (fileSystem.pageMap(nodeid).extents().get(0).state() != State.OWN) {
      assertThat(System.nanoTime()).as("in a minute").isLessThan(deadline);
      Thread.onSpinWait();
    }
    assertThat(fileSystem.counters().sharing().fallbacks()).isEqualTo(1);
    assertThat(fileSystem.counters().sharing().pagesUnshared()).isZero();
  }

  @Test
  void aFileThatFailsItselfFails() throws Exception {
    String name = whichShares();
    String stable = name.equals("one") ? "two" : "one";
    long nodeid = lookup(stable);
    long handle = open(nodeid);
    assertThat(read(nodeid, handle)).isEqualTo(TEXT);
    assertThat(breakDescriptors(path.resolve(stable).resolve(stable))).isPositive();
    assertThat(catchThrowableOfType(ErrnoException.class, () -> read(nodeid, handle)).errno())
        .isEqualTo(Errno.EIO);
    fileSystem.release(request, nodeid, handle, 0);
  }
}
