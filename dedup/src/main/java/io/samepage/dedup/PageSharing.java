package io.samepage.dedup;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.samepage.dedup.ContentIndex.Claim;
import io.samepage.dedup.pages.RangeUsers;
import io.samepage.dedup.pages.SharedRanges;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileHandles.FileHandle;
import io.samepage.posix.Stat;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sharing of files that are alike in part: finds their page maps, and keeps the stable files open
 * that these are read from, each once for all of this process. It works beside {@link StableFiles},
 * with the same background thread and the same index. Thread-safe; nothing is called under the
 * locks of its maps but the monitors of {@link RangeUsers}.
 */
final class PageSharing {
  private static final Logger LOG = LoggerFactory.getLogger(PageSharing.class);

  /** How soon a stable file that cannot be opened yet is worth another try. */
  static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final int REMEMBERED = 10_000;

  /** A use, in a tree, and the lists of who entered it. */
  private static final int USE_BYTES = 48 + 40 + 24;

  /** A stable file that several read from. */
  static final class OpenSource {
    private final Place place;
    private final Fd fd;

    /** Who holds it; 0 once it is closed. Guarded by its entry in the map. */
    private int users = 1;

    private OpenSource(Place place, Fd fd) {
      this.place = place;
      this.fd = fd;
    }

    Place place() {
      return place;
    }

    int fd() {
      return fd.number();
    }
  }

  /**
   * What came of opening a stable file.
   *
   * @param waits whether another try may find one that cannot be opened now
   */
  record Opening(@Nullable OpenSource source, boolean waits) {}

  private record PagesOf(FileKey file) {}

  private record RangesOf(long content) {}

  private final PageOptions options;
  private final ContentPlaces places;
  private final Identifier identifier;
  private final OpenTrees trees;
  private final BackgroundQueue queue;
  private final long domain;
  private final ConcurrentHashMap<FileKey, OpenSource> open = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<FileKey, RangeUsers> users = new ConcurrentHashMap<>();
  private final Set<FileKey> warned = ConcurrentHashMap.newKeySet();
  private final LongAdder usedBytes = new LongAdder();

  /** Files that are found to be programs, and others that are not worth another look. */
  private final Cache<FileKey, Boolean> unsuitable =
      Caffeine.newBuilder().maximumSize(REMEMBERED).executor(Runnable::run).build();

  PageSharing(
      PageOptions options,
      ContentPlaces places,
      Identifier identifier,
      OpenTrees trees,
      BackgroundQueue queue) {
    this.options = options;
    this.places = places;
    this.identifier = identifier;
    this.trees = trees;
    this.queue = queue;
    this.domain = places.domain();
  }

  /** Whether a file is to be shared in part, as far as can be seen from outside. */
  boolean wants(Stat stat, FileKey file) {
    return options.wants(stat) && unsuitable.getIfPresent(file) == null;
  }

  /**
   * Completes what is known of a file with its page map; queues what is not known yet.
   *
   * @param digest of the file
   */
  Content complete(
      Content content, ContentIndex known, LayerTree tree, FileAt at, byte[] digest, FileKey file)
      throws ErrnoException {
    PageIndex index = known.openPages();
    PagedContent entry = index == null ? null : index.find(domain, digest);
    if (index == null || entry == null) {
      queue(tree, at, file);
      return new Content(file, false, content.isShared(), content.stable(), null);
    }
    SharedRanges ranges = index.ranges(domain, entry);
    if (ranges == null || !ranges.isWorth(options.likeness())) {
      return content;
    }
    StableFile stable = content.stable();
    FileKey whole = stable == null ? file : stable.key();
    PagedFile paged = new PagedFile(this, tree, file, whole, digest, ranges, entry.sources());
    return new Content(file, content.isKnown(), content.isShared(), content.stable(), paged);
  }

  /** Opens the index of pages, in the background, so that the first open finds what it knows. */
  void begin() {
    queue.add(
        PageIndex.class,
        () -> {
          ContentIndex known = places.index();
          if (known != null) {
            known.pages();
          }
        });
  }

  /** A file whose pages are to be found out; it is identified as a whole with that. */
  void queue(LayerTree tree, FileAt at, FileKey file) throws ErrnoException {
    queue.add(new PagesOf(file), tree, at, handle -> identify(tree, file, handle));
  }

  // The background thread.

  private void identify(LayerTree tree, FileKey file, FileHandle handle) {
    ContentIndex known = places.index();
    if (known == null) {
      return;
    }
    PageIdentification pages = new PageIdentification(known, domain, options, queue::isClosed);
    Place place = new Place(file, handle, known.enterLayer(tree.path()));
    byte[] digest = known.find(domain, file).digest();
    if (pages.isKnown(digest)) {
      places.moreIsKnown(); // another process has been faster
      return;
    }
    if (identifier.isTooRecent(file)) {
      return;
    }
    int opened = trees.open(tree, place, new Stat());
    if (opened < 0) {
      identifier.unreadable();
      return;
    }
    try (Fd fd = new Fd(opened)) {
      if (PageIdentification.isProgram(fd)) {
        unsuitable.put(file, true);
        if (digest != null) {
          pages.enterUnsuitable(digest, file.size());
        }
        places.moreIsKnown();
        return;
      }
      Claim claim = known.claim(domain, List.of(place)).get(0);
      if (claim.other() != null) {
        identifier.hash(claim.other(), tree);
      }
      switch (pages.hash(identifier.identification(), fd, place, identifier::hashed)) {
        case ENTERED -> {
          identifier.leaveToReaders(fd, file.size());
          places.moreIsKnown();
        }
        case CHANGING -> identifier.changing(file);
        case STOPPED -> {
          // The mount ends; what is not known will be found out when it is met again.
        }
      }
    } catch (ErrnoException e) {
      identifier.unreadable();
    }
  }

