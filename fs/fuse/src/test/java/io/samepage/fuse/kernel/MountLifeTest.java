package io.samepage.fuse.kernel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.fuse.MountException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** How a real mount comes about and ends. Everything on it is done by child processes. */
@Timeout(value = 90, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountLifeTest {
  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void whoeverUnmountsEndsTheSession() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      mount.sh("cat f");
      TestMount.finish(new ProcessBuilder("umount", mount.directory().toString()).start());
      mount.session().awaitEnd();
      assertThat(fs.destroyed).isEqualTo(1);
    }
    assertThat(fs.destroyed).isEqualTo(1);
  }

  @Test
  void anAbortEndsTheSessionAndTheMount() throws Exception {
    MemoryFileSystem fs = new MemoryFileSystem();
    fs.addFile("f", bytes("x"));
    try (TestMount mount = TestMount.of(fs)) {
      Process holder = mount.start("exec 3<f; flock 3; exec flock f -c true");
      TestMount.await("a waiting lock", () -> mount.count("SETLKW") == 2);
      mount.abort();
      mount.session().awaitEnd();
      assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
          .doesNotContain(mount.directory().toString());
      assertThat(fs.destroyed).isEqualTo(1);
      assertThat(holder.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void aSessionLeavesNothingBehind() throws Exception {
    for (int i = 0; i < 3; i++) {
      MemoryFileSystem fs = new MemoryFileSystem();
      fs.addFile("f", bytes("x"));
      try (TestMount mount = TestMount.of(fs)) {
        mount.sh("for i in 1 2 3 4; do cat f & done; wait");
      }
    }
    TestMount.await(
        "threads",
        () ->
            Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("fuse-")));
    List<String> open = new ArrayList<>();
    try (var list = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path fd : list) {
        try {
          open.add(Files.readSymbolicLink(fd).toString());
        } catch (java.nio.file.NoSuchFileException e) {
          // The listing's own.
        }
      }
    }
    assertThat(open).doesNotContain("/dev/fuse");
  }

  @Test
  void aMountThatCannotBeSaysWhatToDo(@TempDir Path directory) throws Exception {
    assumeTrue(Files.isWritable(Path.of("/dev/fuse")), "/dev/fuse cannot be used here");
    MemoryFileSystem fs = new MemoryFileSystem();
    Path file = Files.createFile(directory.resolve("file"));
    assertThatThrownBy(() -> KernelTransport.mount(options(directory.resolve("none")), fs))
        .isInstanceOf(MountException.class)
        .hasMessageContaining("create it");
    assertThatThrownBy(() -> KernelTransport.mount(options(file), fs))
        .isInstanceOf(MountException.class)
        .hasMessageContaining("not a directory");
    assertThatThrownBy(
            () ->
                KernelTransport.mount(
                    options(directory),
                    new MemoryFileSystem() {
                      @Override
                      public void init(io.samepage.fuse.Connection connection) {
                        throw new IllegalStateException("on purpose");
                      }
                    }))
        .hasMessageContaining("on purpose");
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(directory.toString());
  }

  private static KernelMountOptions options(Path target) {
    return KernelMountOptions.of(bytes(target.toString()), bytes("samepage-test"));
  }
}
