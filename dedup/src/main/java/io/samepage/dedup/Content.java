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
 */
public record Content(FileKey own, boolean isKnown, boolean isShared, @Nullable StableFile stable)
    implements AutoCloseable {
  @Override
  public void close() {
    if (stable != null) {
      stable.close();
    }
  }
}
