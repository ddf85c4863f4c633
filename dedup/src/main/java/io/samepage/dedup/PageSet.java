package io.samepage.dedup;

import java.util.Arrays;

/** A set of pages by 8 bytes of their digests, which is enough to count them. */
final class PageSet {
  private long[] slots = new long[1 << 12];
  private int size;

  /** Whether the page was not in it yet. 0 stands for no page, and is taken for 1. */
  boolean add(long page) {
    if (size * 2 >= slots.length) {
      grow();
    }
    long wanted = page == 0 ? 1 : page;
    int at = find(wanted);
    if (slots[at] == wanted) {
      return false;
    }
    slots[at] = wanted;
    size++;
    return true;
  }

  int size() {
    return size;
  }

  private int find(long page) {
    int at = (int) page & slots.length - 1;
    while (slots[at] != 0 && slots[at] != page) {
      at = at + 1 & slots.length - 1;
    }
    return at;
  }

  private void grow() {
    long[] old = slots;
    slots = new long[old.length * 2];
    Arrays.stream(old).filter(page -> page != 0).forEach(page -> slots[find(page)] = page);
  }
}
