package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.posix.Credentials;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whole daemons, as the launcher starts them; they need root and /dev/fuse. */
@Timeout(120)
final class DaemonProcessTest {
  @TempDir Path dir;
  private final List<Process> processes = new ArrayList<>();

  @BeforeEach
  void makeDirectories() throws IOException {
    assumeTrue(Credentials.effectiveUid() == 0, "needs root");
    assumeTrue(Files.isWritable(Path.of("/dev/fuse")), "needs /dev/fuse");
    for (String name : List.of("l", "u", "w", "m", "run")) {
      Files.createDirectory(dir.resolve(name));
    }
    Files.writeString(dir.resolve("l/file"), "text");
  }

  @AfterEach
  void endAll() throws Exception {
    for (Process process : processes) {
      process.destroy();
      process.waitFor();
    }
  }

  private Process start(boolean detached, String... words) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-Dsamepage.detached=" + detached);
    command.add("-Djava.io.tmpdir=" + dir); // for what a halted process has unpacked
    command.add("-cp");
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(Main.class.getName());
    command.addAll(List.of(words));
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(dir.toFile()).redirectErrorStream(true);
    builder.environment().put(StateDirectory.RUN_DIR, dir.resolve("run").toString());
    builder.environment().put(ContentIndexLocation.VARIABLE, dir.resolve("index").toString());
    Process process = builder.start();
    processes.add(process);
    return process;
  }

  private static String output(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  private String run(String... words) throws Exception {
    Process process = start(false, words);
    String said = output(process);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }

  private Process mount() throws Exception {
    Process daemon = start(true, "mount", "-o", "lowerdir=l,upperdir=u,workdir=w", "m");
    // The end of the stream comes with the daemon still running: it has let go of it.
    assertThat(output(daemon)).isEqualTo("READY\n");
    assertThat(daemon.isAlive()).isTrue();
    assertThat(dir.resolve("m/file")).hasContent("text");
    return daemon;
  }

  private void assertEnded(Process daemon) throws Exception {
    assertThat(daemon.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(daemon.exitValue()).isZero();
    assertThat(dir.resolve("m")).isEmptyDirectory();
    try (var left = Files.list(dir.resolve("run"))) {
      assertThat(left.map(path -> path.getFileName().toString())).containsOnly("samepage.log");
    }
  }

  @Test
  void aMountLivesUntilItIsUnmounted() throws Exception {
    Process daemon = mount();
    String json = run("status", "--json", "m");
    StatusDocument status = StatusDocument.parse(json.getBytes(StandardCharsets.UTF_8));
    assertThat(status.text("target")).isEqualTo(dir.toRealPath() + "/m");
    assertThat(status.number("pid")).isEqualTo(daemon.pid());
    assertThat(status.text("transport")).isEqualTo("kernel");
    assertThat(status.object("layers").texts("lower")).containsExactly(dir.toRealPath() + "/l");
    assertThat(status.object("layers").text("upper")).isEqualTo(dir.toRealPath() + "/u");
    assertThat(status.is("read_only")).isFalse();
    assertThat(status.number("resident_bytes")).isPositive();
    assertThat(status.object("requests").fields()).isNotEmpty();
    assertThat(run("status")).contains("PID", dir.toRealPath() + "/m");
    assertThat(run("umount", "m")).isEmpty();
    // umount has waited for it.
    assertEnded(daemon);
    assertThat(dir.resolve("run/samepage.log")).content().contains("mounted: ", "unmounted");
  }

  @Test
  void aSignalUnmounts() throws Exception {
    Process daemon = mount();
    daemon.destroy();
    assertEnded(daemon);
  }

  @Test
  void aRemountMayFollowAtOnce() throws Exception {
    for (int i = 0; i < 3; i++) {
      Process daemon = mount();
      new ProcessBuilder("umount", dir.resolve("m").toString()).start().waitFor();
      Process next = mount();
      run("umount", "m");
      assertEnded(next);
      assertEnded(daemon);
    }
  }

  @Test
  void whatIsRefusedLeavesNothingBehind() throws Exception {
    Files.createDirectory(dir.resolve("m/something"));
    Process refused = start(true, "mount", "-o", "lowerdir=l,upperdir=u,workdir=w", "m");
    List<String> said = output(refused).lines().toList();
    assertThat(refused.waitFor()).isEqualTo(ExitCode.TARGET.number());
    assertThat(said).hasSize(2);
    assertThat(said.get(0)).startsWith("samepage: the mount point m is not empty: ");
    assertThat(said.get(1)).isEqualTo("EXIT " + ExitCode.TARGET.number());
    assertThat(dir.resolve("w")).isEmptyDirectory();
    assertThat(dir.resolve("run")).isEmptyDirectory();
  }

  @Test
  void anEngineMayAskTwice() throws Exception {
    Process one = start(true, "-o", "lowerdir=l,upperdir=u,workdir=w", "m");
    Process two = start(true, "-o", "lowerdir=l,upperdir=u,workdir=w", "m");
    assertThat(output(one)).isEqualTo("READY\n");
    assertThat(output(two)).isEqualTo("READY\n");
    assertThat(dir.resolve("m/file")).hasContent("text");
    run("umount", "m");
    assertEnded(one);
    assertEnded(two);
  }

  @Test
  void inTheForegroundItEndsWithTheMount() throws Exception {
    Process daemon = start(false, "mount", "-f", "-o", "lowerdir=l", "m");
    for (int i = 0; i < 200 && !Files.exists(dir.resolve("m/file")); i++) {
      Thread.sleep(50);
    }
    assertThat(dir.resolve("m/file")).hasContent("text");
    run("umount", "m");
    assertEnded(daemon);
    assertThat(output(daemon)).isEmpty();
  }

  @Test
  void aBusyMountIsNotUnmounted() throws Exception {
    Process daemon = mount();
    try (BufferedReader held = Files.newBufferedReader(dir.resolve("m/file"))) {
      Process umount = start(false, "umount", "m");
      assertThat(output(umount)).contains("is in use").contains("-l");
      assertThat(umount.waitFor()).isEqualTo(ExitCode.BUSY.number());
      assertThat(run("umount", "-l", "m")).contains("is detached");
      assertThat(daemon.isAlive()).isTrue();
      assertThat(held.readLine()).isEqualTo("text");
    }
    assertEnded(daemon);
  }

  @Test
  void aSignalEndsAMountThatIsInUseAfterAWhile() throws Exception {
    Process daemon = mount();
    BufferedReader held = Files.newBufferedReader(dir.resolve("m/file"));
    daemon.destroy();
    assertThat(daemon.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(daemon.exitValue()).isEqualTo(ExitCode.BUSY.number());
    assertThat(dir.resolve("m")).isEmptyDirectory();
    try (var left = Files.list(dir.resolve("run"))) {
      assertThat(left.map(path -> path.getFileName().toString())).containsOnly("samepage.log");
    }
    held.close();
  }
}
