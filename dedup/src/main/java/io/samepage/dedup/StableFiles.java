package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Known;
import io.samepage.dedup.numa.HomeNode;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Stat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Names the stable file of a file: the one that stands for all files with its content. This is what
 * an open of a lower file asks.
 *
 * <p>The answer comes at once: from the index in memory or in LMDB, and never from reading a file.
 * What is not known is put into a queue, and a thread of low priority identifies it, so that a
 * later open finds it. That thread opens the index, too, when it is told to {@link #begin} or
 * something is asked first: until then nothing of LMDB is loaded.
 *
 * <p>Who uses which stable file is kept in a reverse map: {@link #use} and {@link #release}.
 *
 * <p>Thread-safe. Lock order: none of its locks is held while another is taken or a file is read.
 */
public final class StableFiles implements AutoCloseable {
  /** A struct file of the kernel's and its slot, and the descriptor's object here. */
  private static final int OPEN_FILE_BYTES = 256 + 8 + 48;

  /**
   * How it is set up.
   *
   * @param index path of the index's directory; null for one in memory
   * @param indexLimit how many bytes the index may take
   * @param domain only files that were entered under the same name stand for each other
   * @param pages which files are shared in part; null for none
   * @param home the NUMA node whose own places are used, where a content has several; null for the
   *     same place on all nodes
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Options(
      byte @Nullable [] index,
      long indexLimit,
      String domain,
      @Nullable PageOptions pages,
      @Nullable HomeNode home) {
    /** For sharing of whole files alone, with one stable file for all nodes. */
    public Options(byte @Nullable [] index, long indexLimit, String domain) {
      this(index, indexLimit, domain, null, null);
    }
  }

  private final OpenTrees trees = new OpenTrees();
  private final ReverseMap reverse = new ReverseMap();
  private final BackgroundQueue queue = new BackgroundQueue("identification", new Between());
  private final ContentPlaces places;
  private final Identifier identifier;
  private final @Nullable PageSharing pages;
  private final @Nullable HomeNode home;
  private final CountDownLatch begun = new CountDownLatch(1);

  /**
   * Costs next to nothing: no file is touched before {@link #begin}, or before something is asked.
   */
  public StableFiles(Options options) {
    this(options, Identification.SETTLED_NANOS);
  }

  /** For tests, whose files are always new. */
  StableFiles(Options options, long settledNanos) {
    home = options.home();
    places = new ContentPlaces(options, trees, queue);
    identifier = new Identifier(places, trees, queue, settledNanos, home != null);
    PageOptions inPart = options.pages();
    pages = inPart == null ? null : new PageSharing(inPart, places, identifier, trees, queue);
  }

  /** For tests, which hold it up. */
  BackgroundQueue queue() {
    return queue;
  }

  /** What the background thread does between the tasks. */
  private final class Between implements BackgroundQueue.Owner {
    @Override
    public void begins() {
      places.openIndex();
    }

    @Override
    public void goesOn() {
      places.seeChanges();
    }

    @Override
    public void rested() {
      trees.closeIdle();
    }
  }

  /** Opens the indexes, in the background, so that the first open profits from what they know. */
  public void begin() {
    if (pages != null) {
      pages.begin();
    }
    queue.add(StableFiles.class, begun::countDown);
  }

  /**
   * Waits until the indexes are open, after {@link #begin}. How long it takes depends on how large
   * they are, where no other process has them open.
   *
   * @param millis how long at most
   * @return whether they are
   */
  public boolean awaitIndexes(long millis) throws InterruptedException {
    return begun.await(millis, TimeUnit.MILLISECONDS);
  }

  /** Whether files are shared in part. */
  public boolean sharesInPart() {
    return pages != null;
  }

  /**
   * Makes a layer known.
   *
   * @param root a descriptor of the root directory of a detached read-only mount of the layer; it
   *     stays the caller's
   * @param path where the layer is, absolute; others find it there
   * @return to be handed to {@link #close(LayerTree)} when no file of the layer is asked for any
   *     more
   */
  public LayerTree open(int root, byte[] path) throws ErrnoException {
    LayerTree tree = LayerTree.open(root, path);
    trees.add(tree);
    return tree;
  }

  /** Lets go of a layer. */
  public void close(LayerTree tree) {
    trees.forget(tree);
    tree.close();
  }

  /**
   * What is known of a file's content, with the stable file for it, opened. It takes some
   * microseconds; it never waits for a disk, for what others hash, or for a lock that is held over
   * either.
   *
   * @param tree the layer that the file is in
   * @param at the file
   * @param stat what statx says of it
   * @return null if files like this are not identified; content that is not shared if nothing is
   *     known of it yet, or if no place that holds it can be used
   */
  public @Nullable Content find(LayerTree tree, FileAt at, Stat stat) {
    if (queue.isClosed() || !stat.isRegular() || stat.size == 0) {
      return null;
    }
    FileKey file = null;
    try {
      file = tree.key(at.dirfd(), stat);
      if (file == null) {
        return null;
      }
      ContentIndex known = places.index();
      PageSharing inPart = pages != null && pages.wants(stat, file) ? pages : null;
      if (known == null) {
        if (inPart != null) {
          inPart.queue(tree, at, file);
        } else {
          identifier.queue(tree, at, file);
        }
        return new Content(file, false, false, null);
      }
      Known found = known.find(places.domain(), file);
      byte[] digest = found.digest();
      if (digest != null) {
        Content content =
            find(
                known, tree, at, file, digest, places.ordered(known, digest, found.places(), file));
        return inPart == null ? content : inPart.complete(content, known, tree, at, digest, file);
      }
      if (inPart != null) {
        inPart.queue(tree, at, file);
        return new Content(file, false, false, null);
      }
      if (found.knowledge() == ContentIndex.Knowledge.UNKNOWN) {
        identifier.queue(tree, at, file);
      }
      boolean alone = found.knowledge() == ContentIndex.Knowledge.ALONE;
      return new Content(file, alone, false, null);
    } catch (ErrnoException e) {
      // Its own data are always good enough.
      return file == null ? null : new Content(file, false, false, null);
    }
  }

  /**
   * What {@link #find} says of a file that is known to share with no other: who was told so, and
   * has seen no other {@link #generation} since, need not have the index asked again. The same
   * parameters.
   */
  public @Nullable Content unshared(LayerTree tree, FileAt at, Stat stat) {
    if (queue.isClosed() || !stat.isRegular() || stat.size == 0) {
      return null;
    }
    try {
      FileKey file = tree.key(at.dirfd(), stat);
      return file == null ? null : new Content(file, true, false, null);
    } catch (ErrnoException e) {
      return null;
    }
  }

  private Content find(
      ContentIndex known,
      LayerTree tree,
      FileAt at,
      FileKey file,
      byte[] digest,
      List<Place> holders)
      throws ErrnoException {
    Stat stat = null;
    if (holders.size() < ContentIndex.MAX_PLACES && !holds(holders, file)) {
      places.add(known, tree, at, file, digest);
    }
    for (Place place : holders) {
      if (place.isSameFile(file)) {
        return new Content(file, true, holders.size() > 1, null);
      }
      if (stat == null) {
        stat = new Stat();
      }
      int stable = trees.open(tree, place, stat);
      if (stable >= 0) {
        return new Content(file, true, true, new StableFile(place, new Fd(stable)));
      }
      if (stable == OpenTrees.NOT_MOUNTED) {
        places.mount(known, digest, place);
      } else {
        places.remove(known, digest, place.key());
      }
    }
    return new Content(file, false, false, null);
  }

  private static boolean holds(List<Place> holders, FileKey file) {
    for (Place place : holders) {
      if (place.isSameFile(file)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Opens a stable file again for a file that used it before, and has not changed since. It asks
   * the index nothing.
   *
   * @return null if it cannot stand for the file any more: {@link #find} is to be asked
   */
  public @Nullable StableFile open(LayerTree near, Place stable) {
    int fd = trees.open(near, stable, new Stat());
    return fd < 0 ? null : new StableFile(stable, new Fd(fd));
  }

  /**
   * A number that changes when more is known than before: who was told by {@link #find} that a
   * content is known and not shared need not ask again as long as it is the same. It is to be read
   * before {@link #find} is asked.
   */
  public long generation() {
    return places.generation();
  }

  /**
   * A process opens a file of the mount: what {@link HomeNode} learns from. Of no effect, and of no
   * cost, where that is not asked for.
   *
   * @param pid of the process or thread, as this process sees it; 0 if it does not
   */
  public void opened(int pid) {
    if (home != null) {
      home.opened(pid);
    }
  }

  /**
   * The calling thread is about to read for a process of the mount: what it brings into memory is
   * to be near to that. Of no effect, and of no cost, where that is not asked for.
   */
  public void reading() {
    if (home != null) {
      home.adopt();
    }
  }

  /**
   * A number that changes when other places are the nearest than before, or when one could not be
   * read, so that who was told of a stable file by {@link #find} had better ask again before it
   * uses it once more: it can be opened as before. It is to be read before {@link #find} is asked.
   */
  public long placing() {
    return places.placing();
  }

  /** Says that a stable file could not be read: another place takes over from the next open on. */
  public void discard(FileKey stable) {
    places.discard(stable);
  }

  /**
   * A user begins to use a stable file; it may be the user's own file. It takes a time that does
   * not depend on how many users there are.
   *
   * @param user any number that stands for a mapping
   */
  public void use(long user, FileKey stable) {
    reverse.use(user, stable);
  }

  /**
   * A user ceases to, once for each {@link #use}.
   *
   * @throws IllegalStateException if it did not use the file
   */
  public void release(long user, FileKey stable) {
    reverse.release(user, stable);
  }

  /** Who uses a stable file, in ascending order. */
  public long[] users(FileKey stable) {
    return reverse.users(stable);
  }

  /** How many users a stable file has. */
  public int userCount(FileKey stable) {
    return reverse.userCount(stable);
  }

  /** How many users use some of a range of a stable file's pages, or all of the file. */
  public int userCount(FileKey stable, long first, long count) {
    return userCount(stable) + (pages == null ? 0 : pages.userCount(stable, first, count));
  }

  /** Hands out every file that is used as a whole, with how many users it has here. */
  public void forEachUsed(ObjLongConsumer<FileKey> visitor) {
    reverse.forEach(visitor);
  }

  /** Hands out every range of a file that is used in part, in pieces that do not overlap. */
  public void forEachUsedRange(UsedPages.Visitor visitor) {
    if (pages != null) {
      UsedPages used = new UsedPages();
      pages.addTo(used);
      used.forEachRange(visitor);
    }
  }

  /** KSM's counters. Those of what is used in part are counted when they are asked for. */
  private UsedPages.Counts usedPages() {
    UsedPages.Counts whole =
        new UsedPages.Counts(
            reverse.pagesShared(), reverse.pagesSharing(), reverse.pagesUnshared());
    if (pages == null) {
      return whole;
    }
    UsedPages used = new UsedPages();
    pages.addTo(used);
    return whole.plus(used.countsBeside(reverse::userCount));
  }

  /**
   * The layer in which a file was found that the index knows, as a path; null if it does not. It
   * reads the index, which may wait for a disk.
   */
  public byte @Nullable [] layerOf(FileKey file) {
    return places.layerOf(file);
  }

  /**
   * An estimate of the memory that sharing costs this process and the kernel on its behalf, in
   * bytes: the reverse map, what waits to be identified, and one open file for each user. The index
   * is left out: it is a file, whose pages the kernel takes back when it needs them.
   */
  public long bookkeepingBytes() {
    return reverse.heapBytes()
        + reverse.userCount() * (long) OPEN_FILE_BYTES
        + queue.heapBytes()
        + (pages == null ? 0 : pages.heapBytes());
  }

  /** What has been counted until now. */
  public SharingCounters counters() {
    UsedPages.Counts used = usedPages();
    Identifier.Counts identified = identifier.counts();
    return new SharingCounters(
        used.shared(),
        used.sharing(),
        used.unshared(),
        identified.pagesVolatile(),
        used.sharing() * VerityDigest.BLOCK - bookkeepingBytes(),
        queue.rounds(),
        queue.size(),
        queue.dropped(),
        identified.filesHashed(),
        identified.bytesHashed(),
        identified.filesAlone(),
        identified.filesChanging(),
        identified.filesUnreadable(),
        places.fallbacks(),
        pages == null ? 0 : pages.usedBytes());
  }

  /**
   * Ends the background thread, at the latest with the file that it is hashing, and lets go of the
   * index. Trees are to be closed before. What {@link #find} has opened stays open.
   */
  @Override
  public void close() {
    queue.close();
    trees.close();
    places.close();
  }
}
