package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.Store.Writer;
import io.samepage.dedup.pages.RangeFinder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Which content had a page first, for one page of eight, by the beginning of its digest: where
 * {@link RangeFinder} begins to look for a range. In the table {@link Table#ANCHORS}, under
 * (domain, first 8 bytes of the page's digest), as (content, page). Thread-safe.
 */
final class PageAnchors {
  /** One page of eight is entered. */
  static final int MASK = 7;

  private static final int AT_ONCE = 1000;

  private final PageTables tables;

  PageAnchors(PageTables tables) {
    this.tables = tables;
  }

  /** A finder of ranges that looks at the pages that are entered here. */
  static RangeFinder finder() {
    return new RangeFinder(VerityDigest.zeroPage(), MASK);
  }

  private static byte[] key(long domain, byte[] digests, int at) {
    return ByteBuffer.allocate(2 * Long.BYTES).putLong(domain).put(digests, at, 8).array();
  }

  /**
   * Who had a page first; null if that is not known.
   *
   * @param at where its digest begins
   */
  RangeFinder.@Nullable Page find(long domain, byte[] digests, int at) {
    byte[] value = tables.get(Table.ANCHORS, key(domain, digests, at));
    if (value == null || value.length != 2 * Long.BYTES) {
      return null;
    }
    ByteBuffer b = ByteBuffer.wrap(value);
    return new RangeFinder.Page(b.getLong(), b.getLong());
  }

  /**
   * Enters the pages of a content. Who had a page first stays its owner, as long as it is known.
   */
  void enter(long domain, PagedContent content, PageDigests digests) {
    long number = content.number();
    change(
        digests,
        content.wholePages(),
        (writer, page) -> enter(writer, domain, number, digests, page));
  }

  private static void enter(Writer writer, long domain, long content, PageDigests own, long page) {
    byte[] digests = own.holding(page);
    if (digests == null) {
      return;
    }
    byte[] key = key(domain, digests, own.at(page));
    byte[] first = PageTables.get(writer, Table.ANCHORS, key);
    if (first != null && first.length == 2 * Long.BYTES) {
      byte[] owner = PageTables.key(domain, ByteBuffer.wrap(first).getLong());
      if (PageTables.get(writer, Table.CONTENTS, owner) != null) {
        return;
      }
    }
    PageTables.put(writer, Table.ANCHORS, key, PageTables.key(content, page));
  }

  /** Removes those pages that a content is the owner of. */
  void remove(long domain, PagedContent content, PageDigests digests) {
    long number = content.number();
    change(
        digests,
        content.wholePages(),
        (writer, page) -> remove(writer, domain, number, digests, page));
  }

  private static void remove(Writer writer, long domain, long content, PageDigests own, long page) {
    byte[] digests = own.holding(page);
    if (digests == null) {
      return;
    }
    byte[] key = key(domain, digests, own.at(page));
    byte[] first = PageTables.get(writer, Table.ANCHORS, key);
    if (first != null && ByteBuffer.wrap(first).getLong() == content) {
      writer.delete(Table.ANCHORS, key);
    }
  }

  /**
   * Changes what stands for the anchors of a content, by their pages; several in one transaction.
   */
  private void change(PageDigests own, long wholePages, ObjLongConsumer<Writer> action) {
    RangeFinder finder = finder();
    List<Long> some = new ArrayList<>();
    for (long page = 0; page < wholePages; page++) {
      byte[] digests = own.holding(page);
      if (digests != null && finder.isAnchor(digests, own.at(page))) {
        some.add(page);
      }
      if (some.size() == AT_ONCE || page == wholePages - 1) {
        tables.change(writer -> some.forEach(one -> action.accept(writer, one)));
        some.clear();
      }
    }
  }
}
