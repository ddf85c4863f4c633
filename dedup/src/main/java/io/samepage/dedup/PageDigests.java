package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.pages.RangeFinder;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * The digests of the pages of one content, as they are kept: in parts, in the table {@link
 * Table#LEAVES} under (a number of this content's, part). Not thread-safe.
 */
final class PageDigests implements RangeFinder.Digests {
  /** Digests in a part: with its checksum and LMDB's header it fills 8 pages. */
  static final int PART = 1023;

  private final PageTables tables;
  private final long leaves;
  private final long pages;

  /** Parts that were asked for last; ranges at several distances are followed side by side. */
  private final long[] held = {-1, -1, -1, -1};

  private final @Nullable Part[] parts = new Part[held.length];

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Part(byte[] digests) {}

  /**
   * Those of a content.
   *
   * @param leaves what they have been entered under
   * @param pages how many there are
   */
  PageDigests(PageTables tables, long leaves, long pages) {
    this.tables = tables;
    this.leaves = leaves;
    this.pages = pages;
  }

  @Override
  public long pages() {
    return pages;
  }

  @Override
  public byte @Nullable [] holding(long page) {
    long wanted = page / PART;
    int slot = (int) (wanted % held.length);
    if (held[slot] != wanted) {
      byte[] found = tables.get(Table.LEAVES, PageTables.key(leaves, wanted));
      long expected = Math.min(PART, pages - wanted * PART) * VerityDigest.LENGTH;
      parts[slot] = found != null && found.length == expected ? new Part(found) : null;
      held[slot] = wanted;
    }
    Part part = parts[slot];
    return part == null ? null : part.digests;
  }

  @Override
  public int at(long page) {
    return (int) (page % PART) * VerityDigest.LENGTH;
  }

  /** Removes them. */
  void remove() {
    remove(tables, leaves, (int) ((pages + PART - 1) / PART));
  }

  private static void remove(PageTables tables, long leaves, int parts) {
    for (int part = 0; part < parts; part++) {
      tables.delete(Table.LEAVES, PageTables.key(leaves, part));
    }
  }

  /** Takes the digests of a content's pages as they are made; not thread-safe. */
  static final class Collector implements VerityDigest.Leaves {
    private final PageTables tables;
    private final long leaves = ThreadLocalRandom.current().nextLong(1, Long.MAX_VALUE);
    private final ByteBuffer part = ByteBuffer.allocate(PART * VerityDigest.LENGTH);
    private int parts;

    Collector(PageTables tables) {
      this.tables = tables;
    }

    /** What they are entered under: a number of its own. */
    long leaves() {
      return leaves;
    }

    @Override
    public void leaf(long page, byte[] digests, int at) {
      part.put(digests, at, VerityDigest.LENGTH);
      if (!part.hasRemaining()) {
        flush();
      }
    }

    /** Writes what is left. */
    void flush() {
      if (part.position() > 0) {
        byte[] value = Arrays.copyOf(part.array(), part.position());
        tables.put(Table.LEAVES, PageTables.key(leaves, parts++), value);
        part.clear();
      }
    }

    /** Nothing of it is wanted. */
    void discard() {
      remove(tables, leaves, parts);
    }
  }
}
