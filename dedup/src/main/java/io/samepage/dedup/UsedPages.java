package io.samepage.dedup;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/**
 * How many uses the pages of files have, counted as KSM counts its own (pages_shared, pages_sharing
 * and pages_unshared in ksm.rst): page by page, since some use a whole file and others ranges of
 * it. A use is a (mapping, offset); one that is there twice is two. Not thread-safe.
 */
public final class UsedPages {
  /**
   * What it comes to, in pages.
   *
   * @param shared those that have more than one use
   * @param sharing how many more uses these have: what is saved
   * @param unshared those that have one use
   */
  public record Counts(long shared, long sharing, long unshared) {
    /** Of so many pages, with so many uses each. */
    static Counts of(long pages, long uses) {
      return new Counts(
          uses > 1 ? pages : 0, uses > 1 ? pages * (uses - 1) : 0, uses == 1 ? pages : 0);
    }

    Counts plus(Counts other) {
      return new Counts(shared + other.shared, sharing + other.sharing, unshared + other.unshared);
    }

    Counts minus(Counts other) {
      return new Counts(shared - other.shared, sharing - other.sharing, unshared - other.unshared);
    }
  }

  /** The uses of one file. */
  private static final class Uses {
    long whole;

    /** From which page on there are how many more uses than before, or less. */
    final TreeMap<Long, Long> changes = new TreeMap<>();
  }

  private static final Uses NONE = new Uses();

  private final Map<FileKey, Uses> files = new HashMap<>();

  /** Some use all pages of a file. */
  public void add(FileKey file, long uses) {
    files.computeIfAbsent(file, key -> new Uses()).whole += uses;
  }

  /** Some use a range of pages of a file. */
  public void add(FileKey file, long first, long pages, long uses) {
    TreeMap<Long, Long> changes = files.computeIfAbsent(file, key -> new Uses()).changes;
    changes.merge(first, uses, Long::sum);
    changes.merge(first + pages, -uses, Long::sum);
  }

  /** Takes ranges. */
  @FunctionalInterface
  public interface Visitor {
    /** So many use a range of pages of a file, and may use others. */
    void range(FileKey file, long first, long pages, long uses);
  }

  /** Hands out the ranges that are used beside the whole files, in pieces that do not overlap. */
  void forEachRange(Visitor visitor) {
    files.forEach(
        (file, used) -> {
          long from = 0;
          long uses = 0;
          for (Map.Entry<Long, Long> change : used.changes.entrySet()) {
            if (uses > 0 && change.getKey() > from) {
              visitor.range(file, from, change.getKey() - from, uses);
            }
            from = change.getKey();
            uses += change.getValue();
          }
        });
  }

  /** Of all files. */
  public Counts counts() {
    Counts sum = countsBeside(file -> files.getOrDefault(file, NONE).whole);
    for (Map.Entry<FileKey, Uses> file : files.entrySet()) {
      sum = sum.plus(Counts.of(file.getKey().pages(), file.getValue().whole));
    }
    return sum;
  }

  /**
   * What the ranges come to, beside what is used as a whole and has been counted.
   *
   * @param whole how many uses all pages of a file have
   */
  Counts countsBeside(ToLongFunction<FileKey> whole) {
    Counts[] sum = {Counts.of(0, 0)};
    forEachRange(
        (file, first, pages, uses) -> {
          long others = whole.applyAsLong(file);
          sum[0] = sum[0].plus(Counts.of(pages, others + uses)).minus(Counts.of(pages, others));
        });
    return sum[0];
  }
}
