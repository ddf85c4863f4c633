package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class VerityDigestTest {
  private static final int PAGE = VerityDigest.BLOCK;
  @TempDir Path directory;

  private String digest(VerityDigest digest, Path file) throws Exception {
    try (Fd fd = Tree.open(file, Linux.O_RDONLY)) {
      return HexFormat.of().formatHex(digest.of(fd.number(), Files.size(file), null));
    }
  }

  /** What Debian's fsverity says. */
  static String reference(Path file) throws Exception {
    Process process;
    try {
      process =
          new ProcessBuilder(
                  "fsverity",
                  "digest",
                  "--compact",
                  "--hash-alg=sha256",
                  "--block-size=4096",
                  file.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
    } catch (IOException e) {
      return Assumptions.abort("needs fsverity (apt-get install fsverity)");
    }
    String text =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
    assertThat(process.waitFor()).isZero();
    return text;
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        0,
        1,
        PAGE - 1,
        PAGE,
        PAGE + 1,
        127 * PAGE,
        128 * PAGE,
        128 * PAGE + 1,
        129 * PAGE,
        128 * 128 * PAGE,
        128 * 128 * PAGE + 1,
        128 * 129 * PAGE + 77
      })
  void isWhatFsverityPrints(long size) throws Exception {
    Path file = directory.resolve("file");
    byte[] content = new byte[(int) size];
    new Random(size).nextBytes(content);
    Files.write(file, content);
    String expected = reference(file);
    assertThat(digest(new VerityDigest(), file)).isEqualTo(expected);
    assertThat(digest(new VerityDigest(new Sha256(null)), file))
        .as("without OpenSSL")
        .isEqualTo(expected);
  }

  @Test
  void holesAreZeroes() throws Exception {
    long seed = System.nanoTime();
    System.out.println("VerityDigestTest.holesAreZeroes: seed " + seed);
    Random random = new Random(seed);
    VerityDigest digest = new VerityDigest();
    for (int round = 0; round < 8; round++) {
      Path file = directory.resolve("sparse" + round);
      try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
        out.setLength(random.nextInt(40_000_000));
        for (int i = random.nextInt(6); i > 0; i--) {
          byte[] some = new byte[1 + random.nextInt(700_000)];
          random.nextBytes(some);
          out.seek(random.nextInt(40_000_000));
          out.write(some);
        }
      }
      assertThat(digest(digest, file)).isEqualTo(reference(file));
    }
  }

  @Test
  void anObjectIsAsGoodTheSecondTime() throws Exception {
    VerityDigest digest = new VerityDigest();
    for (int size : new int[] {128 * 130 * PAGE, 5, 200 * PAGE, 0, 128 * PAGE}) {
      byte[] content = new byte[size];
      new Random(size).nextBytes(content);
      Path file = Files.write(directory.resolve("f" + size), content);
      assertThat(digest(digest, file)).isEqualTo(digest(new VerityDigest(), file));
    }
  }

  @Test
  void leavesAreTheDigestsOfThePages() throws Exception {
    byte[] content = new byte[300 * PAGE + 9];
    new Random(1).nextBytes(content);
    Path file = Files.write(directory.resolve("file"), content);
    List<String> leaves = new ArrayList<>();
    try (Fd fd = Tree.open(file, Linux.O_RDONLY)) {
      new VerityDigest()
          .of(
              fd.number(),
              content.length,
              (page, digests, at) -> {
                assertThat(page).isEqualTo(leaves.size());
                leaves.add(HexFormat.of().formatHex(digests, at, at + VerityDigest.LENGTH));
              });
    }
    assertThat(leaves).hasSize(301);
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    for (int i = 0; i < leaves.size(); i++) {
      byte[] page = new byte[PAGE];
      System.arraycopy(content, i * PAGE, page, 0, Math.min(PAGE, content.length - i * PAGE));
      assertThat(leaves.get(i)).isEqualTo(HexFormat.of().formatHex(sha256.digest(page)));
    }
  }

  @Test
  void aFileThatEndsTooEarlyHasNone() throws Exception {
    Path file = Files.write(directory.resolve("file"), new byte[] {1, 2, 3});
    try (Fd fd = Tree.open(file, Linux.O_RDONLY)) {
      assertThat(new VerityDigest().of(fd.number(), 4, null)).isNull();
    }
  }
}
