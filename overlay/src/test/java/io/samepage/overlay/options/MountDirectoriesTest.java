package io.samepage.overlay.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.overlay.options.MountOptionParser.Form;
import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Credentials;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import io.samepage.posix.Mounts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Directories as they are on a host; as root also with mounts of other kinds. */
final class MountDirectoriesTest {
  private static final Duration NO_PATIENCE = Duration.ZERO;
  private static final boolean ROOT = Credentials.effectiveUid() == 0;

  @TempDir Path dir;
  private final Deque<Path> mounted = new ArrayDeque<>();

  @BeforeEach
  void makeDirectories() throws IOException {
    for (String name : List.of("l", "l2", "u", "w", "m")) {
      Files.createDirectory(dir.resolve(name));
    }
  }

  @AfterEach
  void unmountAll() throws ErrnoException {
    while (!mounted.isEmpty()) {
      Mounts.unmount(bytes(mounted.pop().toString()), Linux.MNT_DETACH);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private Path mount(String type, String name, String data, long flags) throws Exception {
    assumeTrue(ROOT, "needs root");
    Path at = dir.resolve(name);
    Files.createDirectories(at);
    try {
      Mounts.mount(bytes(type), bytes(at.toString()), bytes(type), flags, bytes(data));
    } catch (ErrnoException e) {
      assumeTrue(false, "cannot mount " + type + ": " + e.getMessage());
    }
    mounted.push(at);
    return at;
  }

  private void bind(Path from, Path to, long flags) throws Exception {
    assumeTrue(ROOT, "needs root");
    Mounts.mount(bytes(from.toString()), bytes(to.toString()), bytes(""), Linux.MS_BIND, bytes(""));
    mounted.push(to);
    if (flags != 0) {
      Mounts.mount(
          bytes(""), bytes(to.toString()), bytes(""), Linux.MS_BIND | 32 | flags, bytes(""));
    }
  }

  /** Parses options in which paths are given below the test's directory. */
  private MountOptions options(String text) throws MountRefusedException {
    String whole = text.replace("@", dir + "/") + (ROOT ? "" : ",userxattr");
    return MountOptionParser.parse(Form.STRICT, List.of(ByteString.of(whole))).options();
  }

  private MountDirectories open(String options) throws MountRefusedException {
    return MountDirectories.open(options(options), NO_PATIENCE);
  }

  private void assertRefused(ThrowingCallable what, Reason reason, String... words) {
    assertThatThrownBy(what)
        .isInstanceOf(MountRefusedException.class)
        .hasMessageNotContaining("\n")
        .satisfies(e -> assertThat(e).hasMessageContainingAll(words))
        .extracting(e -> ((MountRefusedException) e).reason())
        .isEqualTo(reason);
  }

  private void assertOverlap(String options, String... words) {
    assertRefused(() -> open(options).close(), Reason.LAYERS, words);
  }

  @Test
  void goodDirectoriesAreOpenedAndNothingIsLeftInThem() throws Exception {
    try (MountDirectories directories = open("lowerdir=@l:@l2,upperdir=@u,workdir=@w")) {
      assertThat(directories.lower()).hasSize(2);
      assertThat(directories.lower().get(0).path()).hasToString(dir.toRealPath() + "/l");
      assertThat(directories.upper()).isNotNull();
      assertThat(directories.work()).isNotNull();
      assertThat(directories.features().entryTypes()).isTrue();
    }
    assertThat(dir.resolve("w")).isEmptyDirectory();
    assertThat(dir.resolve("u")).isEmptyDirectory();
  }

  @Test
  void missingDirectoriesAndFilesAreRefused() throws Exception {
    Files.createFile(dir.resolve("file"));
    assertRefused(
        () -> open("lowerdir=@l:@none"), Reason.LAYERS, "lowerdir=" + dir + "/none does not exist");
    assertRefused(
        () -> open("lowerdir=@file"),
        Reason.LAYERS,
        "lowerdir=" + dir + "/file is not a directory");
    assertRefused(
        () -> open("lowerdir=@l,upperdir=@none,workdir=@w"), Reason.LAYERS, "upperdir=", "none");
    assertRefused(
        () -> open("lowerdir=@l,upperdir=@u,workdir=@file"), Reason.LAYERS, "workdir=", "file");
    assertRefused(
        () -> open("lowerdir=@" + "x".repeat(5000)), Reason.LAYERS, "longer than a path can be");
  }

  @Test
  void aPathThroughALinkIsResolvedByTheKernelAlone() throws Exception {
    Files.createDirectories(dir.resolve("elsewhere/layer/diff"));
    Files.createDirectories(dir.resolve("elsewhere/layer/diff1"));
    Files.createDirectory(dir.resolve("short"));
    Files.createSymbolicLink(dir.resolve("short/X"), dir.resolve("elsewhere/layer/diff"));
    try (MountDirectories directories = open("lowerdir=@short/X/../diff1:@short/X")) {
      assertThat(directories.lower().get(0).path())
          .hasToString(dir.toRealPath() + "/elsewhere/layer/diff1");
    }
  }

  @Test
  void equalDirectoriesAreRefused() throws Exception {
    Files.createSymbolicLink(dir.resolve("link"), dir.resolve("l"));
    assertOverlap("lowerdir=@l:@link", "lowerdir=" + dir + "/l and", "are the same directory");
    assertOverlap("lowerdir=@l,upperdir=@l,workdir=@w", "upperdir=", "are the same directory");
    assertOverlap("lowerdir=@l,upperdir=@u,workdir=@u", "workdir=", "are the same directory");
    assertOverlap("lowerdir=@l,upperdir=@u,workdir=@l/../l", "are the same directory");
  }

  @Test
  void nestedDirectoriesAreRefused() throws Exception {
    Files.createDirectories(dir.resolve("l/a/b"));
    Files.createDirectories(dir.resolve("u/w"));
    Files.createDirectories(dir.resolve("lx"));
    assertOverlap("lowerdir=@l:@l/a/b", "/l/a/b is inside lowerdir=" + dir + "/l:");
    assertOverlap("lowerdir=@l,upperdir=@l/a,workdir=@w", "upperdir=", "is inside lowerdir=");
    assertOverlap("lowerdir=@l,upperdir=@u,workdir=@l/a", "workdir=", "is inside lowerdir=");
    assertOverlap("lowerdir=@u/w,upperdir=@u,workdir=@w", "lowerdir=", "is inside upperdir=");
    assertOverlap("lowerdir=@l,upperdir=@u,workdir=@u/w", "workdir=", "is inside upperdir=");
    assertOverlap("lowerdir=@l,upperdir=@u/w,workdir=@u", "upperdir=", "is inside workdir=");
    open("lowerdir=@l:@lx").close();
  }

  @Test
  void nestingIsSeenThroughBindMounts() throws Exception {
    Files.createDirectories(dir.resolve("l/a"));
    Files.createDirectories(dir.resolve("bound"));
    bind(dir.resolve("l/a"), dir.resolve("bound"), 0);
    Files.createDirectories(dir.resolve("l/a/u"));
    Files.createDirectories(dir.resolve("l/a/w"));
    assertOverlap(
        "lowerdir=@l,upperdir=@bound/u,workdir=@bound/w", "upperdir=", "is inside lowerdir=");
  }

  @Test
  void anotherFileSystemBelowALayerIsNoPartOfIt() throws Exception {
    mount("tmpfs", "l/t", "", 0);
    Files.createDirectories(dir.resolve("l/t/u"));
    Files.createDirectories(dir.resolve("l/t/w"));
    open("lowerdir=@l,upperdir=@l/t/u,workdir=@l/t/w").close();
  }

  @Test
  void theWorkDirectoryMustBeOnTheMountOfTheUpperOne() throws Exception {
    mount("tmpfs", "t", "", 0);
    Files.createDirectories(dir.resolve("t/w"));
    assertRefused(
        () -> open("lowerdir=@l,upperdir=@u,workdir=@t/w"),
        Reason.LAYERS,
        "workdir=" + dir + "/t/w is not on the same mount as upperdir=");
  }

  @Test
  void aReadOnlyUpperFileSystemIsRefused() throws Exception {
    Files.createDirectories(dir.resolve("rw/u"));
    Files.createDirectories(dir.resolve("rw/w"));
    Files.createDirectories(dir.resolve("ro"));
    bind(dir.resolve("rw"), dir.resolve("ro"), Linux.MS_RDONLY);
    assertRefused(
        () -> open("lowerdir=@l,upperdir=@ro/u,workdir=@ro/w"),
        Reason.UPPER_FILE_SYSTEM,
        "upperdir=" + dir + "/ro/u is on a read-only file system");
  }

  @Test
  void anUpperFileSystemWithoutAttributesIsRefused() throws Exception {
    mount("ramfs", "r", "", 0);
    Files.createDirectories(dir.resolve("r/u"));
    Files.createDirectories(dir.resolve("r/w"));
    assertRefused(
        () -> open("lowerdir=@l,upperdir=@r/u,workdir=@r/w"),
        Reason.UPPER_FILE_SYSTEM,
        "the file system of upperdir=",
        "trusted.overlay.*");
    assertThat(dir.resolve("r/w")).isEmptyDirectory();
  }

  @Test
  void anOverlayCannotBeAnUpperDirectory() throws Exception {
    mount(
        "overlay",
        "o",
        "lowerdir=" + dir + "/l:" + dir + "/l2,upperdir=" + dir + "/u,workdir=" + dir + "/w",
        0);
    Files.createDirectories(dir.resolve("o/u"));
    Files.createDirectories(dir.resolve("o/w"));
    assertRefused(
        () -> open("lowerdir=@m,upperdir=@o/u,workdir=@o/w"),
        Reason.UPPER_FILE_SYSTEM,
        "has no whiteouts");
    assertThat(dir.resolve("o/w")).isEmptyDirectory();
    assertRefused(
        () -> open("lowerdir=@m,upperdir=@u,workdir=@w"),
        Reason.IN_USE,
        "is in use by the kernel's overlayfs on " + dir.toRealPath() + "/o");
  }

  @Test
  void tmpfsWillDo() throws Exception {
    mount("tmpfs", "t", "", 0);
    Files.createDirectories(dir.resolve("t/u"));
    Files.createDirectories(dir.resolve("t/w"));
    try (MountDirectories directories = open("lowerdir=@l,upperdir=@t/u,workdir=@t/w")) {
      assertThat(directories.features()).isEqualTo(UpperFeatures.ALL);
    }
  }

  @Test
  void aFullFileSystemWillDo() throws Exception {
    mount("tmpfs", "t", "size=64k", 0);
    Files.createDirectories(dir.resolve("t/u"));
    Files.createDirectories(dir.resolve("t/w"));
    try {
      Files.write(dir.resolve("t/u/fill"), new byte[1 << 20]);
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space");
    }
    open("lowerdir=@l,upperdir=@t/u,workdir=@t/w").close();
  }

  @Test
  void directoriesOfAnotherMountAreRefusedUntilItEnds() throws Exception {
    String options = "lowerdir=@l,upperdir=@u,workdir=@w";
    Files.createDirectories(dir.resolve("w2"));
    MountDirectories first = open(options);
    assertRefused(() -> open(options), Reason.IN_USE, "workdir=", "is in use by another mount");
    assertRefused(
        () -> open("lowerdir=@l,upperdir=@u,workdir=@w2"), Reason.IN_USE, "upperdir=", "in use");
    open("lowerdir=@l:@u").close(); // as a lower layer it may be used
    Thread ending =
        new Thread(
            () -> {
              try {
                Thread.sleep(200);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              first.close();
            });
    ending.start();
    long began = System.nanoTime();
    MountDirectories.open(options(options), Duration.ofSeconds(20)).close();
    assertThat(System.nanoTime() - began).isLessThan(TimeUnit.SECONDS.toNanos(10));
    ending.join();
  }

  @Test
  void whatAVolatileMountLeavesIsRefused() throws Exception {
    String options = "lowerdir=@l,upperdir=@u,workdir=@w";
    try (MountDirectories directories = open(options + ",volatile")) {
      VolatileMark.set(directories.work().fd());
    }
    assertThat(dir.resolve("w/work/incompat/volatile/dirty")).exists();
    for (String more : List.of("", ",volatile")) {
      assertRefused(
          () -> open(options + more),
          Reason.IN_USE,
          "workdir=",
          "is left over from a volatile mount",
          "rm -r " + dir.toRealPath() + "/w/work/incompat/volatile");
    }
    try (var work =
        new io.samepage.posix.Fd(
            io.samepage.posix.Files.open(
                Linux.AT_FDCWD, bytes(dir.resolve("w").toString()), Linux.O_PATH, 0))) {
      VolatileMark.clear(work.number());
    }
    open(options).close();
    Files.createDirectories(dir.resolve("w/work/incompat/telepathy/on"));
    assertRefused(() -> open(options), Reason.IN_USE, "a feature that is not supported");
  }

  @Test
  void theKernelReadsAndWritesTheSameMark() throws Exception {
    String data =
        "lowerdir=" + dir + "/l:" + dir + "/l2,upperdir=" + dir + "/u,workdir=" + dir + "/w";
    mount("overlay", "o", data + ",volatile", 0);
    unmountAll();
    assertRefused(
        () -> open("lowerdir=@l,upperdir=@u,workdir=@w"), Reason.IN_USE, "volatile mount");
    Files.delete(dir.resolve("w/work/incompat/volatile/dirty"));
    try (MountDirectories directories = open("lowerdir=@l,upperdir=@u,workdir=@w")) {
      VolatileMark.set(directories.work().fd());
    }
    assertThatThrownBy(
            () ->
                Mounts.mount(bytes("overlay"), bytes(dir + "/o"), bytes("overlay"), 0, bytes(data)))
        .isInstanceOf(ErrnoException.class);
  }

  @Test
  void aTargetMustBeAnEmptyDirectoryOfItsOwn() throws Exception {
    Files.createFile(dir.resolve("file"));
    Files.createDirectories(dir.resolve("u/inner"));
    try (MountDirectories directories = open("lowerdir=@l,upperdir=@u,workdir=@w")) {
      target("m", directories, Form.STRICT, false);
      assertRefused(
          () -> target("none", directories, Form.STRICT, false),
          Reason.TARGET,
          "the mount point " + dir + "/none does not exist");
      assertRefused(
          () -> target("file", directories, Form.STRICT, false),
          Reason.TARGET,
          "is not a directory");
      for (Form form : Form.values()) {
        for (String name : List.of("u", "u/inner", "w")) {
          assertRefused(() -> target(name, directories, form, true), Reason.TARGET, "is inside");
        }
      }
      Files.createFile(dir.resolve("m/something"));
      assertRefused(
          () -> target("m", directories, Form.STRICT, false), Reason.TARGET, "is not empty");
      target("m", directories, Form.STRICT, true);
      target("m", directories, Form.TOLERANT, false);
    }
  }

  @Test
  void aTargetThatIsMountedAlreadyIsRefused() throws Exception {
    mount("overlay", "m", "lowerdir=" + dir + "/l:" + dir + "/l2", 0);
    try (MountDirectories directories = open("lowerdir=@l,upperdir=@u,workdir=@w")) {
      assertRefused(
          () -> target("m", directories, Form.STRICT, true), Reason.TARGET, "mounted already");
      target("m", directories, Form.TOLERANT, false);
    }
    mount("tmpfs", "t", "", 0);
    try (MountDirectories directories = open("lowerdir=@l,upperdir=@u,workdir=@w")) {
      target("t", directories, Form.STRICT, false);
    }
  }

  private void target(String name, MountDirectories directories, Form form, boolean nonEmpty)
      throws MountRefusedException {
    try (MountTarget target = MountTarget.open(ByteString.of(dir.resolve(name).toString()))) {
      target.requireFree(form, nonEmpty);
      target.requireApart(directories);
    }
  }
}
