package io.samepage.overlay.options;

/**
 * What the file system of the upper directory can do beyond what is needed.
 *
 * @param tmpfile whether files can be made without a name (O_TMPFILE)
 * @param renameWhiteout whether a rename can leave a whiteout behind
 * @param entryTypes whether the entries of a directory tell their types
 */
public record UpperFeatures(boolean tmpfile, boolean renameWhiteout, boolean entryTypes) {
  /** All that there is to have. */
  public static final UpperFeatures ALL = new UpperFeatures(true, true, true);
}
