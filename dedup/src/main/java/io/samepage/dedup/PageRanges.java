package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.pages.ExtentMap;
import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageState;
import io.samepage.dedup.pages.SharedRanges;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which ranges contents use of others, as they are kept: in parts, in the table {@link
 * Table#RANGES} under (domain, content, part); an extent is
 *
 * <pre>
 *   pages 8 | first page in the source 8 | kind 4: which of the sources, −1 own, −2 a hole
 * </pre>
 *
 * <p>Thread-safe.
 */
final class PageRanges {
  /** Bytes of an extent. */
  private static final int EXTENT = Long.BYTES * 2 + Integer.BYTES;

  private static final int EXTENTS_IN_PART = 1600;
  private static final int OWN = -1;
  private static final int HOLE = -2;

  private final PageTables tables;

  PageRanges(PageTables tables) {
    this.tables = tables;
  }

  /** The ranges that a content uses; null if there are none, or they are damaged. */
  @Nullable SharedRanges read(long domain, PagedContent content) {
    if (content.extents() == 0) {
      return null;
    }
    ExtentMap map = new ExtentMap(content.pages());
    long page = 0;
    int left = content.extents();
    for (int part = 0; left > 0; part++) {
      byte[] value = tables.get(Table.RANGES, PageTables.key(domain, content.number(), part));
      if (value == null) {
        return null;
      }
      ByteBuffer b = ByteBuffer.wrap(value);
      while (b.remaining() >= EXTENT) {
        long count = b.getLong();
        long source = b.getLong();
        int kind = b.getInt();
        if (count <= 0 || count > map.pages() - page || kind >= content.sources().size()) {
          return null;
        }
        if (kind >= 0) {
          map.set(page, count, PageState.SHARED, kind, source);
        } else if (kind == OWN) {
          map.set(page, count, PageState.OWN, 0, page);
        }
        page += count;
        left--;
      }
    }
    List<Long> contents = content.sources().stream().map(PagedContent::number).toList();
    return page == map.pages()
        ? new SharedRanges(map, contents, content.shared(), content.own())
        : null;
  }

  /**
   * Writes the ranges of a content, before the content itself.
   *
   * @param content its number
   */
  void write(long domain, long content, ExtentMap map) {
    List<byte[]> parts = new ArrayList<>();
    ByteBuffer part = ByteBuffer.allocate(EXTENTS_IN_PART * EXTENT);
    map.forEach(
        0,
        map.pages(),
        extent -> {
          part.putLong(extent.count()).putLong(extent.source()).putInt(kind(extent));
          if (!part.hasRemaining()) {
            parts.add(part.array().clone());
            part.clear();
          }
        });
    parts.add(Arrays.copyOf(part.array(), part.position()));
    for (int i = 0; i < parts.size(); i++) {
      tables.put(Table.RANGES, PageTables.key(domain, content, i), parts.get(i));
    }
  }

  private static int kind(PageExtent extent) {
    return switch (extent.state()) {
      case SHARED -> extent.file();
      case HOLE -> HOLE;
      default -> OWN;
    };
  }

  /** Removes the ranges of a content. */
  void remove(long domain, PagedContent content) {
    int parts = content.extents() / EXTENTS_IN_PART + 1;
    for (int part = 0; part < parts; part++) {
      tables.delete(Table.RANGES, PageTables.key(domain, content.number(), part));
    }
  }
}
