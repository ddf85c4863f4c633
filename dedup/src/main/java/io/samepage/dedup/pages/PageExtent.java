package io.samepage.dedup.pages;

/**
 * Pages of a mapping that follow each other and use pages that follow each other. All is in pages
 * of 4 KiB.
 *
 * @param first offset of the first one in the mapping
 * @param count how many there are, at least 1
 * @param file the stable file, as the caller numbers them, where they are SHARED; else 0
 * @param source offset of what the first one uses, in the file that it uses; 0 for a HOLE
 */
public record PageExtent(long first, long count, PageState state, int file, long source) {
  /** The page after the last. */
  public long end() {
    return first + count;
  }
}
