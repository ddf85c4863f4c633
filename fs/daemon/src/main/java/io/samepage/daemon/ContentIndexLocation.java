package io.samepage.daemon;

import io.samepage.dedup.ContentIndex;
import io.samepage.overlay.options.ByteString;
import org.jspecify.annotations.Nullable;

/** Where the content index is. */
final class ContentIndexLocation {
  /** The environment's name for its directory. */
  static final String VARIABLE = "SAMEPAGE_INDEX";

  private ContentIndexLocation() {}

  /**
   * The directory.
   *
   * @param option what the command line says, one character for each byte; null if nothing
   */
  static ByteString of(@Nullable String option) {
    if (option != null) {
      return Arguments.bytes(option);
    }
    String variable = System.getenv(VARIABLE);
    return ByteString.of(
        variable == null || variable.isEmpty() ? ContentIndex.DEFAULT_DIRECTORY : variable);
  }
}
