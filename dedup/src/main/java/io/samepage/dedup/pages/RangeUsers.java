package io.samepage.dedup.pages;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The reverse map of one stable file that is used in part: from its pages to the (mapping, offset)
 * pairs that use them. Entering and taking out cost O(log users), whatever they use; so a break
 * costs the same with one sharer and with ten thousand. To find the users of a range costs O(log
 * users) and the number of those found, give or take those that end just before the range.
 *
 * <p>Thread-safe; the monitor of this object, a leaf, guards everything.
 */
public final class RangeUsers {
  /**
   * One use.
   *
   * @param source first page of the stable file that is used
   * @param count how many pages, at least 1
   * @param mapping who uses them: a number that means something to the caller
   * @param first offset in the mapping of the page that uses {@code source}
   */
  public record Use(long source, long count, long mapping, long first) {
    long end() {
      return source + count;
    }
  }

  private static final Comparator<Use> ORDER =
      Comparator.comparingLong(Use::source)
          .thenComparingLong(Use::count)
          .thenComparingLong(Use::mapping)
          .thenComparingLong(Use::first);

  /**
   * The uses by the power of two that their length reaches, so that those which may hold a page lie
   * close together in each; null where there are none.
   */
  private final @Nullable TreeMap<Use, Use>[] byLength = newArray();

  private int size;

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static @Nullable TreeMap<Use, Use>[] newArray() {
    return new TreeMap[Long.SIZE];
  }

  private static int lengthClass(long count) {
    return Long.SIZE - 1 - Long.numberOfLeadingZeros(count);
  }

  /** A use begins; false if it is there already. */
  public synchronized boolean add(Use use) {
    if (use.count < 1 || use.source < 0 || use.end() < 0) {
      throw new IllegalArgumentException(use.toString());
    }
    int c = lengthClass(use.count);
    TreeMap<Use, Use> uses = byLength[c];
    if (uses == null) {
      uses = new TreeMap<>(ORDER);
      byLength[c] = uses;
    }
    boolean added = uses.put(use, use) == null;
    size += added ? 1 : 0;
    return added;
  }

  /** A use ends; false if there was none. */
  public synchronized boolean remove(Use use) {
    int c = lengthClass(use.count);
    TreeMap<Use, Use> uses = byLength[c];
    boolean removed = uses != null && uses.remove(use) != null;
    if (removed) {
      size--;
      if (uses != null && uses.isEmpty()) {
        byLength[c] = null;
      }
    }
    return removed;
  }

  /** Who uses a page of a range. */
  public synchronized List<Use> of(long source, long count) {
    List<Use> found = new ArrayList<>();
    long end = source + count;
    for (int c = 0; c < byLength.length; c++) {
      TreeMap<Use, Use> uses = byLength[c];
      if (uses == null) {
        continue;
      }
      // None of this class is as long as 2^(c+1) pages, so none that began before can reach here.
      long reach = c + 1 < Long.SIZE - 1 ? (1L << (c + 1)) - 1 : Long.MAX_VALUE;
      long from = Math.max(0, source - reach);
      Use low = new Use(from, 0, Long.MIN_VALUE, Long.MIN_VALUE);
      Use high = new Use(end, 0, Long.MIN_VALUE, Long.MIN_VALUE);
      for (Use use : uses.subMap(low, high).keySet()) {
        if (use.end() > source) {
          found.add(use);
        }
      }
    }
    return found;
  }

  /** All uses. */
  public synchronized List<Use> all() {
    List<Use> found = new ArrayList<>(size);
    for (TreeMap<Use, Use> uses : byLength) {
      if (uses != null) {
        found.addAll(uses.keySet());
      }
    }
    return found;
  }

  /** How many uses there are. */
  public synchronized int size() {
    return size;
  }
}
