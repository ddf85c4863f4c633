package io.samepage.dedup;

import io.samepage.posix.Stat;

/**
 * A file as it is at one time: as long as all of this is the same, so is its content. Immutable.
 *
 * @param fileSystem from {@link FileSystemId}
 * @param size in bytes
 * @param mtime nanoseconds since 1970
 * @param ctime nanoseconds since 1970; nobody can set it back, so it tells every change
 */
public record FileKey(long fileSystem, long ino, long size, long mtime, long ctime) {
  private static final long SECOND = 1_000_000_000L;

  /** The key of what a Stat describes. */
  public static FileKey of(long fileSystem, Stat stat) {
    return new FileKey(fileSystem, stat.ino, stat.size, mtime(stat), ctime(stat));
  }

  /** Whether a Stat, of a file on the same file system, says the same. */
  public boolean matches(Stat stat) {
    return stat.isRegular()
        && ino == stat.ino
        && size == stat.size
        && mtime == mtime(stat)
        && ctime == ctime(stat);
  }

  /** How many pages its content fills. */
  public long pages() {
    return (size + VerityDigest.BLOCK - 1) / VerityDigest.BLOCK;
  }

  private static long mtime(Stat stat) {
    return stat.mtimeSeconds * SECOND + stat.mtimeNanos;
  }

  private static long ctime(Stat stat) {
    return stat.ctimeSeconds * SECOND + stat.ctimeNanos;
  }
}
