package io.samepage.overlay.options;

/** What a descriptor that was opened for reading before a copy-up reads after it. */
public enum Coherence {
  /** The new data, except below the native directories. */
  AUTO,
  /** The new data. */
  STRICT,
  /** The old data, at native speed. */
  RELAXED
}
