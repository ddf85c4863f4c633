package io.samepage.overlay.options;

/** Whether inode numbers tell the layers' file systems apart. */
public enum Xino {
  /** Where the numbers leave room for it. */
  AUTO,
  /** Always, with a line in the log where they do not. */
  ON,
  /** Never. */
  OFF
}
