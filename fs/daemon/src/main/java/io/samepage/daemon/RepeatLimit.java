package io.samepage.daemon;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Lets only so many lines of one kind through in a while, so that a request that fails a thousand
 * times a second cannot fill the log. Not thread-safe.
 */
final class RepeatLimit {
  private static final int KINDS = 256;

  private static final class Kind {
    private long windowBegan;
    private int passed;
    private int suppressed;
  }

  private final int burst;
  private final long windowMillis;

  /** The kinds of lines seen last, the one that was seen longest ago first. */
  private final Map<String, Kind> kinds =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Kind> eldest) {
          return size() > KINDS;
        }
      };

  /**
   * A limit.
   *
   * @param burst how many lines of a kind pass in a window
   */
  RepeatLimit(int burst, long windowMillis) {
    this.burst = burst;
    this.windowMillis = windowMillis;
  }

  /**
   * Counts a line.
   *
   * @return −1 if it is to be left out; else how many like it have been since the last that passed
   */
  int pass(String kind, long nowMillis) {
    Kind seen = kinds.computeIfAbsent(kind, k -> new Kind());
    if (seen.passed == 0 || nowMillis - seen.windowBegan >= windowMillis) {
      seen.windowBegan = nowMillis;
      seen.passed = 0;
    }
    if (seen.passed >= burst) {
      seen.suppressed++;
      return -1;
    }
    seen.passed++;
    int before = seen.suppressed;
    seen.suppressed = 0;
    return before;
  }
}
