package io.samepage.fuse.libfuse;

/** What the kernel keeps and cannot know to be outdated, by libfuse's numbers of nodes. */
interface KernelCache {
  /** Pages are outdated; returns at once, and the kernel hears of it soon. */
  void dropPages(long number);

  /** A name in a directory leads elsewhere; returns at once, and the kernel hears of it soon. */
  void dropName(long directory, byte[] name);

  /**
   * Attributes are outdated; the kernel knows when this returns.
   *
   * @return false if the kernel does not know the number
   */
  boolean dropAttributes(long number);

  /** Data have been changed through one number: what the kernel holds under others is outdated. */
  default void changed(KnownNode node, long number) {
    for (long other : node.changeUnder(number)) {
      dropPages(other);
    }
  }

  /** Attributes have changed in a request that is not about the node. */
  default void attributesChanged(KnownNode node) {
    if (node.shownAs != 0) {
      dropAttributes(node.shownAs);
    }
  }
}
