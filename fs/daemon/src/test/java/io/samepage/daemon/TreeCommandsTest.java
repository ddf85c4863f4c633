package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.samepage.posix.Credentials;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The commands {@code index} and {@code report}, as processes. */
@Timeout(120)
final class TreeCommandsTest {
  private static final int INTERRUPTED = 130;
  @TempDir Path dir;

  private Process start(String... words) throws IOException {
    List<String> command = new ArrayList<>();
    // A shell ignores SIGINT in what it runs in the background, and a JVM leaves that as it is.
    command.addAll(List.of("env", "--default-signal=INT"));
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-Djava.io.tmpdir=" + dir); // for what an interrupted process has unpacked
    command.add("-cp");
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(Main.class.getName());
    command.addAll(List.of(words));
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(dir.toFile()).redirectErrorStream(true);
    builder.environment().put(ContentIndexLocation.VARIABLE, dir.resolve("index").toString());
    return builder.start();
  }

  private String run(int exit, String... words) throws Exception {
    Process process = start(words);
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isEqualTo(exit);
    return said;
  }

  private void makeTrees() throws IOException {
    byte[] content = new byte[100_000];
    new Random(1).nextBytes(content);
    for (String tree : List.of("one", "two")) {
      Files.createDirectory(dir.resolve(tree));
      Files.write(dir.resolve(tree).resolve("file in " + tree), content);
    }
    content[50_000]++;
    Files.write(dir.resolve("two/alike"), content);
  }

  @Test
  void anIndexedTreeIsKnownTheNextTime() throws Exception {
    assumeTrue(Credentials.effectiveUid() == 0, "needs root");
    makeTrees();
    assertThat(run(0, "index", "one", "two")).startsWith("3 files").contains(" 3 hashed");
    assertThat(run(0, "index", "two")).contains("2 files", "2 known", " 0 hashed");
    assertThat(run(0, "index", "two", "--domain", "other")).contains("0 known", " 2 hashed");
    assertThat(run(0, "index", "two", "--index", "elsewhere")).contains("0 known", " 2 hashed");
    assertThat(dir.resolve("elsewhere/data.mdb")).exists();
    assertThat(run(ExitCode.LAYERS.number(), "index", "missing")).contains("missing: ENOENT");
  }

  @Test
  void anInterruptedIndexIsContinued() throws Exception {
    assumeTrue(Credentials.effectiveUid() == 0, "needs root");
    makeTrees();
    // Two files of one size that take minutes to hash, and no space: it is still at them.
    Path endless = Files.createDirectory(dir.resolve("endless"));
    for (String name : List.of("endless a", "endless b")) {
      try (RandomAccessFile file = new RandomAccessFile(endless.resolve(name).toFile(), "rw")) {
        file.setLength(1L << 40);
      }
    }
    Process process = start("index", "one", "two", "endless");
    while (!hasOpen(process, "endless a")) {
      assertThat(process.isAlive()).isTrue();
      Thread.onSpinWait();
    }
    new ProcessBuilder("kill", "-INT", String.valueOf(process.pid())).start().waitFor();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isEqualTo(INTERRUPTED);
    assertThat(said).doesNotContain("Exception");
    assertThat(run(0, "index", "one", "two")).contains("3 known", " 0 hashed");
  }

  /** Whether a process has a file of that name open, in whatever mount. */
  private static boolean hasOpen(Process process, String name) throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
      return descriptors.anyMatch(descriptor -> target(descriptor).endsWith(name));
    }
  }

  private static Path target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor);
    } catch (IOException closedMeanwhile) {
      return descriptor;
    }
  }

  @Test
  void aReportIsATableAndAPage() throws Exception {
    makeTrees();
    String said = run(0, "report", "one", "two", "--html", "page.html");
    assertThat(said).contains("in all", "2 different contents");
    // 25 pages each; a file is found again, and of the one that is alike all pages but one.
    assertThat(said).contains("33.3 %", "65.3 %");
    String page = Files.readString(dir.resolve("page.html"));
    assertThat(page).startsWith("<!doctype html>").endsWith("</body></html>\n");
    assertThat(page).contains("<svg", "65.3 %").doesNotContain("http", "src=", "href=");
  }

  @Test
  void aNameIsNoMarkup() {
    assertThat(ReportPage.escape("<a href=\"x\">&")).isEqualTo("&lt;a href=&quot;x&quot;&gt;&amp;");
  }

  @Test
  void progressSaysWhatIsLeft() {
    assertThat(ProgressLine.text(new ProgressLine.State(10, 100, 1 << 20, 10 << 20), 2))
        .isEqualTo("10/100 files, 1.0 MiB of 10.0 MiB, 512.0 KiB/s, 0:18 left");
    assertThat(ProgressLine.text(new ProgressLine.State(0, 1234, 0, 0), 1))
        .isEqualTo("1,234 files found");
    assertThat(ProgressLine.duration(3725)).isEqualTo("1:02:05");
  }
}
