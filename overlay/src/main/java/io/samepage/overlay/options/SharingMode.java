package io.samepage.overlay.options;

/** What lower files share; each includes those before it. */
public enum SharingMode {
  /** Nothing. */
  OFF,
  /** Files with equal content use the same page frames. */
  FILE,
  /** Large files that are alike in part are read through page maps. */
  PAGE
}
