package io.samepage.overlay.options;

/** What is done about directories that were renamed away from a lower layer. */
public enum RedirectDir {
  /** Renames are recorded, and honoured. */
  ON,
  /** Earlier renames are honoured; new ones fail with EXDEV. */
  FOLLOW,
  /** Not even earlier renames are honoured. */
  NOFOLLOW
}
