package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Claim;
import io.samepage.dedup.ContentIndex.Identified;
import io.samepage.dedup.ContentIndex.Known;
import io.samepage.dedup.numa.HomeNode;
import io.samepage.dedup.numa.NumaTopology;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileHandles.FileHandle;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import io.samepage.posix.Threads;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Names the stable file of a file: the one that stands for all files with its content. This is what
 * an open of a lower file asks.
 *
 * <p>The answer comes at once: from the index in memory or in LMDB, and never from reading a file.
 * What is not known is put into a queue, and a thread of low priority identifies it, so that a
 * later open finds it. That thread opens the index, too, when something is asked first: until then
 * nothing of LMDB is loaded.
 *
 * <p>Who uses which stable file is kept in a reverse map: {@link #use} and {@link #release}.
 *
 * <p>Thread-safe. Lock order: none of its locks is held while another is taken or a file is read.
 */
public final class StableFiles implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StableFiles.class);
  private static final int QUEUE = 8192;
  private static final long TICK_SECONDS = 10;
  private static final long TICK_NANOS = TimeUnit.SECONDS.toNanos(TICK_SECONDS);

  /** A struct file of the kernel's and its slot, and the descriptor's object here. */
  private static final int OPEN_FILE_BYTES = 256 + 8 + 48;

  /** A task, with what it is about: a place with its handle, in a queue and in a set. */
  private static final int QUEUED_BYTES = 400;

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

  /**
   * What has been counted, by KSM's names where KSM has one (Documentation/admin-guide/mm/ksm.rst).
   * Pages are 4 KiB. A user is here what a rmap item is there, but stands for a whole file: its
   * pages count whether they are in memory or not, and they count as long as the file is open (a
   * mapping alone is one of the stable file, of which the kernel tells nobody).
   *
   * @param pagesShared pages of stable files that more than one user uses
   * @param pagesSharing how many more uses of them there are: what is saved
   * @param pagesUnshared pages of files that one user alone uses
   * @param pagesVolatile pages of files that changed while they were hashed, or just before; it
   *     only grows, where KSM's tells what is so at present
   * @param generalProfit bytes: what pagesSharing saves, less what is kept in memory to know it
   *     ({@link StableFiles#bookkeepingBytes})
   * @param fullScans how often the queue was worked off
   * @param queued files that wait to be identified
   * @param dropped files that were not queued, since the queue was full
   * @param filesHashed files whose digest was made
   * @param bytesHashed their bytes
   * @param filesAlone files that were not hashed, since no other of their size is known
   * @param filesChanging files that changed while they were hashed, or just before
   * @param filesUnreadable files that could not be read
   * @param fallbacks how often a place could not stand for a file any more
   * @param sharedRangeBytes bytes of ranges of other files that files in use are read from
   */
  public record Counters(
      long pagesShared,
      long pagesSharing,
      long pagesUnshared,
      long pagesVolatile,
      long generalProfit,
      long fullScans,
      long queued,
      long dropped,
      long filesHashed,
      long bytesHashed,
      long filesAlone,
      long filesChanging,
      long filesUnreadable,
      long fallbacks,
      long sharedRangeBytes) {}

  private final Options options;
  private final long domain;
  private final long settledNanos;
  private final OpenTrees trees = new OpenTrees();
  private final ReverseMap reverse = new ReverseMap();
  private final @Nullable PageSharing pages;
  private final @Nullable HomeNode home;

  /** What the background thread is to do. */
  private final ArrayBlockingQueue<Runnable> queue = new ArrayBlockingQueue<>(QUEUE);

  /** What is in the queue, so that nothing is in it twice. */
  private final Set<Object> pending = ConcurrentHashMap.newKeySet();

  private final AtomicBoolean started = new AtomicBoolean();
  private final Thread background;
  private volatile boolean closed;

  /** Set once, by the background thread. */
  private volatile @Nullable ContentIndex index;

  /** Written by the background thread alone. */
  private volatile long generation;

  /** How often another place was used than is to be; written by the background thread alone. */
  private volatile long placesMissed;

  /** Of the background thread alone: {@link ContentIndex#version} when that was last asked. */
  private long seenVersion;

  private long seenAt;

  private final AtomicLong fullScans = new AtomicLong();
  private final LongAdder dropped = new LongAdder();
  private final LongAdder filesHashed = new LongAdder();
  private final LongAdder bytesHashed = new LongAdder();
  private final LongAdder filesAlone = new LongAdder();
  private final LongAdder filesChanging = new LongAdder();
  private final LongAdder pagesVolatile = new LongAdder();
  private final LongAdder filesUnreadable = new LongAdder();
  private final LongAdder fallbacks = new LongAdder();

  /**
   * Costs next to nothing: no file is touched before something is asked, or where files are shared
   * in part a layer is made known.
   */
  public StableFiles(Options options) {
    this(options, Identification.SETTLED_NANOS);
  }

  /** For tests, whose files are always new. */
  StableFiles(Options options, long settledNanos) {
    this.options = options;
    this.domain = ContentIndex.domain(options.domain());
    this.settledNanos = settledNanos;
    this.home = options.home();
    PageOptions inPart = options.pages();
    this.pages = inPart == null ? null : newPageSharing(inPart);
    this.background = new Thread(this::work, "identification");
    this.background.setDaemon(true);
  }

  @SuppressWarnings("this-escape") // it is not used before something is asked
  private PageSharing newPageSharing(PageOptions inPart) {
    return new PageSharing(inPart, this, trees, domain);
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
    if (pages != null) {
      pages.begin();
    }
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
   * @param fd a descriptor of the file, O_PATH or not
   * @param stat what statx says of it, by the same descriptor
   * @return null if files like this are not identified; content that is not shared if nothing is
   *     known of it yet, or if no place that holds it can be used
   */
  public @Nullable Content find(LayerTree tree, int fd, Stat stat) {
    if (closed || !stat.isRegular() || stat.size == 0) {
      return null;
    }
    FileKey file = null;
    try {
      file = tree.key(fd, stat);
      if (file == null) {
        return null;
      }
      ContentIndex known = index;
      PageSharing inPart = pages != null && pages.wants(stat, file) ? pages : null;
      if (known == null) {
        if (inPart != null) {
          inPart.queue(tree, fd, file);
        } else {
          queueIdentification(tree, fd, file);
        }
        return new Content(file, false, false, null);
      }
      Known found = known.find(domain, file);
      byte[] digest = found.digest();
      if (digest != null) {
        Content content = find(known, tree, fd, file, digest);
        return inPart == null ? content : inPart.complete(content, known, tree, fd, digest, file);
      }
      if (inPart != null) {
        inPart.queue(tree, fd, file);
        return new Content(file, false, false, null);
      }
      if (found.knowledge() == ContentIndex.Knowledge.UNKNOWN) {
        queueIdentification(tree, fd, file);
      }
      boolean alone = found.knowledge() == ContentIndex.Knowledge.ALONE;
      return new Content(file, alone, false, null);
    } catch (ErrnoException e) {
      // Its own data are always good enough.
      return file == null ? null : new Content(file, false, false, null);
    }
  }

  private Content find(ContentIndex known, LayerTree tree, int fd, FileKey file, byte[] digest)
      throws ErrnoException {
    Stat stat = null;
    List<Place> places = places(known, digest, file);
    if (places.size() < ContentIndex.MAX_PLACES && !holds(places, file)) {
      queueEntry(known, tree, fd, file, digest);
    }
    for (Place place : places) {
      if (place.isSameFile(file)) {
        return new Content(file, true, places.size() > 1, null);
      }
      if (stat == null) {
        stat = new Stat();
      }
      int stable = trees.open(tree, place, stat);
      if (stable >= 0) {
        return new Content(file, true, true, new StableFile(place, new Fd(stable)));
      }
      if (stable == OpenTrees.NOT_MOUNTED) {
        queueMount(known, digest, place);
      } else {
        queueRemoval(known, digest, place.key());
      }
    }
    return new Content(file, false, false, null);
  }

  /**
   * The places that hold a content, in the order in which this mount is to try them.
   *
   * @param file the one that is asked for; null if none is
   */
  List<Place> places(ContentIndex known, byte[] digest, @Nullable FileKey file) {
    List<Place> places = known.places(domain, digest);
    HomeNode at = home;
    int node = at == null || places.size() < 2 ? NumaTopology.UNKNOWN : at.node();
    if (at == null || node == NumaTopology.UNKNOWN) {
      return places;
    }
    NodePlaces.Choice choice =
        known.nodePlaces(domain, digest).choose(places, at.topology(), node, file);
    if (!choice.settled()) {
      queueAssignment(known, digest, node, choice.places().get(0).key());
    }
    return choice.places();
  }

  private static boolean holds(List<Place> places, FileKey file) {
    for (Place place : places) {
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
    return generation;
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
   * A number that changes when other places are the nearest than before, so that who was told of a
   * stable file by {@link #find} had better ask again before it uses it once more. It is to be read
   * before {@link #find} is asked.
   */
  public long placing() {
    return home == null ? 0 : home.changes() + placesMissed;
  }

  /** Says that a stable file could not be read: another place takes over from the next open on. */
  public void discard(FileKey stable) {
    ContentIndex known = index;
    if (known != null) {
      enqueue(
          List.of(stable), // beside an identification of the same file
          () -> {
            byte[] digest = known.find(domain, stable).digest();
            if (digest != null) {
              known.remove(domain, digest, stable);
              fallbacks.increment();
            }
          });
    }
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

  /** Hands out every file whose pages are in use, with how many users it has here. */
  public void forEachUsed(ObjLongConsumer<FileKey> visitor) {
    reverse.forEach(visitor);
  }

  /**
   * The layer in which a file was found that the index knows, as a path; null if it does not. It
   * reads the index, which may wait for a disk.
   */
  public byte @Nullable [] layerOf(FileKey file) {
    ContentIndex known = index;
    byte[] digest = known == null ? null : known.find(domain, file).digest();
    if (known == null || digest == null) {
      return null;
    }
    for (Place place : known.places(domain, digest)) {
      if (place.isSameFile(file)) {
        return known.layerPath(place.layer());
      }
    }
    return null;
  }

  /**
   * An estimate of the memory that sharing costs this process and the kernel on its behalf, in
   * bytes: the reverse map, what waits to be identified, and one open file for each user. The index
   * is left out: it is a file, whose pages the kernel takes back when it needs them.
   */
  public long bookkeepingBytes() {
    return reverse.heapBytes()
        + reverse.userCount() * (long) OPEN_FILE_BYTES
        + pending.size() * (long) QUEUED_BYTES;
  }

  /** What has been counted until now. */
  public Counters counters() {
    long pagesSharing = reverse.pagesSharing();
    return new Counters(
        reverse.pagesShared(),
        pagesSharing,
        reverse.pagesUnshared(),
        pagesVolatile.sum(),
        pagesSharing * VerityDigest.BLOCK - bookkeepingBytes(),
        fullScans.get(),
        queue.size(),
        dropped.sum(),
        filesHashed.sum(),
        bytesHashed.sum(),
        filesAlone.sum(),
        filesChanging.sum(),
        filesUnreadable.sum(),
        fallbacks.sum(),
        pages == null ? 0 : pages.usedBytes());
  }

  // The queue.

  private void queueIdentification(LayerTree tree, int fd, FileKey file) throws ErrnoException {
    queue(file, tree, fd, file, place -> identify(tree, place));
  }

  /**
   * Queues what is to be done with a file.
   *
   * @param subject what is done, which is queued once at a time
   */
  void queue(Object subject, LayerTree tree, int fd, FileKey file, Consumer<Place> task)
      throws ErrnoException {
    if (queue.remainingCapacity() == 0) {
      dropped.increment();
      return;
    }
    if (pending.contains(subject)) {
      return;
    }
    FileHandle handle = tree.handle(fd);
    if (handle != null && tree.acquire()) {
      boolean added =
          enqueue(
              subject,
              () -> {
                try (tree) {
                  if (!closed) {
                    task.accept(new Place(file, handle, 0));
                  }
                }
              });
      if (!added) {
        tree.close();
      }
    }
  }

  /**
   * A file whose digest is known is not among the places that hold it: there were too many, or a
   * damaged entry was left out. There is room now.
   */
  private void queueEntry(ContentIndex known, LayerTree tree, int fd, FileKey file, byte[] digest)
      throws ErrnoException {
    if (queue.remainingCapacity() == 0 || pending.contains(file)) {
      return;
    }
    FileHandle handle = tree.handle(fd);
    if (handle != null && tree.acquire()) {
      boolean added =
          enqueue(
              file,
              () -> {
                try (tree) {
                  Place place = new Place(file, handle, known.enterLayer(tree.path()));
                  if (known.enter(domain, List.of(new Identified(place, digest)))) {
                    moreIsKnown();
                  }
                }
              });
      if (!added) {
        tree.close();
      }
    }
  }

  private record NodeOf(long content, int node) {}

  private void queueAssignment(ContentIndex known, byte[] digest, int node, FileKey wanted) {
    enqueue(
        new NodeOf(PagedContent.number(digest), node),
        () -> {
          if (!known.assign(domain, digest, node, wanted)) {
            missPlace();
          }
        });
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void missPlace() {
    placesMissed++;
  }

  void queueMount(ContentIndex known, byte[] digest, Place place) {
    enqueue(
        place.layer(),
        () -> {
          byte[] path = known.layerPath(place.layer());
          if (path == null || !trees.mount(path, place.key().fileSystem())) {
            known.remove(domain, digest, place.key());
            fallbacks.increment();
          }
          missPlace(); // another was used meanwhile
        });
  }

  void queueRemoval(ContentIndex known, byte[] digest, FileKey file) {
    enqueue(
        file,
        () -> {
          known.remove(domain, digest, file);
          fallbacks.increment();
          missPlace();
        });
  }

  boolean enqueue(Object subject, Runnable task) {
    if (closed || !pending.add(subject)) {
      return false;
    }
    boolean added =
        queue.offer(
            () -> {
              // Before the work: what changes from now on is worth a task of its own.
              pending.remove(subject);
              task.run();
            });
    if (!added) {
      pending.remove(subject);
      dropped.increment();
    } else if (started.compareAndSet(false, true)) {
      background.start();
    }
    return added;
  }

  // The background thread.

  private void work() {
    Threads.lowerPriorityOfThisThread();
    byte[] path = options.index();
    ContentIndex known =
        path == null ? ContentIndex.inMemory() : ContentIndex.open(path, options.indexLimit());
    index = known;
    boolean worked = false;
    while (!closed) {
      try {
        Runnable task = queue.poll();
        if (task == null) {
          if (worked) {
            fullScans.incrementAndGet();
            worked = false;
          }
          task = queue.poll(TICK_SECONDS, TimeUnit.SECONDS);
          trees.closeIdle();
        }
        seeChanges(known);
        if (task != null) {
          worked = true;
          task.run();
        }
      } catch (InterruptedException e) {
        break; // close() asks for it
      } catch (RuntimeException e) {
        LOG.error("a fault of samepage itself in background identification; it goes on", e);
      }
    }
  }

  /** What others have entered shows now and then; what was entered here has been seen to. */
  private void seeChanges(ContentIndex known) {
    long now = System.nanoTime();
    if (generation == 0 || now - seenAt > TICK_NANOS) {
      seenAt = now;
      long version = known.version();
      if (version != seenVersion || generation == 0) {
        seenVersion = version;
        moreIsKnown();
      }
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  void moreIsKnown() {
    generation++;
  }

  /** Of the background thread alone. */
  private @Nullable Identification identification;

  Identification identification() {
    Identification made = identification;
    if (made == null) {
      made = new Identification(settledNanos);
      identification = made;
    }
    return made;
  }

  private void identify(LayerTree tree, Place unnamed) {
    ContentIndex known = index;
    if (known == null) {
      return;
    }
    Identification made = identification();
    Place place = new Place(unnamed.key(), unnamed.handle(), known.enterLayer(tree.path()));
    if (known.find(domain, place.key()).knowledge() != ContentIndex.Knowledge.UNKNOWN) {
      return;
    }
    if (made.isTooRecent(place.key())) {
      changing(place.key());
      return;
    }
    Claim claim = known.claim(domain, List.of(place)).get(0);
    if (!claim.hash()) {
      filesAlone.increment();
      return;
    }
    Place other = claim.other();
    if (other != null) {
      hash(other, tree);
    }
    int fd = trees.open(tree, place, new Stat());
    hash(made, fd < 0 ? null : new Fd(fd), place);
  }

  /** Makes the digest of another file than the one that was asked for. */
  void hash(Place other, LayerTree near) {
    ContentIndex known = index;
    if (known != null) {
      hash(identification(), trees.openAnyway(near, known, other, new Stat()), other);
    }
  }

  /** The index, once it is open. */
  @Nullable ContentIndex index() {
    return index;
  }

  boolean isClosed() {
    return closed;
  }

  void unreadable() {
    filesUnreadable.increment();
  }

  /** Enters a file whose digest was made. */
  void hashed(Identified file) {
    ContentIndex known = index;
    if (known != null && known.enter(domain, List.of(file))) {
      moreIsKnown();
    }
    filesHashed.increment();
    bytesHashed.add(file.place().key().size());
  }

  void changing(FileKey file) {
    filesChanging.increment();
    pagesVolatile.add(file.pages());
  }

  private void hash(Identification made, @Nullable Fd fd, Place place) {
    if (fd == null) {
      filesUnreadable.increment();
      return;
    }
    try (fd) {
      byte[] digest = made.digest(fd.number(), place.key(), null);
      if (digest == null) {
        changing(place.key());
        return;
      }
      hashed(new Identified(place, digest));
      leaveToReaders(fd, place.key().size());
    } catch (ErrnoException e) {
      filesUnreadable.increment();
    }
  }

  /**
   * What was read only to be hashed is not to stay on the node where this thread runs, but to be
   * read by those who want it, on theirs. Nothing where that makes no difference.
   */
  void leaveToReaders(Fd fd, long size) {
    if (home != null) {
      Files.dropCache(fd.number(), 0, size);
    }
  }

  /**
   * Ends the background thread, at the latest with the file that it is hashing, and lets go of the
   * index. Trees are to be closed before. What {@link #find} has opened stays open.
   */
  @Override
  public void close() {
    closed = true;
    background.interrupt();
    Threads.awaitEnd(background);
    trees.close();
    ContentIndex known = index;
    if (known != null) {
      known.close();
    }
  }
}
