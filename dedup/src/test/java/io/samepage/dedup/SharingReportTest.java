package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SharingReportTest {
  @TempDir Path directory;

  @Test
  void countsEqualFilesAndEqualPages() throws Exception {
    Tree one = new Tree(directory.resolve("one"));
    Tree two = new Tree(directory.resolve("two"));
    byte[] content = new byte[10 * VerityDigest.BLOCK];
    new Random(1).nextBytes(content);
    one.file("a", content);
    two.file("equal", content);
    content[3 * VerityDigest.BLOCK]++;
    two.file("alike", content);
    two.file("small", new byte[] {1});
    two.file("empty", new byte[0]);
    SharingReport report = new SharingReport();
    report.add(one.name());
    report.add(two.name());
    SharingReport.Result result = report.result();
    assertThat(result.pages()).isEqualTo(31);
    assertThat(result.savedByFile()).isEqualTo(10);
    assertThat(result.savedByPage()).isEqualTo(10 + 9);
    assertThat(result.trees().get(0).savedByPage()).isZero();
    assertThat(result.common()[0]).containsExactly(10, 10);
    assertThat(result.common()[1]).containsExactly(10, 21);
    assertThat(result.distinctFiles()).isEqualTo(3);
    assertThat(result.empty()).isEqualTo(1);
    assertThat(result.unreadable()).isZero();
    assertThat(result.sizes().get(2).savedByFile()).isEqualTo(10);
  }

  @Test
  void aSetOfPagesGrows() {
    PageSet set = new PageSet();
    Random random = new Random(5);
    for (int i = 0; i < 100_000; i++) {
      assertThat(set.add(random.nextLong())).isTrue();
    }
    random.setSeed(5);
    for (int i = 0; i < 100_000; i++) {
      assertThat(set.add(random.nextLong())).isFalse();
    }
    assertThat(set.size()).isEqualTo(100_000);
  }
}
