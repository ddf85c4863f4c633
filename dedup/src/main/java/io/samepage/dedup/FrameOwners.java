package io.samepage.dedup;

import java.util.HashMap;
import java.util.Map;

/**
 * For page frames, by their numbers, which page of which file was met on them: 8 bytes a frame,
 * since frames that hold files come in runs.
 */
final class FrameOwners {
  static final long NONE = 0;

  private static final int CHUNK_BITS = 9;
  private static final int CHUNK = 1 << CHUNK_BITS;
  private static final int PAGE_BITS = 36;

  /** Files beyond that cannot be told apart from each other. */
  static final int MAX_FILES = (1 << (Long.SIZE - PAGE_BITS - 1)) - 2;

  private final Map<Long, long[]> chunks = new HashMap<>();

  /** One page of one file, as a number. */
  static long owner(int file, long page) {
    return (long) (file + 1) << PAGE_BITS | page;
  }

  static int file(long owner) {
    return (int) (owner >>> PAGE_BITS) - 1;
  }

  static long page(long owner) {
    return owner & (1L << PAGE_BITS) - 1;
  }

  /** Who was met on a frame; {@link #NONE} if nobody. */
  long get(long frame) {
    long[] chunk = chunks.get(frame >>> CHUNK_BITS);
    return chunk == null ? NONE : chunk[(int) frame & CHUNK - 1];
  }

  void put(long frame, long owner) {
    chunks.computeIfAbsent(frame >>> CHUNK_BITS, n -> new long[CHUNK])[(int) frame & CHUNK - 1] =
        owner;
  }

  /** Forgets all, as if the kernel had given every frame away; for tests. */
  void clear() {
    chunks.clear();
  }
}
