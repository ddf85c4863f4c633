package io.samepage.overlay.options;

/** How requests come. */
public enum Transport {
  /** The best that the host has. */
  AUTO,
  /** From /dev/fuse itself. */
  KERNEL,
  /** Through libfuse 2. */
  LIBFUSE
}
