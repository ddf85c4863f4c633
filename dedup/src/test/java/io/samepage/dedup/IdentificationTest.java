package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class IdentificationTest {
  @TempDir Path directory;

  @Test
  void aFileThatChangesWhileItIsHashedHasNoDigest() throws Exception {
    Path file = Files.write(directory.resolve("file"), new byte[20 * VerityDigest.BLOCK]);
    Stat stat = Tree.stat(file);
    FileKey key = FileKey.of(1, stat);
    Identification identification = new Identification(Long.MIN_VALUE / 2);
    try (Fd fd = Tree.open(file, Linux.O_RDONLY)) {
      assertThat(identification.digest(fd.number(), key, null)).isNotNull();
      byte[] digest =
          identification.digest(
              fd.number(),
              key,
              (page, digests, at) -> {
                if (page == 10) {
                  overwrite(file, stat);
                }
              });
      assertThat(digest).isNull();
    }
  }

  /** Same size and same mtime: only the change time tells. */
  private static void overwrite(Path file, Stat before) {
    try {
      do {
        Files.write(file, new byte[] {1}, StandardOpenOption.WRITE);
        Files.setLastModifiedTime(
            file,
            java.nio.file.attribute.FileTime.from(
                before.mtimeSeconds * 1_000_000_000L + before.mtimeNanos,
                java.util.concurrent.TimeUnit.NANOSECONDS));
      } while (FileKey.of(1, Tree.stat(file)).equals(FileKey.of(1, before))); // a tick later
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aFileIsTooRecentUntilItsClockMustHaveTicked() {
    Identification identification = new Identification(2_000_000_000L);
    long now = Identification.now();
    assertThat(identification.isTooRecent(new FileKey(1, 1, 1, 0, now))).isTrue();
    assertThat(identification.isTooRecent(new FileKey(1, 1, 1, 0, now + 9_000_000_000L))).isTrue();
    assertThat(identification.isTooRecent(new FileKey(1, 1, 1, now, now - 3_000_000_000L)))
        .isFalse();
  }
}
