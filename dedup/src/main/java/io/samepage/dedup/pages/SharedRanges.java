package io.samepage.dedup.pages;

import java.util.List;

/**
 * Which pages of a content are also pages of others: its page map, with SHARED, OWN and HOLE
 * extents, of which OWN ones are at their own offsets.
 *
 * @param map whose stable files are numbered as in {@code contents}
 * @param contents the contents whose pages it uses, as the caller numbers them
 * @param sharedPages how many pages are SHARED
 * @param ownPages how many are OWN
 */
public record SharedRanges(ExtentMap map, List<Long> contents, long sharedPages, long ownPages) {
  public SharedRanges {
    contents = List.copyOf(contents);
  }

  /** Whether at least a part of the pages that hold something are shared, in per cent. */
  public boolean isWorth(int percent) {
    return sharedPages > 0 && sharedPages * 100 >= percent * (sharedPages + ownPages);
  }
}
