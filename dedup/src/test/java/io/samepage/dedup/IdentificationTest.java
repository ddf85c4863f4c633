package io.samepage.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
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

  @Test
  void aFileThatIsMappedForWritingHasNoDigestSinceNothingElseTellsThatItChanges() throws Exception {
    Path file = Files.write(directory.resolve("mapped"), new byte[20 * VerityDigest.BLOCK]);
    Identification identification = new Identification(Long.MIN_VALUE / 2);
    try (Fd fd = Tree.open(file, Linux.O_RDONLY)) {
      try (FileChannel writer =
          FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        MappedByteBuffer mapping =
            writer.map(FileChannel.MapMode.READ_WRITE, 0, 20 * VerityDigest.BLOCK);
        mapping.put(0, (byte) 1); // the page is writable from now on
        FileKey key = FileKey.of(1, Tree.stat(file));
        byte[] digest =
            identification.digest(
                fd.number(),
                key,
                (page, digests, at) -> {
                  if (page == 10) {
                    mapping.put(0, (byte) 2);
                  }
                });
        assertThat(FileKey.of(1, Tree.stat(file))).isEqualTo(key);
        assertThat(digest).isNull();
      }
    }
  }

  @Test
  void aFileThatIsOpenForWritingHasADigestOnceItIsNot() throws Exception {
    Path file = Files.write(directory.resolve("file"), new byte[20 * VerityDigest.BLOCK]);
    FileKey key = FileKey.of(1, Tree.stat(file));
    Identification identification = new Identification(Long.MIN_VALUE / 2);
    try (Fd fd = Tree.open(file, Linux.O_RDONLY)) {
      try (Fd writer = Tree.open(file, Linux.O_WRONLY)) {
        assertThat(identification.digest(fd.number(), key, null)).isNull();
      }
      assertThat(identification.digest(fd.number(), key, null)).isNotNull();
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
