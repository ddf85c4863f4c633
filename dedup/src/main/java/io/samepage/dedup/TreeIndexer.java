package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Claim;
import io.samepage.dedup.ContentIndex.Identified;
import io.samepage.dedup.ContentIndex.Knowledge;
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
  private volatile boolean stopped;

  private final LongAdder files = new LongAdder();
  private final LongAdder filesKnown = new LongAdder();
  private final LongAdder filesToDo = new LongAdder();
  private final LongAdder bytesToDo = new LongAdder();
  private final LongAdder filesDone = new LongAdder();
  private final LongAdder bytesDone = new LongAdder();
  private final LongAdder filesHashed = new LongAdder();
  private final LongAdder bytesHashed = new LongAdder();
  private final LongAdder filesAlone = new LongAdder();
  private final LongAdder filesChanging = new LongAdder();
  private final LongAdder filesUnreadable = new LongAdder();
  private final LongAdder filesSpecial = new LongAdder();
  private final LongAdder filesEmpty = new LongAdder();
  private final LongAdder otherMounts = new LongAdder();

  private final ThreadLocal<Identification> identification;

  /** What was hashed and not entered yet. Guarded by itself. */
  private final List<Identified> finished = new ArrayList<>();

  /** What was changed too lately. Guarded by itself. */
  private final List<Place> recent = new ArrayList<>();

  /** Sets it up; the index stays the caller's. */
  public TreeIndexer(ContentIndex index, String domain) {
    this(index, domain, Runtime.getRuntime().availableProcessors(), Identification.SETTLED_NANOS);
  }

  TreeIndexer(ContentIndex index, String domain, int threads, long settledNanos) {
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
                (dirfd, name, file, stat) -> add(batch, dirfd, name, file, layer),
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
    if (index.find(domain, file).knowledge() == Knowledge.UNKNOWN) {
      filesToDo.increment();
      bytesToDo.add(file.size());
    } else {
      filesKnown.increment();
    }
  }

  private void add(Batch batch, int dirfd, byte[] name, FileKey file, long layer)
      throws ErrnoException {
    if (index.find(domain, file).knowledge() != Knowledge.UNKNOWN) {
      return;
    }
    FileHandle handle = FileHandles.of(dirfd, name);
    if (handle == null) {
      filesUnreadable.increment();
      done(file);
      return;
    }
    Place place = new Place(file, handle, layer);
    if (identification.get().isTooRecent(file)) {
      synchronized (recent) {
        recent.add(place);
      }
      return;
    }
    batch.add(place);
  }

  private void done(FileKey file) {
    filesDone.increment();
    bytesDone.add(file.size());
  }

  /** Waits until what was changed too lately no longer is; false if there is nothing. */
  private boolean workOnRecent(Batch batch) throws InterruptedException {
    List<Place> places;
    synchronized (recent) {
      places = new ArrayList<>(recent);
      recent.clear();
    }
    long now = Identification.now();
    long wait = 0;
    for (Place place : places) {
      wait = Math.max(wait, place.key().ctime() + settledNanos - now);
    }
    // Change times far in the future are somebody's wrong clock.
    long end = System.nanoTime() + Math.min(wait, settledNanos);
    while (!stopped && end - System.nanoTime() > 0) {
      Thread.sleep(Math.max(1, Math.min(100, (end - System.nanoTime()) / 1_000_000)));
    }
    for (Place place : places) {
      batch.add(place);
    }
    batch.work();
    return !places.isEmpty();
  }

  /** Files that are looked up together, and then handed to the pool. */
  private final class Batch {
    private final LayerTree tree;
    private final OpenTrees trees;
    private final ExecutorService pool;
    private final Semaphore room;
    private final List<Place> places = new ArrayList<>();

    Batch(LayerTree tree, OpenTrees trees, ExecutorService pool, Semaphore room) {
      this.tree = tree;
      this.trees = trees;
      this.pool = pool;
      this.room = room;
    }

    void add(Place place) {
      places.add(place);
      if (places.size() == BATCH) {
        work();
      }
    }

    void work() {
      if (places.isEmpty() || stopped) {
        return;
      }
      List<Claim> claims = index.claim(domain, places);
      for (int i = 0; i < claims.size() && !stopped; i++) {
        Place place = places.get(i);
        Claim claim = claims.get(i);
        if (!claim.hash()) {
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
      places.clear();
    }

    private void identify(Place place, @Nullable Place other) {
      Stat stat = new Stat();
      if (other != null && !stopped) {
        hash(trees.openAnyway(tree, index, other, stat), other, false);
      }
      if (!stopped) {
        int fd = trees.open(tree, place, stat);
        hash(fd < 0 ? null : new Fd(fd), place, true);
      }
    }
  }

  /**
   * Hashes a file.
   *
   * @param counted whether it is one of those that were counted as to be done
   */
  private void hash(@Nullable Fd fd, Place place, boolean counted) {
    if (fd == null) {
      if (counted) {
        filesUnreadable.increment();
        done(place.key());
      }
      return;
    }
    try (fd) {
      byte[] digest = identification.get().digest(fd.number(), place.key(), null);
      if (digest == null) {
        filesChanging.increment();
      } else {
        filesHashed.increment();
        bytesHashed.add(place.key().size());
        finish(new Identified(place, digest));
      }
    } catch (ErrnoException e) {
      filesUnreadable.increment();
    }
    if (counted) {
      done(place.key());
    }
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
