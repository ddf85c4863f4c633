package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Claim;
import io.samepage.dedup.ContentIndex.Identified;
import io.samepage.dedup.ContentIndex.Knowledge;
import io.samepage.dedup.ContentIndex.Known;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileHandles;
import io.samepage.posix.FileHandles.FileHandle;
import io.samepage.posix.Stat;
import io.samepage.posix.Threads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Enters whole trees into the content index, ahead of any mount. A first walk counts what is not
 * known yet, so that the time that is left can be told; if all is known, it is the only one. A
 * second walk hands files to a pool of threads of low priority that hash them.
 *
 * <p>Whatever has been entered stays: who is stopped goes on where it was by starting again.
 *
 * <p>{@link #index} is called by one thread; the other methods by any.
 */
public final class TreeIndexer {
  /** How many files are entered in one transaction. */
  private static final int BATCH = 128;

  /** How many more times a file that was just changed is waited for. */
  private static final int PATIENCE = 2;

  /**
   * What has been done.
   *
   * @param files files with content that were found, each once
   * @param filesKnown those of them that needed nothing
   * @param filesToDo those of them that needed something; known after the first walk
   * @param bytesToDo their bytes
   * @param filesDone those of them that are done with
   * @param bytesDone their bytes
   * @param filesHashed those whose digest was made
   * @param bytesHashed their bytes
   * @param filesByPage those of them whose pages were entered, too
   * @param filesAlone those that were not hashed, since no other of their size is known
   * @param filesChanging those that changed meanwhile
   * @param filesUnreadable files and directories that could not be read
   * @param filesSpecial what is no regular file, nor a directory
   * @param filesEmpty empty files
   * @param otherMounts what was left out because another mount covers it
   */
  public record Totals(
      long files,
      long filesKnown,
      long filesToDo,
      long bytesToDo,
      long filesDone,
      long bytesDone,
      long filesHashed,
      long bytesHashed,
      long filesByPage,
      long filesAlone,
      long filesChanging,
      long filesUnreadable,
      long filesSpecial,
      long filesEmpty,
      long otherMounts) {}

  private final ContentIndex index;
  private final long domain;
  private final int threads;
  private final long settledNanos;

  /** Which files are entered with their pages; null for none. */
  private final @Nullable PageOptions inPart;

  private final @Nullable PageIdentification pages;
  private volatile boolean stopped;

  private final LongAdder files = new LongAdder();
  private final LongAdder filesKnown = new LongAdder();
  private final LongAdder filesToDo = new LongAdder();
  private final LongAdder bytesToDo = new LongAdder();
  private final LongAdder filesDone = new LongAdder();
  private final LongAdder bytesDone = new LongAdder();
  private final LongAdder filesHashed = new LongAdder();
  private final LongAdder bytesHashed = new LongAdder();
  private final LongAdder filesByPage = new LongAdder();
  private final LongAdder filesAlone = new LongAdder();
  private final LongAdder filesChanging = new LongAdder();
  private final LongAdder filesUnreadable = new LongAdder();
  private final LongAdder filesSpecial = new LongAdder();
  private final LongAdder filesEmpty = new LongAdder();
  private final LongAdder otherMounts = new LongAdder();

  private final ThreadLocal<Identification> identification;

  /** A file about which something is to be found out, and whether that is its pages. */
  private record Wanted(Place place, boolean byPage) {}

  /** What was hashed and not entered yet. Guarded by itself. */
  private final List<Identified> finished = new ArrayList<>();

  /** What was changed too lately. Guarded by itself. */
  private final List<Wanted> recent = new ArrayList<>();

  /**
   * Sets it up; the index stays the caller's.
   *
   * @param pages which files are entered with their pages, so that mounts can share them in part;
   *     null for none
   */
  public TreeIndexer(ContentIndex index, String domain, @Nullable PageOptions pages) {
    this(
        index,
        domain,
        pages,
        Runtime.getRuntime().availableProcessors(),
        Identification.SETTLED_NANOS);
  }

  TreeIndexer(
      ContentIndex index,
      String domain,
      @Nullable PageOptions pages,
      int threads,
      long settledNanos) {
    this.inPart = pages;
    this.pages =
        pages == null
            ? null
            : new PageIdentification(index, ContentIndex.domain(domain), pages, () -> stopped);
    this.index = index;
    this.domain = ContentIndex.domain(domain);
    this.threads = threads;
    this.settledNanos = settledNanos;
    this.identification = ThreadLocal.withInitial(() -> new Identification(settledNanos));
  }

  /** What has been done until now. */
  public Totals totals() {
    return new Totals(
        files.sum(),
        filesKnown.sum(),
        filesToDo.sum(),
        bytesToDo.sum(),
        filesDone.sum(),
        bytesDone.sum(),
        filesHashed.sum(),
        bytesHashed.sum(),
        filesByPage.sum(),
        filesAlone.sum(),
        filesChanging.sum(),
        filesUnreadable.sum(),
        filesSpecial.sum(),
        filesEmpty.sum(),
        otherMounts.sum());
  }

  /**
   * Ends it soon: what is hashed is entered, what is being hashed is not. The index may be closed
   * afterwards.
   */
  public void stop() {
    stopped = true;
    enterFinished();
  }

  /**
   * Enters the files of a tree.
   *
   * @param path of a directory, absolute, and without symbolic links if others are to find it there
   * @throws ErrnoException if the directory cannot be opened
   */
  public void index(byte[] path) throws ErrnoException, InterruptedException {
    try (LayerTree tree = LayerTree.mount(path);
        OpenTrees trees = new OpenTrees()) {
      long before = filesToDo.sum();
      TreeWalk count = new TreeWalk(tree, this::count, () -> stopped, false);
      count.run();
      filesUnreadable.add(count.unreadable);
      filesSpecial.add(count.special);
      filesEmpty.add(count.empty);
      otherMounts.add(count.covered);
      if (stopped || filesToDo.sum() == before) {
        return;
      }
      long layer = index.enterLayer(path);
      ExecutorService pool = Executors.newFixedThreadPool(threads, TreeIndexer::thread);
      try {
        Semaphore room = new Semaphore(threads * 4);
        Batch batch = new Batch(tree, trees, pool, room);
        new TreeWalk(
                tree,
                (dirfd, name, file, stat) -> add(batch, dirfd, name, file, stat, layer),
                () -> stopped,
                false)
            .run();
        batch.work();
        room.acquire(threads * 4);
        room.release(threads * 4);
        enterFinished();
        for (int i = 0; i < PATIENCE && workOnRecent(batch); i++) {
          room.acquire(threads * 4);
          room.release(threads * 4);
          enterFinished();
        }
      } finally {
        pool.shutdown();
      }
    }
  }

  private static Thread thread(Runnable work) {
    Thread thread =
        new Thread(
            () -> {
              Threads.lowerPriorityOfThisThread();
              work.run();
            },
            "hashing");
    thread.setDaemon(true); // it may be in the middle of a large file when the process is to end
    return thread;
  }

  private void count(int dirfd, byte[] name, FileKey file, Stat stat) {
    files.increment();
    if (isToDo(file, stat)) {
      filesToDo.increment();
      bytesToDo.add(file.size());
    } else {
      filesKnown.increment();
    }
  }

  /** Whether something is to be found out about a file. */
  private boolean isToDo(FileKey file, Stat stat) {
    Known found = index.find(domain, file);
    return found.knowledge() == Knowledge.UNKNOWN
        || (pages != null && isByPage(stat) && !pages.isKnown(found.digest()));
  }

  private boolean isByPage(Stat stat) {
    return inPart != null && inPart.wants(stat);
  }

  private void add(Batch batch, int dirfd, byte[] name, FileKey file, Stat stat, long layer)
      throws ErrnoException {
    if (!isToDo(file, stat)) {
      return;
    }
    FileHandle handle = FileHandles.of(dirfd, name);
    if (handle == null) {
      filesUnreadable.increment();
      done(file);
      return;
    }
    Wanted wanted = new Wanted(new Place(file, handle, layer), isByPage(stat));
    if (identification.get().isTooRecent(file)) {
      synchronized (recent) {
        recent.add(wanted);
      }
      return;
    }
    batch.add(wanted);
  }

  private void done(FileKey file) {
    filesDone.increment();
    bytesDone.add(file.size());
  }

  /** Waits until what was changed too lately no longer is; false if there is nothing. */
  private boolean workOnRecent(Batch batch) throws InterruptedException {
    List<Wanted> left;
    synchronized (recent) {
      left = new ArrayList<>(recent);
      recent.clear();
    }
    long now = Identification.now();
    long wait = 0;
    for (Wanted file : left) {
      wait = Math.max(wait, file.place().key().ctime() + settledNanos - now);
    }
    // Change times far in the future are somebody's wrong clock.
    long end = System.nanoTime() + Math.min(wait, settledNanos);
    while (!stopped && end - System.nanoTime() > 0) {
      Thread.sleep(Math.max(1, Math.min(100, (end - System.nanoTime()) / 1_000_000)));
    }
    for (Wanted file : left) {
      batch.add(file);
    }
    batch.work();
    return !left.isEmpty();
  }

  /** Files that are looked up together, and then handed to the pool. */
  private final class Batch {
    private final LayerTree tree;
    private final OpenTrees trees;
    private final ExecutorService pool;
    private final Semaphore room;
    private final List<Wanted> wanted = new ArrayList<>();

    Batch(LayerTree tree, OpenTrees trees, ExecutorService pool, Semaphore room) {
      this.tree = tree;
      this.trees = trees;
      this.pool = pool;
      this.room = room;
    }

    void add(Wanted file) {
      wanted.add(file);
      if (wanted.size() == BATCH) {
        work();
      }
    }

    void work() {
      if (wanted.isEmpty() || stopped) {
        return;
      }
      List<Claim> claims = index.claim(domain, wanted.stream().map(Wanted::place).toList());
      for (int i = 0; i < claims.size() && !stopped; i++) {
        Place place = wanted.get(i).place();
        Claim claim = claims.get(i);
        if (!claim.hash() && !wanted.get(i).byPage()) {
          filesAlone.increment();
          done(place.key());
          continue;
        }
        room.acquireUninterruptibly();
        pool.execute(
            () -> {
              try {
                identify(place, claim.other());
              } finally {
                room.release();
              }
            });
      }
      wanted.clear();
    }

    private void identify(Place place, @Nullable Place other) {
      Stat stat = new Stat();
      if (other != null && !stopped) {
        hash(trees.openAnyway(tree, index, other, stat), other, false, stat);
      }
      if (!stopped) {
        int fd = trees.open(tree, place, stat);
        hash(fd < 0 ? null : new Fd(fd), place, true, stat);
      }
    }
  }

  /**
   * Hashes a file.
   *
   * @param counted whether it is one of those that were counted as to be done
   * @param stat of the file, as it was opened
   */
  private void hash(@Nullable Fd fd, Place place, boolean counted, Stat stat) {
    if (fd == null) {
      if (counted) {
        filesUnreadable.increment();
        done(place.key());
      }
      return;
    }
    try (fd) {
      if (pages == null || !isByPage(stat)) {
        hashWhole(fd, place);
      } else if (PageIdentification.isProgram(fd)) {
        byte[] digest = hashWhole(fd, place);
        if (digest != null) {
          pages.enterUnsuitable(digest, place.key().size());
        }
      } else {
        hashByPage(pages, fd, place);
      }
    } catch (ErrnoException e) {
      filesUnreadable.increment();
    }
    if (counted) {
      done(place.key());
    }
  }

  private byte @Nullable [] hashWhole(Fd fd, Place place) throws ErrnoException {
    byte[] digest = identification.get().digest(fd.number(), place.key(), null);
    if (digest == null) {
      filesChanging.increment();
    } else {
      countHashed(place);
      finish(new Identified(place, digest));
    }
    return digest;
  }

  /** They are entered at once: that of which the pages are known is to have a place. */
  private void hashByPage(PageIdentification byPage, Fd fd, Place place) throws ErrnoException {
    switch (byPage.hash(
        identification.get(), fd, place, file -> index.enter(domain, List.of(file)))) {
      case ENTERED -> {
        countHashed(place);
        filesByPage.increment();
      }
      case CHANGING -> filesChanging.increment();
      case STOPPED -> {
        // It is read again the next time.
      }
    }
  }

  private void countHashed(Place place) {
    filesHashed.increment();
    bytesHashed.add(place.key().size());
  }

  private void finish(Identified file) {
    int size;
    synchronized (finished) {
      finished.add(file);
      size = finished.size();
    }
    if (size >= BATCH && !stopped) {
      enterFinished();
    }
  }

  private void enterFinished() {
    List<Identified> some;
    synchronized (finished) {
      some = new ArrayList<>(finished);
      finished.clear();
    }
    if (!some.isEmpty()) {
      index.enter(domain, some);
    }
  }
}
