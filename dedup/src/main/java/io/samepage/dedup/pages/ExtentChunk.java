package io.samepage.dedup.pages;

import java.util.Arrays;

/**
 * Up to {@link #LIMIT} extents of an {@link ExtentMap}, in order, in parallel arrays: an extent is
 * 20 bytes. An extent ends where the next one begins. Guarded by the map.
 */
final class ExtentChunk {
  static final int LIMIT = 256;
  private static final int HEADERS = 3 * 16 + 32;

  long[] starts;
  long[] sources;

  /** The number of the stable file, and the state in the two lowest bits. */
  int[] kinds;

  int size;

  ExtentChunk(int capacity) {
    starts = new long[capacity];
    sources = new long[capacity];
    kinds = new int[capacity];
  }

  /** The index of the last extent that begins at or before a page; −1 if none does. */
  int floor(long page) {
    int found = Arrays.binarySearch(starts, 0, size, page);
    return found >= 0 ? found : -found - 2;
  }

  void insert(int at, long start, int kind, long source) {
    if (size == starts.length) {
      resize(Math.min(LIMIT, size + (size >> 1) + 1));
    }
    System.arraycopy(starts, at, starts, at + 1, size - at);
    System.arraycopy(sources, at, sources, at + 1, size - at);
    System.arraycopy(kinds, at, kinds, at + 1, size - at);
    starts[at] = start;
    sources[at] = source;
    kinds[at] = kind;
    size++;
  }

  void remove(int from, int to) {
    System.arraycopy(starts, to, starts, from, size - to);
    System.arraycopy(sources, to, sources, from, size - to);
    System.arraycopy(kinds, to, kinds, from, size - to);
    size -= to - from;
    if (size * 4 < starts.length) {
      resize(size * 2);
    }
  }

  /** Takes the upper half out. */
  ExtentChunk split() {
    int half = size / 2;
    ExtentChunk upper = new ExtentChunk(LIMIT * 3 / 4);
    upper.append(this, half, size);
    size = half;
    resize(LIMIT * 3 / 4);
    return upper;
  }

  /** Takes over extents of the chunk that follows. */
  void append(ExtentChunk other, int from, int to) {
    int more = to - from;
    if (size + more > starts.length) {
      resize(size + more);
    }
    System.arraycopy(other.starts, from, starts, size, more);
    System.arraycopy(other.sources, from, sources, size, more);
    System.arraycopy(other.kinds, from, kinds, size, more);
    size += more;
  }

  void shift(int from, long pages) {
    for (int i = from; i < size; i++) {
      starts[i] += pages;
    }
  }

  private void resize(int capacity) {
    starts = Arrays.copyOf(starts, capacity);
    sources = Arrays.copyOf(sources, capacity);
    kinds = Arrays.copyOf(kinds, capacity);
  }

  /** What it takes of the heap, with compressed references. */
  long heapBytes() {
    return HEADERS + 20L * starts.length;
  }
}
