package io.samepage.daemon;

import org.jspecify.annotations.Nullable;

/** Which samepage this is. */
final class Version {
  private Version() {}

  /** As in {@code 0.1.0}; {@code unreleased} if it runs from classes that were never packed. */
  static String text() {
    Package ours = Version.class.getPackage();
    @Nullable String version = ours == null ? null : ours.getImplementationVersion();
    return version == null ? "unreleased" : version;
  }
}
