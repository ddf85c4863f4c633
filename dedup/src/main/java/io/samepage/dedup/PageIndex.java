package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.Store.Writer;
import io.samepage.dedup.pages.ExtentMap;
import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageState;
import io.samepage.dedup.pages.RangeFinder;
import io.samepage.dedup.pages.SharedRanges;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is known of the pages of large files: their digests, which content had a page first, and
 * which ranges a content uses of others. A content is the fs-verity digest of a file, and has the
 * first 8 bytes of that as its number. Kept for all processes of the host, in LMDB beside the
 * {@link ContentIndex}, or in memory where that cannot be; a cache, like that one.
 *
 * <p>The room that it may take is bounded: when it is full, what was entered longest ago goes.
 *
 * <p>Thread-safe. What changes it is called by threads that nobody waits for.
 */
final class PageIndex implements RangeFinder.Knowledge, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PageIndex.class);

  /** Bytes that it may take: enough for 100 GiB of files, whose digests are 1/128 of their size. */
  static final long LIMIT = 1L << 30;

  private static final long MEMORY_LIMIT = 16 << 20;
  private static final double FULL = 0.9;

  /** One page of eight is entered. */
  static final int ANCHOR_MASK = 7;

  /** Digests in a part: with its checksum and LMDB's header it fills 8 pages. */
  static final int PART = 1023;

  /** Bytes of extents in a part. */
  private static final int EXTENT = Long.BYTES * 2 + Integer.BYTES;

  private static final int EXTENTS_IN_PART = 1600;
  private static final int AT_ONCE = 1000;
  private static final int CONTENT_FIXED = VerityDigest.LENGTH + 5 * Long.BYTES + 2 * Integer.BYTES;

  /**
   * A content whose pages are known.
   *
   * @param digest of the file
   * @param size in bytes
   * @param leaves what its pages' digests are kept under; 0 if it is not to be shared in part
   * @param shared how many pages it uses of others
   * @param own how many it does not, without those that are zeros
   * @param entered milliseconds since 1970
   * @param extents how many extents its map has; 0 if it uses nothing of others
   * @param sources digests of the contents that it uses
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Entry(
      byte[] digest,
      long size,
      long leaves,
      long shared,
      long own,
      long entered,
      int extents,
      List<byte[]> sources) {
    long number() {
      return PageIndex.number(digest);
    }

    long wholePages() {
      return size / VerityDigest.BLOCK;
    }

    long pages() {
      return (size + VerityDigest.BLOCK - 1) / VerityDigest.BLOCK;
    }
  }

  private final Store store;
  private final AtomicBoolean warned = new AtomicBoolean();

  private PageIndex(Store store) {
    this.store = store;
  }

  static PageIndex inMemory() {
    return new PageIndex(new MemoryStore(Table.OF_PAGES, MEMORY_LIMIT));
  }

  /** Opens it; made if it is missing. */
  static PageIndex open(byte[] directory) {
    return open(directory, LIMIT);
  }

  /** For tests, which fill it. */
  static PageIndex open(byte[] directory, long limit) {
    try {
      return new PageIndex(LmdbStore.open(directory, limit, LmdbStore.Kind.PAGES));
    } catch (StoreException | LinkageError e) {
      PageIndex index = inMemory();
      index.warn(e, directory);
      return index;
    }
  }

  private void warn(Throwable e, byte[] directory) {
    if (warned.compareAndSet(false, true)) {
      LOG.warn(
          "the page index {} cannot be written, and remembers less: {}",
          new String(directory, StandardCharsets.UTF_8),
          e.getMessage());
    }
  }

  /** The number of a content. */
  static long number(byte[] digest) {
    return ByteBuffer.wrap(digest).getLong();
  }

  // Contents.

  /** What is known of a content; null if its pages are not known. */
  @Nullable Entry find(long domain, byte[] digest) {
    Entry entry = find(domain, number(digest));
    return entry != null && Arrays.equals(entry.digest, digest) ? entry : null;
  }

  private @Nullable Entry find(long domain, long content) {
    return decode(get(Table.CONTENTS, key(domain, content)));
  }

  private static @Nullable Entry decode(byte @Nullable [] value) {
    if (value == null || value.length < CONTENT_FIXED) {
      return null;
    }
    ByteBuffer b = ByteBuffer.wrap(value);
    byte[] digest = new byte[VerityDigest.LENGTH];
    b.get(digest);
    long size = b.getLong();
    long leaves = b.getLong();
    long shared = b.getLong();
    long own = b.getLong();
    long entered = b.getLong();
    int extents = b.getInt();
    int count = b.getInt();
    List<byte[]> sources = new ArrayList<>();
    for (int i = 0; i < count && b.remaining() >= VerityDigest.LENGTH; i++) {
      byte[] source = new byte[VerityDigest.LENGTH];
      b.get(source);
      sources.add(source);
    }
    return new Entry(digest, size, leaves, shared, own, entered, extents, sources);
  }

  private static byte[] encode(Entry entry) {
    ByteBuffer b = ByteBuffer.allocate(CONTENT_FIXED + entry.sources.size() * VerityDigest.LENGTH);
    b.put(entry.digest).putLong(entry.size).putLong(entry.leaves);
    b.putLong(entry.shared).putLong(entry.own).putLong(entry.entered);
    b.putInt(entry.extents).putInt(entry.sources.size());
    entry.sources.forEach(b::put);
    return b.array();
  }

  /** The ranges that a content uses of others; null if there are none. */
  @Nullable SharedRanges ranges(long domain, Entry entry) {
    if (entry.extents == 0) {
      return null;
    }
    ExtentMap map = new ExtentMap(entry.pages());
    long page = 0;
    int left = entry.extents;
    for (int part = 0; left > 0; part++) {
      byte[] value = get(Table.RANGES, key(domain, entry.number(), part));
      if (value == null) {
        return null;
      }
      ByteBuffer b = ByteBuffer.wrap(value);
      while (b.remaining() >= EXTENT) {
        long count = b.getLong();
        long source = b.getLong();
        int kind = b.getInt();
        if (count <= 0 || count > map.pages() - page || kind >= entry.sources.size()) {
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
    List<Long> contents = entry.sources.stream().map(PageIndex::number).toList();
    return page == map.pages() ? new SharedRanges(map, contents, entry.shared, entry.own) : null;
  }

  private static final int OWN = -1;
  private static final int HOLE = -2;

  // Digests.

  /** The digests of a content's pages as they are made; not thread-safe. */
  final class Collector implements VerityDigest.Leaves {
    final long leaves = ThreadLocalRandom.current().nextLong(1, Long.MAX_VALUE);
    private final ByteBuffer part = ByteBuffer.allocate(PART * VerityDigest.LENGTH);
    private int parts;

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
        int number = parts++;
        change(writer -> put(writer, Table.LEAVES, key(leaves, number), value));
        part.clear();
      }
    }

    /** Nothing of it is wanted. */
    void discard() {
      removeLeaves(leaves, parts);
    }
  }

  private void removeLeaves(long leaves, int parts) {
    for (int part = 0; part < parts; part++) {
      byte[] key = key(leaves, part);
      change(writer -> writer.delete(Table.LEAVES, key));
    }
  }

  private static int parts(long pages) {
    return (int) ((pages + PART - 1) / PART);
  }

  /** Some of the digests of a content. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Part(byte[] digests) {}

  /** The digests of a content's pages. */
  private final class Digests implements RangeFinder.Digests {
    private final long leaves;
    private final long pages;

    /** Parts that were asked for last; ranges at several distances are followed side by side. */
    private final long[] held = {-1, -1, -1, -1};

    private final @Nullable Part[] parts = new Part[held.length];

    Digests(long leaves, long pages) {
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
        byte[] found = get(Table.LEAVES, key(leaves, wanted));
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
  }

  // Finding, of one content at a time: guarded by this object.

  private long domainOfSearch;
  private final Map<Long, RangeFinder.Source> sources = new HashMap<>();
  private final Set<Long> notThere = new HashSet<>();

  @Override
  public RangeFinder.@Nullable Page find(byte[] digests, int at) {
    byte[] value = get(Table.ANCHORS, anchorKey(domainOfSearch, digests, at));
    if (value == null || value.length != 2 * Long.BYTES) {
      return null;
    }
    ByteBuffer b = ByteBuffer.wrap(value);
    return new RangeFinder.Page(b.getLong(), b.getLong());
  }

  @Override
  public RangeFinder.@Nullable Source source(long content) {
    RangeFinder.Source source = sources.get(content);
    if (source != null || notThere.contains(content)) {
      return source;
    }
    Entry entry = find(domainOfSearch, content);
    if (entry == null || entry.leaves == 0) {
      notThere.add(content);
      return null;
    }
    Digests digests = new Digests(entry.leaves, entry.pages());
    source =
        new RangeFinder.Source(content, digests, entry.wholePages(), ranges(domainOfSearch, entry));
    sources.put(content, source);
    return source;
  }

  /**
   * Enters a content that is not to be shared in part: nothing is kept but that.
   *
   * @param size in bytes
   */
  void enterUnsuitable(long domain, byte[] digest, long size) {
    Entry entry = new Entry(digest, size, 0, 0, 0, now(), 0, List.of());
    enter(domain, entry);
  }

  /**
   * Enters a content: finds what it uses of others, and makes it the owner of the other pages. If
   * it is there already, its ranges are found anew.
   *
   * @param leaves what its pages' digests have been entered under
   */
  synchronized void enter(long domain, byte[] digest, long size, long leaves) {
    long number = number(digest);
    Entry before = find(domain, number);
    if (before != null && !Arrays.equals(before.digest, digest)) {
      removeLeaves(leaves, parts((size + VerityDigest.BLOCK - 1) / VerityDigest.BLOCK));
      return; // two contents of one number: one of them has to do without
    }
    if (before != null && before.leaves != 0 && before.leaves != leaves) {
      removeLeaves(before.leaves, parts(before.pages()));
    }
    trim(leaves);
    RangeFinder finder = new RangeFinder(VerityDigest.zeroPage(), ANCHOR_MASK);
    Entry bare = new Entry(digest, size, leaves, 0, 0, now(), 0, List.of());
    Digests own = new Digests(leaves, bare.pages());
    domainOfSearch = domain;
    SharedRanges ranges;
    List<byte[]> used = new ArrayList<>();
    try {
      ranges = finder.find(number, own, this);
      if (ranges != null) {
        for (long content : ranges.contents()) {
          Entry source = find(domain, content);
          used.add(source == null ? new byte[VerityDigest.LENGTH] : source.digest);
        }
      }
    } finally {
      sources.clear();
      notThere.clear();
    }
    Entry entry = bare;
    if (ranges != null) {
      entry =
          new Entry(
              digest,
              size,
              leaves,
              ranges.sharedPages(),
              ranges.ownPages(),
              bare.entered,
              ranges.map().extents(),
              used);
      writeRanges(domain, number, ranges.map());
    }
    enter(domain, entry);
    enterAnchors(domain, finder, number, own, bare.wholePages());
  }

  private void enter(long domain, Entry entry) {
    byte[] key = key(domain, entry.number());
    change(writer -> put(writer, Table.CONTENTS, key, encode(entry)));
  }

  private void writeRanges(long domain, long content, ExtentMap map) {
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
      byte[] key = key(domain, content, i);
      byte[] value = parts.get(i);
      change(writer -> put(writer, Table.RANGES, key, value));
    }
  }

  private static int kind(PageExtent extent) {
    return switch (extent.state()) {
      case SHARED -> extent.file();
      case HOLE -> HOLE;
      default -> OWN;
    };
  }

  /** Who had a page first stays its owner, as long as it is known. */
  private void enterAnchors(
      long domain, RangeFinder finder, long content, Digests own, long wholePages) {
    changeAnchors(
        finder, own, wholePages, (writer, page) -> enterAnchor(writer, domain, content, own, page));
  }

  /** Changes what stands for the anchors of a file, by their pages; several in one transaction. */
  private void changeAnchors(
      RangeFinder finder, Digests own, long wholePages, ObjLongConsumer<Writer> action) {
    List<Long> some = new ArrayList<>();
    for (long page = 0; page < wholePages; page++) {
      byte[] digests = own.holding(page);
      if (digests != null && finder.isAnchor(digests, own.at(page))) {
        some.add(page);
      }
      if (some.size() == AT_ONCE || page == wholePages - 1) {
        change(writer -> some.forEach(one -> action.accept(writer, one)));
        some.clear();
      }
    }
  }

  private static void enterAnchor(
      Writer writer, long domain, long content, Digests own, long page) {
    byte[] digests = own.holding(page);
    if (digests == null) {
      return;
    }
    byte[] key = anchorKey(domain, digests, own.at(page));
    byte[] first = ContentIndex.open(key, writer.get(Table.ANCHORS, key));
    if (first != null && first.length == 2 * Long.BYTES) {
      byte[] owner = key(domain, ByteBuffer.wrap(first).getLong());
      if (ContentIndex.open(owner, writer.get(Table.CONTENTS, owner)) != null) {
        return;
      }
    }
    put(writer, Table.ANCHORS, key, key(content, page));
  }

  /** Forgets a content: who uses pages of it is to be entered anew. */
  synchronized void forget(long domain, byte[] digest) {
    Entry entry = find(domain, digest);
    if (entry == null) {
      return;
    }
    byte[] key = key(domain, entry.number());
    change(writer -> writer.delete(Table.CONTENTS, key));
    if (entry.leaves == 0) {
      return;
    }
    RangeFinder finder = new RangeFinder(VerityDigest.zeroPage(), ANCHOR_MASK);
    Digests own = new Digests(entry.leaves, entry.pages());
    changeAnchors(
        finder,
        own,
        entry.wholePages(),
        (writer, page) -> removeAnchor(writer, domain, entry.number(), own, page));
    removeLeaves(entry.leaves, parts(entry.pages()));
    int parts = entry.extents / EXTENTS_IN_PART + 1;
    for (int part = 0; part < parts; part++) {
      byte[] range = key(domain, entry.number(), part);
      change(writer -> writer.delete(Table.RANGES, range));
    }
  }

  private static void removeAnchor(
      Writer writer, long domain, long content, Digests own, long page) {
    byte[] digests = own.holding(page);
    if (digests == null) {
      return;
    }
    byte[] key = anchorKey(domain, digests, own.at(page));
    byte[] first = ContentIndex.open(key, writer.get(Table.ANCHORS, key));
    if (first != null && ByteBuffer.wrap(first).getLong() == content) {
      writer.delete(Table.ANCHORS, key);
    }
  }

  // Room.

  private void trim(long entering) {
    if (store.fill() < FULL) {
      return;
    }
    List<Entry> entries = new ArrayList<>();
    List<Long> domains = new ArrayList<>();
    Set<Long> known = new HashSet<>(Set.of(entering));
    List<byte[]> orphans = new ArrayList<>();
    try {
      store.walk(
          Table.CONTENTS,
          (key, value) -> {
            Entry entry = decode(ContentIndex.open(key, value));
            if (entry != null) {
              entries.add(entry);
              domains.add(ByteBuffer.wrap(key).getLong());
              known.add(entry.leaves);
            }
            return true;
          });
      store.walk(
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
      change(writer -> writer.delete(Table.LEAVES, key));
    }
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < entries.size(); i++) {
      order.add(i);
    }
    order.sort((a, b) -> Long.compare(entries.get(a).entered, entries.get(b).entered));
    for (int i = 0; i < order.size() && store.fill() >= FULL; i++) {
      int oldest = order.get(i);
      forget(domains.get(oldest), entries.get(oldest).digest);
    }
  }

  private static long now() {
    return System.currentTimeMillis();
  }

  // Access to the tables.

  private byte @Nullable [] get(Table table, byte[] key) {
    return ContentIndex.open(key, store.get(table, key));
  }

  private static void put(Writer writer, Table table, byte[] key, byte[] value) {
    writer.put(table, key, ContentIndex.seal(key, value));
  }

  private void change(Store.Change change) {
    try {
      store.change(change);
    } catch (StoreException e) {
      warn(e, new byte[0]);
    }
  }

  private static byte[] key(long a, long b) {
    return ByteBuffer.allocate(2 * Long.BYTES).putLong(a).putLong(b).array();
  }

  private static byte[] key(long a, long b, long c) {
    return ByteBuffer.allocate(3 * Long.BYTES).putLong(a).putLong(b).putLong(c).array();
  }

  private static byte[] anchorKey(long domain, byte[] digests, int at) {
    return ByteBuffer.allocate(2 * Long.BYTES).putLong(domain).put(digests, at, 8).array();
  }

  @Override
  public void close() {
    store.close();
  }
}
