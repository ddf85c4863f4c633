package io.samepage.dedup;

import io.samepage.dedup.pages.ExtentMap;
import io.samepage.dedup.pages.PageExtent;
import io.samepage.dedup.pages.PageState;
import io.samepage.dedup.pages.RangeUsers.Use;
import io.samepage.dedup.pages.SharedRanges;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A file that is read through a page map: some of its pages from ranges of stable files that hold
 * the same, the others from itself.
 *
 * <p>The stable files are opened when a read first needs them, and compared with what they were
 * when their digests were made: then, and after each read, before what was read is handed out. Who
 * has changed, gone, or cannot be read is left for the next place with the same content, and at
 * last for the file itself; the first two for all ranges, the last for those pages that failed. The
 * page map says so from then on, and is what keeps them from being tried again: an I/O error
 * belongs to a (mapping, offset), not to a file. {@link #close} closes what was opened; a read
 * after it opens anew.
 *
 * <p>Thread-safe. Each monitor is a leaf, but that the map's and the source's are taken under this
 * object's.
 */
public final class PagedFile implements AutoCloseable {
  private static final int PAGE = VerityDigest.BLOCK;
  private static final int PAGE_SHIFT = 12;

  /** A place that fails more often is not read at all: each failure may take a disk its time. */
  private static final int MAX_FAILURES = 16;

  private static final byte[] ZEROS = new byte[PAGE];
  private static final ThreadLocal<Stat> STAT = ThreadLocal.withInitial(Stat::new);

  /** A content whose pages are used, and one of the places that hold it. */
  private static final class Source {
    final byte[] digest;

    /** Places that are not to be used. */
    final Set<FileKey> failed;

    /** The place that is expected to be used; null if there is none. Guarded by the file. */
    @Nullable Place place;

    /** Guarded by the file; read without, since it is open as long as the file is read. */
    volatile PageSharing.@Nullable OpenSource open;

    /** By System.nanoTime(), when it is not before it that opening it is worth another try. */
    volatile long retryAt;

    volatile boolean waits;

    /** How often it could not be read; guarded by the file. */
    int failures;

    /**
     * The source that takes over where this one fails; −1 if none does yet. Guarded by the file.
     */
    int next = -1;

    Source(byte[] digest, Set<FileKey> failed) {
      this.digest = digest;
      this.failed = failed;
    }
  }

  private final PageSharing sharing;
  private final LayerTree tree;
  private final FileKey own;

  /**
   * What the pages are read from that nobody else has: the file, or one with all of its content.
   */
  private final FileKey whole;

  private final byte[] digest;
  private final ExtentMap map;
  private final long sharedBytes;

  /** Grows only, under this object's monitor; its length is never beyond what is filled. */
  private volatile Source[] sources;

  /** Who is entered as a user of the ranges, or 0; and the ranges. Guarded by this object. */
  private long user;

  private final List<FileKey> usedFiles = new ArrayList<>();
  private final List<Use> uses = new ArrayList<>();

  PagedFile(
      PageSharing sharing,
      LayerTree tree,
      FileKey own,
      FileKey whole,
      byte[] digest,
      SharedRanges ranges,
      List<byte[]> contents) {
    this.sharing = sharing;
    this.tree = tree;
    this.own = own;
    this.whole = whole;
    this.digest = digest;
    this.map = ranges.map();
    this.sharedBytes = ranges.sharedPages() * PAGE;
    Source[] made = new Source[contents.size()];
    for (int i = 0; i < made.length; i++) {
      made[i] = new Source(contents.get(i), Set.of());
      made[i].place = sharing.expected(contents.get(i), Set.of());
    }
    sources = made;
  }

  /** The file as it was when it was opened. */
  public FileKey own() {
    return own;
  }

  /** The bytes of the ranges that other files have too. */
  public long sharedBytes() {
    return sharedBytes;
  }

  /**
   * Reads as pread(2) does.
   *
   * @param fd a descriptor of the file itself, or of another with all of its content
   * @param out gets the bytes, at its beginning
   * @return how many were read: fewer than asked for only at the end of the file, or before pages
   *     that cannot be read
   * @throws ErrnoException if the first byte cannot be read from the file itself
   */
  public int read(int fd, long offset, int size, NativeBuffer out) throws ErrnoException {
    long end = Math.min(own.size(), offset + size);
    long at = offset;
    while (at < end) {
      PageExtent extent = map.at(at >> PAGE_SHIFT);
      int wanted = (int) (Math.min(end, extent.end() << PAGE_SHIFT) - at);
      int to = (int) (at - offset);
      if (extent.state() == PageState.HOLE) {
        zero(out, to, wanted);
        at += wanted;
        continue;
      }
      if (extent.state() == PageState.SHARED) {
        Source source = sources[extent.file()];
        PageSharing.OpenSource open = opened(source, extent.file());
        if (open != null) {
          long from = at + ((extent.source() - extent.first()) << PAGE_SHIFT);
          if (shared(source, open, extent.file(), from, wanted, out.address() + to, at)) {
            at += wanted;
          }
          continue; // if not, the map says something else by now
        }
        if (!source.waits) {
          continue; // likewise
        }
      }
      int got;
      try {
        got = Files.pread(fd, out.address() + to, wanted, at);
      } catch (ErrnoException e) {
        if (at > offset) {
          break; // the next read begins there, and fails
        }
        throw e;
      }
      if (got == 0) {
        break;
      }
      at += got;
    }
    return (int) Math.max(0, at - offset);
  }

  /** Takes ranges of open files, in order. */
  public interface Pieces {
    /** The next one; false if it cannot be taken. */
    boolean add(int fd, long offset, int length);
  }

  /**
   * Says where the data of a range are: in {@code fd}, and in stable files that were compared this
   * moment with what they were.
   *
   * @param fd as for {@link #read}
   * @return false if they are not to be found so: at a hole or the end of the file, where a stable
   *     file has to be left, or if they are in more pieces than are taken
   */
  public boolean locate(int fd, long offset, int size, Pieces pieces) {
    if (offset < 0 || size <= 0 || offset > own.size() - size) {
      return false;
    }
    long end = offset + size;
    for (long at = offset; at < end; ) {
      PageExtent extent = map.at(at >> PAGE_SHIFT);
      int length = (int) (Math.min(end, extent.end() << PAGE_SHIFT) - at);
      int from =
          switch (extent.state()) {
            case OWN -> fd;
            case SHARED -> stable(extent.file());
            default -> -1;
          };
      long moved =
          extent.state() == PageState.SHARED ? (extent.source() - extent.first()) << PAGE_SHIFT : 0;
      if (from < 0 || !pieces.add(from, at + moved, length)) {
        return false;
      }
      at += length;
    }
    return true;
  }

  private int stable(int number) {
    Source source = sources[number];
    PageSharing.OpenSource open = opened(source, number);
    Stat stat = STAT.get();
    try {
      if (open != null) {
        Files.stat(open.fd(), stat);
        return open.place().key().matches(stat) ? open.fd() : -1;
      }
    } catch (ErrnoException e) {
      // The read that follows finds out what is wrong with it.
    }
    return -1;
  }

  private static void zero(NativeBuffer out, int from, int count) {
    for (int done = 0; done < count; ) {
      int some = Math.min(ZEROS.length, count - done);
      out.bytes().put(from + done, ZEROS, 0, some);
      done += some;
    }
  }

  /** Reads from a stable file; false if that cannot be, and something else takes its place. */
  private boolean shared(
      Source source,
      PageSharing.OpenSource open,
      int number,
      long from,
      int wanted,
      long address,
      long at) {
    int done = 0;
    try {
      while (done < wanted) {
        int got = Files.pread(open.fd(), address + done, wanted - done, from + done);
        if (got == 0) {
          break;
        }
        done += got;
      }
    } catch (ErrnoException e) {
      long first = (at + done) >> PAGE_SHIFT;
      long last = (at + wanted - 1) >> PAGE_SHIFT;
      sharing.failed(open.place().key(), e);
      pagesFailed(source, number, first, last - first + 1);
      return false;
    }
    // Its times change before its data do: what was read before they did is what it was.
    Stat stat = STAT.get();
    try {
      Files.stat(open.fd(), stat);
      if (done == wanted && open.place().key().matches(stat)) {
        return true;
      }
    } catch (ErrnoException e) {
      // No better than one that has changed.
    }
    leave(source, number);
    sharing.changed(source.digest, open.place().key());
    return false;
  }

  /** The stable file of a source, opened; null if there is none, or none yet. */
  private PageSharing.@Nullable OpenSource opened(Source source, int number) {
    PageSharing.OpenSource open = source.open;
    if (open != null) {
      return open;
    }
    if (source.waits && System.nanoTime() - source.retryAt < 0) {
      return null;
    }
    synchronized (this) {
      open = source.open;
      if (open != null) {
        return open;
      }
      PageSharing.Opening opening = sharing.openSource(tree, source.digest, source.failed);
      source.waits = opening.waits();
      source.retryAt = System.nanoTime() + PageSharing.RETRY_NANOS;
      open = opening.source();
      source.open = open;
      if (open != null && source.place != null && !source.place.equals(open.place())) {
        source.place = open.place();
        entered(true);
      }
      if (open == null && !source.waits) {
        // No place holds it any more: the ranges are the file's own.
        replace(number, -1);
        sharing.lost(digest, source.digest);
      }
      return open;
    }
  }

  /** Some pages of a stable file could not be read: they come from the next place. */
  private void pagesFailed(Source source, int number, long first, long count) {
    synchronized (this) {
      int next = next(source);
      if (++source.failures > MAX_FAILURES) {
        replace(number, next);
        return;
      }
      List<PageExtent> extents = new ArrayList<>();
      map.forEach(first, count, extents::add);
      for (PageExtent extent : extents) {
        if (extent.state() == PageState.SHARED && extent.file() == number) {
          set(extent, next);
        }
      }
      entered(true);
    }
  }

  /** A stable file is not what it was: all of its ranges come from the next place. */
  private void leave(Source source, int number) {
    synchronized (this) {
      replace(number, next(source));
    }
  }

  private void replace(int number, int next) {
    List<PageExtent> extents = new ArrayList<>();
    map.forEach(0, map.pages(), extents::add);
    for (PageExtent extent : extents) {
      if (extent.state() == PageState.SHARED && extent.file() == number) {
        set(extent, next);
      }
    }
    entered(true);
  }

  private void set(PageExtent extent, int next) {
    if (next < 0) {
      map.set(extent.first(), extent.count(), PageState.OWN, 0, extent.first());
    } else {
      map.set(extent.first(), extent.count(), PageState.SHARED, next, extent.source());
    }
  }

  /** The number of the source that takes over; −1 for the file itself. */
  private int next(Source source) {
    if (source.next < 0) {
      Set<FileKey> failed = new HashSet<>(source.failed);
      PageSharing.OpenSource open = source.open;
      if (open != null) {
        failed.add(open.place().key());
      }
      Source after = new Source(source.digest, failed);
      after.place = sharing.expected(source.digest, failed);
      if (after.place == null) {
        return -1;
      }
      Source[] more = java.util.Arrays.copyOf(sources, sources.length + 1);
      more[sources.length] = after;
      source.next = sources.length;
      sources = more;
    }
    return source.next;
  }

  // What is seen of it.

  /** A range as it is at one time; the stable file is null where it is not SHARED. */
  public record Range(PageExtent extent, @Nullable FileKey file) {}

  /** Hands out what the pages use, in order. */
  public void forEach(Consumer<Range> visitor) {
    List<PageExtent> extents = new ArrayList<>();
    synchronized (this) {
      map.forEach(0, map.pages(), extents::add);
      for (PageExtent extent : extents) {
        visitor.accept(new Range(extent, file(extent)));
      }
    }
  }

  private @Nullable FileKey file(PageExtent extent) {
    if (extent.state() != PageState.SHARED) {
      return null;
    }
    Place place = sources[extent.file()].place;
    return place == null ? null : place.key();
  }

  /**
   * Somebody begins to use it.
   *
   * @param mapping any number but 0 that stands for a mapping
   */
  public synchronized void use(long mapping) {
    user = mapping;
    sharing.used(sharedBytes);
    entered(true);
  }

  /** The one who began to use it does no longer. */
  public synchronized void release() {
    entered(false);
    user = 0;
    sharing.used(-sharedBytes);
  }

  /** Enters its ranges into the reverse maps as they are now, or takes them out. */
  private void entered(boolean wanted) {
    for (int i = 0; i < uses.size(); i++) {
      sharing.removeUse(usedFiles.get(i), uses.get(i));
    }
    uses.clear();
    usedFiles.clear();
    if (!wanted || user == 0) {
      return;
    }
    map.forEach(
        0,
        map.pages(),
        extent -> {
          FileKey file = extent.state() == PageState.OWN ? whole : file(extent);
          if (file != null) {
            Use use = new Use(extent.source(), extent.count(), user, extent.first());
            sharing.addUse(file, use);
            usedFiles.add(file);
            uses.add(use);
          }
        });
  }

  /** Closes the stable files; nobody reads at the time. */
  @Override
  public synchronized void close() {
    for (Source source : sources) {
      PageSharing.OpenSource open = source.open;
      source.open = null;
      source.waits = false;
      if (open != null) {
        sharing.close(open);
      }
    }
  }
}
