package io.samepage.dedup;

import org.jspecify.annotations.Nullable;

/**
 * What an open of a file learns of its content.
 *
 * @param own the file, as it is now
 * @param isKnown whether it has been looked at; if not, the next open may learn more
 * @param isShared whether other places are known to hold the same
 * @param stable the file that stands for all of them, opened; null if that is the file itself, or
 *     if its own data are to be used for another reason
 * @param paged what it is to be read through, in place of its own data or the stable file's, where
 *     some of its pages are other files' too; null if it is not. It has nothing open yet
 */
public record Content(
    FileKey own,
    boolean isKnown,
    boolean isShared,
    @Nullable StableFile stable,
    @Nullable PagedFile paged)
    implements AutoCloseable {
  Content(FileKey own, boolean isKnown, boolean isShared, @Nullable StableFile stable) {
    this(own, isKnown, isShared, stable, null);
  }

  @Override
  public void close() {
    if (stable != null) {
      stable.close();
    }
  }
}
