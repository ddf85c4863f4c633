package io.samepage.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** A program in C that says what the compiler knows from the headers: names, and their numbers. */
public final class CProgram {
  private CProgram() {}

  /** Skips the test where there is no compiler. */
  public static void needsCompiler() throws InterruptedException {
    assumeTrue(hasCompiler(), "gcc is not installed");
  }

  private static boolean hasCompiler() throws InterruptedException {
    try {
      return new ProcessBuilder("gcc", "--version")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Compiles and runs a program.
   *
   * @param directory for its files
   * @param source prints lines of a name, a space and a number
   */
  public static Map<String, Long> numbers(Path directory, String source) throws Exception {
    Path file = Files.writeString(directory.resolve("numbers.c"), source);
    Path binary = directory.resolve("numbers");
    run("gcc", "-o", binary.toString(), file.toString());
    Map<String, Long> numbers = new HashMap<>();
    for (String line : run(binary.toString()).lines().toList()) {
      int space = line.indexOf(' ');
      numbers.put(line.substring(0, space), Long.parseLong(line.substring(space + 1)));
    }
    return numbers;
  }

  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(out).isZero();
    return out;
  }
}
