package io.samepage.dedup.pages;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The page map of a mapping: what each of its pages uses, from page 0 to its end without a gap. It
 * is kept as extents, and extents that continue each other are one: a file that is shared as a
 * whole is one extent. Looking up and breaking take O(log extents) (and what they replace, once);
 * {@link #collapse} and {@link #insert} take O(extents), since all that follows moves.
 *
 * <p>It says where pages are and moves no data. All offsets and lengths are in pages of 4 KiB; what
 * is outside of the map is an IndexOutOfBoundsException.
 *
 * <p>Thread-safe: the monitor of this object guards everything. It is a leaf in the order of locks,
 * save that visitors are called under it. Who changes what pages use holds their {@link PageLock}.
 */
public final class ExtentMap {
  private static final int STATE_BITS = 2;
  private static final int STATE_MASK = (1 << STATE_BITS) - 1;
  private static final int TREE_ENTRY = 40 + 24;

  /** Stable files have numbers from 0 to this. */
  public static final int MAX_FILE = Integer.MAX_VALUE >> STATE_BITS;

  private final TreeMap<Long, ExtentChunk> chunks = new TreeMap<>();
  private long pages;
  private int extents;

  /** A map of holes; {@link #set} tells what is there. */
  public ExtentMap(long pages) {
    if (pages < 0) {
      throw new IndexOutOfBoundsException("a mapping of " + pages + " pages");
    }
    resize(pages);
  }

  /** How many pages the mapping has. */
  public synchronized long pages() {
    return pages;
  }

  /** How many extents there are. */
  public synchronized int extents() {
    return extents;
  }

  /** The extent that holds a page. */
  public synchronized PageExtent at(long page) {
    check(page, 1);
    return extentAt(page);
  }

  /** Hands out what the pages of a range use, in order, cut to the range. */
  public synchronized void forEach(long first, long count, Consumer<PageExtent> visitor) {
    check(first, count);
    long page = first;
    while (page < first + count) {
      PageExtent extent = extentAt(page);
      long skipped = page - extent.first();
      long end = Math.min(extent.end(), first + count);
      boolean hole = extent.state() == PageState.HOLE;
      visitor.accept(
          new PageExtent(
              page,
              end - page,
              extent.state(),
              extent.file(),
              hole ? 0 : extent.source() + skipped));
      page = end;
    }
  }

  /**
   * Says what the pages of a range use from now on.
   *
   * @param file 0 unless they are SHARED
   * @param source what the first one uses; 0 for a HOLE
   */
  public synchronized void set(long first, long count, PageState state, int file, long source) {
    check(first, count);
    if (file < 0 || file > MAX_FILE || (file != 0 && state != PageState.SHARED)) {
      throw new IllegalArgumentException(state + " of stable file " + file);
    }
    if (count > 0) {
      put(first, count, file << STATE_BITS | state.code, state == PageState.HOLE ? 0 : source);
    }
  }

  /** Breaks pages: from now on they use the writable copy, each at its own offset. */
  public void breakPages(long first, long count) {
    set(first, count, PageState.PRIVATE, 0, first);
  }

  /** Pages that read as zeros from now on. */
  public void punch(long first, long count) {
    set(first, count, PageState.HOLE, 0, 0);
  }

  /** Cuts pages off at the end, or adds holes there. */
  public synchronized void resize(long newPages) {
    if (newPages < 0) {
      throw new IndexOutOfBoundsException("a mapping of " + newPages + " pages");
    }
    long old = pages;
    if (newPages < old) {
      splitAt(newPages);
      removeRange(newPages, old);
      pages = newPages;
    } else if (newPages > old) {
      pages = newPages;
      put(old, newPages - old, PageState.HOLE.code, 0);
    }
  }

  /** Takes pages out; those after them move down. */
  public synchronized void collapse(long first, long count) {
    check(first, count);
    if (count == 0) {
      return;
    }
    long end = first + count;
    splitAt(first);
    splitAt(end);
    removeRange(first, end);
    shift(end, -count);
    pages -= count;
    mergeAt(first);
  }

  /** Puts holes in before a page; it and those after it move up. */
  public synchronized void insert(long first, long count) {
    check(first, 0);
    if (count <= 0) {
      check(first, count);
      return;
    }
    splitAt(first);
    shift(first, count);
    pages = Math.addExact(pages, count);
    add(first, PageState.HOLE.code, 0);
    mergeAt(first + count);
    mergeAt(first);
  }

  /** What it takes of the heap, in bytes, as objects are laid out with compressed references. */
  public synchronized long heapBytes() {
    long bytes = 48 + 48;
    for (ExtentChunk chunk : chunks.values()) {
      bytes += TREE_ENTRY + chunk.heapBytes();
    }
    return bytes;
  }

  // ------------------------------------------------------------------ under the monitor

  private void check(long first, long count) {
    if (first < 0 || count < 0 || first > pages || count > pages - first) {
      throw new IndexOutOfBoundsException(
          "pages " + first + " to " + first + "+" + count + " of a mapping of " + pages);
    }
  }

  private static boolean isHole(int kind) {
    return (kind & STATE_MASK) == PageState.HOLE.code;
  }

  private ExtentChunk chunkOf(long page) {
    return chunks.floorEntry(page).getValue();
  }

  private @Nullable ExtentChunk chunkBefore(long page) {
    Map.Entry<Long, ExtentChunk> before = chunks.lowerEntry(page);
    return before == null ? null : before.getValue();
  }

  private long endOf(ExtentChunk chunk, int i) {
    if (i + 1 < chunk.size) {
      return chunk.starts[i + 1];
    }
    Long next = chunks.higherKey(chunk.starts[i]);
    return next == null ? pages : next;
  }

  private PageExtent extentAt(long page) {
    ExtentChunk chunk = chunkOf(page);
    int i = chunk.floor(page);
    long start = chunk.starts[i];
    int kind = chunk.kinds[i];
    return new PageExtent(
        start,
        endOf(chunk, i) - start,
        PageState.of(kind & STATE_MASK),
        kind >>> STATE_BITS,
        chunk.sources[i]);
  }

  private void put(long first, long count, int kind, long source) {
    long end = first + count;
    splitAt(first);
    splitAt(end);
    removeRange(first, end);
    add(first, kind, source);
    mergeAt(end);
    mergeAt(first);
  }

  /** Lets an extent begin at a page. */
  private void splitAt(long page) {
    if (page <= 0 || page >= pages || chunks.isEmpty()) {
      return;
    }
    ExtentChunk chunk = chunkOf(page);
    int i = chunk.floor(page);
    long start = chunk.starts[i];
    if (start != page) {
      int kind = chunk.kinds[i];
      add(page, kind, isHole(kind) ? 0 : chunk.sources[i] + (page - start));
    }
  }

  /** Enters an extent where none begins. */
  private void add(long first, int kind, long source) {
    Map.Entry<Long, ExtentChunk> entry = chunks.floorEntry(first);
    if (entry == null) {
      entry = chunks.firstEntry();
      if (entry != null && entry.getValue().size < ExtentChunk.LIMIT) {
        chunks.remove(entry.getKey());
        entry.getValue().insert(0, first, kind, source);
        chunks.put(first, entry.getValue());
      } else {
        ExtentChunk chunk = new ExtentChunk(1);
        chunk.insert(0, first, kind, source);
        chunks.put(first, chunk);
      }
      extents++;
      return;
    }
    ExtentChunk chunk = entry.getValue();
    if (chunk.size == ExtentChunk.LIMIT) {
      ExtentChunk upper = chunk.split();
      chunks.put(upper.starts[0], upper);
      chunk = first >= upper.starts[0] ? upper : chunk;
    }
    chunk.insert(chunk.floor(first) + 1, first, kind, source);
    extents++;
  }

  /** Removes the extents that begin in a range, at whose ends extents begin. */
  private void removeRange(long first, long end) {
    Map.Entry<Long, ExtentChunk> entry = chunks.floorEntry(first);
    if (entry == null) {
      entry = chunks.firstEntry();
    }
    while (entry != null && entry.getKey() < end) {
      long key = entry.getKey();
      ExtentChunk chunk = entry.getValue();
      int from = chunk.floor(first - 1) + 1;
      int to = chunk.floor(end - 1) + 1;
      if (from < to) {
        extents -= to - from;
        if (to - from == chunk.size) {
          chunks.remove(key);
        } else {
          chunk.remove(from, to);
          if (from == 0) {
            chunks.remove(key);
            chunks.put(chunk.starts[0], chunk);
          }
          join(chunk);
        }
      }
      entry = chunks.higherEntry(key);
      if (entry != null && entry.getKey() < first) {
        throw new IllegalStateException("chunks out of order");
      }
    }
  }

  /** Makes one of two chunks that have become small. */
  private void join(ExtentChunk chunk) {
    ExtentChunk before = chunkBefore(chunk.starts[0]);
    if (before != null && before.size + chunk.size <= ExtentChunk.LIMIT / 2) {
      chunks.remove(chunk.starts[0]);
      before.append(chunk, 0, chunk.size);
    }
  }

  /** Makes one extent of what ends and what begins at a page, if that goes on with it. */
  private void mergeAt(long page) {
    if (page <= 0 || page >= pages) {
      return;
    }
    ExtentChunk chunk = chunkOf(page);
    int i = chunk.floor(page);
    if (chunk.starts[i] != page) {
      return;
    }
    ExtentChunk left = i > 0 ? chunk : chunkBefore(page);
    if (left == null) {
      return;
    }
    int l = i > 0 ? i - 1 : left.size - 1;
    int kind = chunk.kinds[i];
    if (left.kinds[l] == kind
        && (isHole(kind) || left.sources[l] + (page - left.starts[l]) == chunk.sources[i])) {
      removeRange(page, page + 1);
    }
  }

  /** Moves the extents that begin at or after a page. */
  private void shift(long from, long by) {
    Map.Entry<Long, ExtentChunk> entry = chunks.floorEntry(from);
    if (entry != null) {
      ExtentChunk chunk = entry.getValue();
      int i = chunk.floor(from - 1) + 1;
      if (i > 0) {
        chunk.shift(i, by);
      }
    }
    TreeMap<Long, ExtentChunk> moved = new TreeMap<>(chunks.tailMap(from, true));
    chunks.tailMap(from, true).clear();
    moved.forEach(
        (key, chunk) -> {
          chunk.shift(0, by);
          chunks.put(key + by, chunk);
        });
  }
}
