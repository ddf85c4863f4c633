package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.pages.RangeFinder;
import io.samepage.dedup.pages.SharedRanges;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is known of the pages of large files: their digests ({@link PageDigests}), which content had
 * a page first ({@link PageAnchors}), and which ranges a content uses of others ({@link
 * PageRanges}). A content is the fs-verity digest of a file ({@link PagedContent}). Kept for all
 * processes of the host, in LMDB beside the {@link ContentIndex}, or in memory where that cannot
 * be; a cache, like that one.
 *
 * <p>The room that it may take is bounded: when it is full, what was entered longest ago goes.
 *
 * <p>Thread-safe. What changes it is called by threads that nobody waits for.
 */
final class PageIndex implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PageIndex.class);

  /** Bytes that it may take: enough for 100 GiB of files, whose digests are 1/128 of their size. */
  static final long LIMIT = 1L << 30;

  private final PageTables tables;
  private final PageAnchors anchors;
  private final PageRanges ranges;

  private PageIndex(PageTables tables) {
    this.tables = tables;
    this.anchors = new PageAnchors(tables);
    this.ranges = new PageRanges(tables);
  }

  static PageIndex inMemory() {
    return new PageIndex(PageTables.inMemory());
  }

  /** Opens it; made if it is missing. */
  static PageIndex open(byte[] directory) {
    return open(directory, LIMIT);
  }

  /** For tests, which fill it. */
  static PageIndex open(byte[] directory, long limit) {
    return new PageIndex(PageTables.open(directory, limit));
  }

  // Contents.

  /** What is known of a content; null if its pages are not known. */
  @Nullable PagedContent find(long domain, byte[] digest) {
    PagedContent content = find(domain, PagedContent.number(digest));
    return content != null && Arrays.equals(content.digest(), digest) ? content : null;
  }

  private @Nullable PagedContent find(long domain, long number) {
    return PagedContent.decode(tables.get(Table.CONTENTS, PageTables.key(domain, number)));
  }

  /** The ranges that a content uses of others; null if there are none. */
  @Nullable SharedRanges ranges(long domain, PagedContent content) {
    return ranges.read(domain, content);
  }

  /** Takes the digests of a content's pages, before the content is entered with them. */
  PageDigests.Collector collector() {
    return new PageDigests.Collector(tables);
  }

  private PageDigests digests(PagedContent content) {
    return new PageDigests(tables, content.leaves(), content.pages());
  }

  /**
   * Enters a content that is not to be shared in part: nothing is kept but that.
   *
   * @param size in bytes
   */
  void enterUnsuitable(long domain, byte[] digest, long size) {
    enter(domain, PagedContent.ofItsOwn(digest, size, 0));
  }

  private void enter(long domain, PagedContent content) {
    byte[] key = PageTables.key(domain, content.number());
    tables.put(Table.CONTENTS, key, content.encode());
  }

  /**
   * Enters a content: finds what it uses of others, and makes it the owner of the other pages. If
   * it is there already, its ranges are found anew.
   *
   * <p>One after the other, whatever process they are in: two that are alike and were entered at
   * once would not find each other, or each would use the other's pages.
   *
   * @param leaves what its pages' digests have been entered under
   */
  synchronized void enter(long domain, byte[] digest, long size, long leaves) {
    tables.inTurn(() -> enterInTurn(domain, digest, size, leaves));
  }

  private void enterInTurn(long domain, byte[] digest, long size, long leaves) {
    PagedContent bare = PagedContent.ofItsOwn(digest, size, leaves);
    PageDigests own = digests(bare);
    PagedContent before = find(domain, bare.number());
    if (before != null && !Arrays.equals(before.digest(), digest)) {
      own.remove();
      return; // two contents of one number: one of them has to do without
    }
    if (before != null && before.leaves() != 0 && before.leaves() != leaves) {
      digests(before).remove();
    }
    trim(leaves);
    Known known = new Known(domain);
    SharedRanges found = PageAnchors.finder().find(bare.number(), own, known);
    PagedContent content = bare;
    if (found != null) {
      content =
          new PagedContent(
              digest,
              size,
              leaves,
              found.sharedPages(),
              found.ownPages(),
              bare.entered(),
              found.map().extents(),
              known.digestsOf(found.contents()));
      ranges.write(domain, bare.number(), found.map());
    }
    enter(domain, content);
    anchors.enter(domain, content, own);
  }

  /** Forgets a content: who uses pages of it is to be entered anew. */
  synchronized void forget(long domain, byte[] digest) {
    PagedContent content = find(domain, digest);
    if (content == null) {
      return;
    }
    tables.delete(Table.CONTENTS, PageTables.key(domain, content.number()));
    if (content.leaves() == 0) {
      return;
    }
    PageDigests own = digests(content);
    anchors.remove(domain, content, own);
    own.remove();
    ranges.remove(domain, content);
  }

  /** What is known to the search for one content's ranges; for one thread. */
  private final class Known implements RangeFinder.Knowledge {
    private final long domain;
    private final Map<Long, RangeFinder.Source> sources = new HashMap<>();
    private final Set<Long> notThere = new HashSet<>();

    Known(long domain) {
      this.domain = domain;
    }

    @Override
    public RangeFinder.@Nullable Page find(byte[] digests, int at) {
      return anchors.find(domain, digests, at);
    }

    @Override
    public RangeFinder.@Nullable Source source(long number) {
      RangeFinder.Source source = sources.get(number);
      if (source != null || notThere.contains(number)) {
        return source;
      }
      PagedContent content = PageIndex.this.find(domain, number);
      if (content == null || content.leaves() == 0) {
        notThere.add(number);
        return null;
      }
      source =
          new RangeFinder.Source(
              number, digests(content), content.wholePages(), ranges.read(domain, content));
      sources.put(number, source);
      return source;
    }

    List<byte[]> digestsOf(List<Long> numbers) {
      List<byte[]> digests = new ArrayList<>();
      for (long number : numbers) {
        PagedContent content = PageIndex.this.find(domain, number);
        digests.add(content == null ? new byte[VerityDigest.LENGTH] : content.digest());
      }
      return digests;
    }
  }

  // Room.

  /** A content, and the domain that it is of. */
  private record InDomain(long domain, PagedContent content) {}

  /**
   * Makes room if little is left.
   *
   * @param entering the digests that belong to no content yet, since it is just being entered
   */
  private void trim(long entering) {
    if (!tables.isFull()) {
      return;
    }
    List<InDomain> all = new ArrayList<>();
    Set<Long> known = new HashSet<>(Set.of(entering));
    List<byte[]> orphans = new ArrayList<>();
    try {
      tables.walk(
          Table.CONTENTS,
          (key, value) -> {
            PagedContent content = PagedContent.decode(Seal.open(key, value));
            if (content != null) {
              all.add(new InDomain(ByteBuffer.wrap(key).getLong(), content));
              known.add(content.leaves());
            }
            return true;
          });
      tables.walk(
          Table.LEAVES,
          (key, value) -> {
            if (!known.contains(ByteBuffer.wrap(key).getLong())) {
              // A process that was killed has left them. One that is at it finds nothing then.
              orphans.add(key);
            }
            return true;
          });
    } catch (StoreException e) {
      return;
    }
    LOG.info("the page index is full: the contents entered longest ago are removed");
    for (byte[] key : orphans) {
      tables.delete(Table.LEAVES, key);
    }
    all.sort(Comparator.comparingLong(one -> one.content().entered()));
    for (int i = 0; i < all.size() && tables.isFull(); i++) {
      forget(all.get(i).domain(), all.get(i).content().digest());
    }
  }

  @Override
  public void close() {
    tables.close();
  }
}