  /**
   * Some of the contents that a file uses cannot be had any more: its ranges are to be found anew.
   *
   * @param digest of the file
   * @param source the content that is lost
   */
  void lost(byte[] digest, byte[] source) {
    queue.add(
        new RangesOf(PagedContent.number(digest)),
        () -> {
          ContentIndex known = places.index();
          if (known == null) {
            return;
          }
          PageIndex index = known.pages();
          if (!isThere(known, source)) {
            index.forget(domain, source);
          }
          PagedContent entry = index.find(domain, digest);
          if (entry != null && entry.leaves() != 0) {
            index.enter(domain, digest, entry.size(), entry.leaves());
          }
          places.moreIsKnown();
        });
  }

  private boolean isThere(ContentIndex known, byte[] digest) {
    Stat stat = new Stat();
    for (Place place : known.places(domain, digest)) {
      Fd fd = trees.openAnyway(null, known, place, stat);
      if (fd != null) {
        fd.close();
        return true;
      }
    }
    return false;
  }

  // Stable files.

  /** The place that is likely to be used of a content; null if there is none. */
  @Nullable Place expected(byte[] digest, Set<FileKey> failed) {
    ContentIndex known = places.index();
    if (known != null) {
      for (Place place : places.of(known, digest)) {
        if (!failed.contains(place.key())) {
          return place;
        }
      }
    }
    return null;
  }

  /**
   * Opens a place that holds a content, and sees that it is as it was.
   *
   * @param near the tree of who asks
   * @param failed places that are not to be used
   */
  Opening openSource(LayerTree near, byte[] digest, Set<FileKey> failed) {
    ContentIndex known = places.index();
    if (known == null) {
      return new Opening(null, true);
    }
    boolean waits = false;
    Set<FileKey> seen = new HashSet<>(failed);
    for (Place place : places.of(known, digest)) {
      if (!seen.add(place.key())) {
        continue;
      }
      OpenSource source = acquire(place.key());
      if (source != null) {
        return new Opening(source, false);
      }
      int fd = trees.open(near, place, new Stat());
      if (fd >= 0) {
        return new Opening(keep(place, new Fd(fd)), false);
      }
      if (fd == OpenTrees.NOT_MOUNTED) {
        places.mount(known, digest, place);
        waits = true;
      } else if (fd == -Errno.ESTALE || fd == -Errno.ENOENT) {
        places.remove(known, digest, place.key());
      } else {
        waits = true; // too many open files, say
      }
    }
    return new Opening(null, waits);
  }

  private @Nullable OpenSource acquire(FileKey file) {
    return open.computeIfPresent(
        file,
        (key, source) -> {
          source.users++;
          return source;
        });
  }

  private OpenSource keep(Place place, Fd fd) {
    OpenSource kept =
        open.compute(
            place.key(),
            (key, source) -> {
              if (source == null) {
                return new OpenSource(place, fd);
              }
              source.users++;
              return source;
            });
    if (kept.fd != fd) {
      fd.close(); // another thread was faster
    }
    return kept;
  }

  /** One who opened it does not read from it any more. */
  void close(OpenSource source) {
    open.computeIfPresent(
        source.place.key(),
        (key, found) -> {
          if (--found.users > 0) {
            return found;
          }
          found.fd.close();
          return null;
        });
  }

  /** A stable file was changed while it was open: it holds the content no more. */
  void changed(byte[] digest, FileKey stable) {
    ContentIndex known = places.index();
    if (known != null) {
      places.remove(known, digest, stable);
    }
  }

  /** A stable file could not be read: it stands for nobody from the next open on. */
  void failed(FileKey stable, ErrnoException failure) {
    if (warned.size() < REMEMBERED && warned.add(stable)) {
      LOG.warn(
          "inode {} of a layer has pages for others and cannot be read ({}); they use other copies"
              + " of these pages from now on. See what the kernel says about its disk (dmesg)",
          stable.ino(),
          failure.getMessage());
      places.discard(stable);
    }
  }

  // The reverse maps.

  void addUse(FileKey file, RangeUsers.Use use) {
    users.compute(
        file,
        (key, found) -> {
          RangeUsers all = found == null ? new RangeUsers() : found;
          all.add(use);
          return all;
        });
  }

  void removeUse(FileKey file, RangeUsers.Use use) {
    users.computeIfPresent(
        file,
        (key, found) -> {
          found.remove(use);
          return found.size() == 0 ? null : found;
        });
  }

  /** How many mappings use some of a range of a file's pages, without using all of the file. */
  int userCount(FileKey file, long first, long count) {
    RangeUsers found = users.get(file);
    if (found == null) {
      return 0;
    }
    return (int)
        found.of(first, count).stream().mapToLong(RangeUsers.Use::mapping).distinct().count();
  }

  /** Adds the ranges that are used, without what is used as a whole. */
  void addTo(UsedPages pages) {
    users.forEach(
        (file, found) -> {
          for (RangeUsers.Use use : found.all()) {
            pages.add(file, use.source(), use.count(), 1);
          }
        });
  }

  /** An estimate of what the reverse maps take of the heap, in bytes. */
  long heapBytes() {
    return users.values().stream().mapToLong(found -> found.size() * (long) USE_BYTES).sum();
  }

  void used(long bytes) {
    usedBytes.add(bytes);
  }

  /** Bytes of ranges of other files that open files use. */
  long usedBytes() {
    return usedBytes.sum();
  }
}
