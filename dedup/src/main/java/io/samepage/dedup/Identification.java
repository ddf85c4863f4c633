package io.samepage.dedup;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Makes digests of files that may change meanwhile. Used by one thread at a time. */
final class Identification {
  /**
   * How long ago a file must have been changed, at least. Time stamps are as coarse as 2 s (and a
   * timer tick where they have nanoseconds): a file that is changed twice within that time looks
   * the same after both.
   */
  static final long SETTLED_NANOS = 2_100_000_000L;

  private static final long SECOND = 1_000_000_000L;

  private final VerityDigest digest = new VerityDigest();
  private final Stat after = new Stat();
  private final long settledNanos;

  Identification(long settledNanos) {
    this.settledNanos = settledNanos;
  }

  /** Nanoseconds since 1970. */
  static long now() {
    Instant now = Instant.now();
    return now.getEpochSecond() * SECOND + now.getNano();
  }

  /**
   * Whether a file was changed so lately that a further change may not show. The change time alone
   * tells: it is set with every change of content, and by nobody else.
   */
  boolean isTooRecent(FileKey file) {
    return now() - file.ctime() < settledNanos;
  }

  /**
   * Makes the digest of a file that has been as its key says when it was opened.
   *
   * <p>Who has the file open for writing may have it mapped, and change it without a change of its
   * times. Who opens it from now on cannot: the first store to a page shows.
   *
   * @param fd a descriptor that can read
   * @return null if it has changed since, or changes, or may
   */
  byte @Nullable [] digest(int fd, FileKey file, VerityDigest.@Nullable Leaves leaves)
      throws ErrnoException {
    if (isTooRecent(file) || Files.isOpenForWriting(fd)) {
      return null;
    }
    byte[] made = digest.of(fd, file.size(), leaves);
    Files.stat(fd, after);
    return made != null && file.matches(after) ? made : null;
  }
}
