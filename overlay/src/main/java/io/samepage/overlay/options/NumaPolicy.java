package io.samepage.overlay.options;

/**
 * What mounts share whose processes run on different NUMA nodes, where a content has several
 * places. KSM has the same choice as {@code merge_across_nodes} (ksm.rst): 1 and 0.
 */
public enum NumaPolicy {
  /** All use one place, wherever its pages are. */
  OFF,
  /** Each node has a place of its own, as far as there are enough. */
  REPLICATE
}
