package io.samepage.overlay;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.PagedFile;
import io.samepage.dedup.Place;
import io.samepage.fuse.Opened;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import org.jspecify.annotations.Nullable;

/**
 * How one nodeid is open. The mode is chosen at the first open and stays until the last release:
 * the kernel allows no other.
 *
 * <p>Guarded by the lock that {@link NodeLocks} has for the node.
 */
final class OpenFile {
  /** Where the kernel gets the data of a nodeid from. */
  enum Mode {
    /** Passed through to the lower file; read-only for life. */
    LOWER,
    /** Passed through to the upper file. */
    UPPER,
    /** The kernel's cache of this inode, filled and written back through the daemon. */
    CACHED,
    /** Read by the daemon through a page map, past the kernel's cache; read-only for life. */
    PAGED;

    /** Whether what is open is the lower file, and stays so. */
    boolean isLower() {
      return this == LOWER || this == PAGED;
    }

    /** Whether the kernel reads and writes a registered file below itself. */
    boolean isPassedThrough() {
      return this == LOWER || this == UPPER;
    }
  }

  Mode mode;

  /** Whether it is CACHED only because its file is to be copied up page by page. */
  boolean partial;

  /** Handles. */
  int opens;

  /** Handles that can write. */
  int writers;

  /** Handles that can read and write, and so be mapped for writing (mmap(2), EACCES). */
  int mappable;

  /**
   * The registered file of modes LOWER and UPPER; {@link Opened#NO_BACKING} if there is none yet.
   */
  int backingId = Opened.NO_BACKING;

  /**
   * Whether what is registered can write. It is not kept for the next open then, since as long as
   * it is there the file system below cannot become read-only.
   */
  boolean holdsWritable;

  /**
   * Where nothing of the upper layer is read: the lower file as it was when its pages were chosen;
   * null if that is not kept.
   */
  @Nullable FileKey own;

  /** The stable file whose pages it uses; null if it uses its own. */
  @Nullable Place stable;

  /** What its lower data are read through; null if that is no page map. */
  @Nullable PagedFile paged;

  /** {@link Sharing#generation} when it was found out that it is to use its own. */
  long generation;

  /** {@link Sharing#placing} when its pages were chosen. */
  long placing;

  /** Whether it was not known then, so that it is asked again after {@link #askAgainAt}. */
  boolean unsettled;

  /** By System.nanoTime(). */
  long askAgainAt;

  /** Whether it is counted as a user of {@link #pages}. */
  boolean counted;

  /**
   * The lower file, opened when the daemon first reads it, or the stable file for it, until a read
   * of that fails.
   */
  @Nullable Fd lower;

  /** Whether {@link #lower} was the stable file, and is the file's own by now. */
  boolean leftStable;

  /** The upper file, opened when the daemon first needs it. */
  @Nullable Fd upper;

  /** Whether {@link #upper} can write. */
  boolean upperWritable;

  OpenFile(Mode mode) {
    this.mode = mode;
  }

  /** Whose pages it uses; null if that is not kept. */
  @Nullable FileKey pages() {
    return stable != null ? stable.key() : own;
  }

  /** What follows the pages that are read of a file with a page map is often another file's. */
  void readPagesAlone() {
    if (paged != null && lower != null) {
      Files.adviseRandom(lower.number());
    }
  }

  void closeDescriptors() {
    if (paged != null) {
      paged.close();
    }
    if (lower != null) {
      lower.close();
      lower = null;
    }
    if (upper != null) {
      upper.close();
      upper = null;
      upperWritable = false;
    }
  }
}
