package io.samepage.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SharedLogFileTest {
  @TempDir Path dir;

  private Path log() {
    return dir.resolve("log");
  }

  private Path moved() {
    return dir.resolve("log.1");
  }

  private static byte[] line(String text) {
    return (text + "\n").getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void severalWritersShareIt() throws IOException {
    try (SharedLogFile one = new SharedLogFile(log(), 1 << 20);
        SharedLogFile two = new SharedLogFile(log(), 1 << 20)) {
      one.append(line("a"));
      two.append(line("b"));
      one.append(line("c"));
    }
    assertThat(log()).hasContent("a\nb\nc\n");
    assertThat(Files.getPosixFilePermissions(log())).hasSize(2);
  }

  @Test
  void itsSizeIsBounded() throws IOException {
    try (SharedLogFile one = new SharedLogFile(log(), 1000);
        SharedLogFile two = new SharedLogFile(log(), 1000)) {
      for (int i = 0; i < 500; i++) {
        (i % 3 == 0 ? one : two).append(line("line number " + i));
      }
    }
    assertThat(Files.size(log())).isLessThanOrEqualTo(1000);
    assertThat(Files.size(moved())).isLessThanOrEqualTo(1000);
    List<String> lines = new ArrayList<>(Files.readAllLines(moved()));
    lines.addAll(Files.readAllLines(log()));
    assertThat(lines).last().isEqualTo("line number 499");
    for (int i = 0; i < lines.size(); i++) {
      assertThat(lines.get(i)).isEqualTo("line number " + (500 - lines.size() + i));
    }
  }

  @Test
  void aFileThatWasTakenAwayIsMadeAnew() throws IOException {
    try (SharedLogFile log = new SharedLogFile(log(), 1000)) {
      log.append(line("a"));
      Files.move(log(), dir.resolve("elsewhere"));
      log.append(line("b"));
      Files.delete(log());
      log.append(line("c"));
    }
    assertThat(dir.resolve("elsewhere")).hasContent("a\n");
    assertThat(log()).hasContent("c\n");
  }
}
