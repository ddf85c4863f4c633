package io.samepage.overlay.options;

/** Whether the kernel reads and writes the layers' files by itself. */
public enum Passthrough {
  /** Where it can. */
  AUTO,
  /** Never. */
  OFF
}
