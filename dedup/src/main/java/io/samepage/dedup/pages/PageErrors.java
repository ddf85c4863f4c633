package io.samepage.dedup.pages;

import java.util.Map;
import java.util.TreeMap;

/**
 * Which pages of a mapping cannot be read from what they use, and why: an I/O error belongs to a
 * (mapping, offset), not to a file. Ranges of pages that follow each other and have the same error
 * are kept as one. Thread-safe; the monitor of this object, a leaf, guards everything.
 */
public final class PageErrors {
  private record Range(long end, int errno) {}

  private final TreeMap<Long, Range> ranges = new TreeMap<>();

  /**
   * Pages have failed; what was known of them before is forgotten.
   *
   * @param errno as of errno(3), not 0
   */
  public synchronized void mark(long first, long count, int errno) {
    if (first < 0 || count < 0 || errno == 0) {
      throw new IllegalArgumentException("errno " + errno + " of pages " + first + "+" + count);
    }
    if (count == 0) {
      return;
    }
    clear(first, count);
    long start = first;
    long end = first + count;
    Map.Entry<Long, Range> before = ranges.lowerEntry(first);
    if (before != null && before.getValue().end == first && before.getValue().errno == errno) {
      start = before.getKey();
    }
    Range after = ranges.get(end);
    if (after != null && after.errno == errno) {
      ranges.remove(end);
      end = after.end;
    }
    ranges.put(start, new Range(end, errno));
  }

  /** Pages use something else from now on, or are gone: nothing is known to be wrong with them. */
  public synchronized void clear(long first, long count) {
    if (count == 0) {
      return;
    }
    long end = first + count;
    Map.Entry<Long, Range> before = ranges.lowerEntry(first);
    if (before != null && before.getValue().end > first) {
      Range range = before.getValue();
      ranges.put(before.getKey(), new Range(first, range.errno));
      if (range.end > end) {
        ranges.put(end, range);
      }
    }
    Map.Entry<Long, Range> next = ranges.ceilingEntry(first);
    while (next != null && next.getKey() < end) {
      ranges.remove(next.getKey());
      if (next.getValue().end > end) {
        ranges.put(end, next.getValue());
      }
      next = ranges.ceilingEntry(first);
    }
  }

  /** The errno of a page; 0 if nothing is wrong with it. */
  public synchronized int at(long page) {
    Map.Entry<Long, Range> range = ranges.floorEntry(page);
    return range != null && range.getValue().end > page ? range.getValue().errno : 0;
  }

  /** How many ranges are kept. */
  public synchronized int size() {
    return ranges.size();
  }
}
