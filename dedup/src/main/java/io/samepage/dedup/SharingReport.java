package io.samepage.dedup;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;

/**
 * What sharing would save between trees, if all their files were read: by whole files, and page by
 * page. Nothing is written, neither to the trees nor to an index.
 *
 * <p>{@link #add} and {@link #result} are called by one thread; the rest by any.
 */
public final class SharingReport {
  /** Upper limits of the classes of sizes, in bytes; what is larger is in one more class. */
  private static final long[] CLASSES = {
    4L << 10, 16L << 10, 64L << 10, 256L << 10, 1L << 20, 4L << 20, 16L << 20
  };

  /**
   * One tree.
   *
   * @param pages pages of 4 KiB that its files fill
   * @param savedByFile those of them that another file had before, here or in an earlier tree
   * @param savedByPage likewise, page by page
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record TreeResult(
      byte[] path, long files, long pages, long savedByFile, long savedByPage) {}

  /**
   * Files of one class of sizes.
   *
   * @param limit the largest, in bytes; Long.MAX_VALUE for the last class
   */
  public record SizeResult(long limit, long files, long pages, long savedByFile) {}

  /**
   * All of it.
   *
   * @param common for each two trees the pages of the files that both have
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Result(
      List<TreeResult> trees,
      List<SizeResult> sizes,
      long[][] common,
      long distinctFiles,
      long unreadable,
      long empty) {
    /** Pages that all files fill. */
    public long pages() {
      return trees.stream().mapToLong(TreeResult::pages).sum();
    }

    public long savedByFile() {
      return trees.stream().mapToLong(TreeResult::savedByFile).sum();
    }

    public long savedByPage() {
      return trees.stream().mapToLong(TreeResult::savedByPage).sum();
    }
  }

  /** Some content. */
  private static final class Content {
    final long pages;
    final BitSet trees = new BitSet();

    Content(long pages) {
      this.pages = pages;
    }
  }

  /** Sums of one tree. */
  private static final class Sums {
    final byte[] path;
    long files;
    long pages;
    long savedByFile;
    long savedByPage;

    Sums(byte[] path) {
      this.path = path;
    }
  }

  /** Digests of the pages of one file, 8 bytes each. */
  private static final class Leaves implements VerityDigest.Leaves {
    long[] pages = new long[64];
    int count;

    @Override
    public void leaf(long page, byte[] digests, int at) {
      if (count == pages.length) {
        pages = java.util.Arrays.copyOf(pages, count * 2);
      }
      pages[count++] = ByteBuffer.wrap(digests).getLong(at);
    }
  }

  private final int threads = Runtime.getRuntime().availableProcessors();
  private final ThreadLocal<VerityDigest> digests = ThreadLocal.withInitial(VerityDigest::new);
  private final LongAdder filesRead = new LongAdder();
  private final LongAdder bytesRead = new LongAdder();
  private final LongAdder unreadable = new LongAdder();
  private long empty;

  /** Guards all below; held while one file's results are added. */
  private final Object adding = new Object();

  private final Map<ByteBuffer, Content> contents = new HashMap<>();
  private final PageSet pages = new PageSet();
  private final List<Sums> trees = new ArrayList<>();
  private final long[][] sizes = new long[CLASSES.length + 1][3];

  /** Files that have been read until now. */
  public long filesRead() {
    return filesRead.sum();
  }

  /** Their bytes. */
  public long bytesRead() {
    return bytesRead.sum();
  }

  /**
   * Reads a tree.
   *
   * @throws ErrnoException if the directory cannot be opened
   */
  public void add(byte[] path) throws ErrnoException, InterruptedException {
    int number = trees.size();
    trees.add(new Sums(path));
    ExecutorService pool =
        Executors.newFixedThreadPool(
            threads,
            work -> {
              Thread thread = new Thread(work, "hashing");
              thread.setDaemon(true);
              return thread;
            });
    Semaphore room = new Semaphore(threads * 4);
    try (LayerTree tree = LayerTree.mount(path)) {
      TreeWalk walk =
          new TreeWalk(
              tree,
              (dirfd, name, file, stat) -> read(pool, room, number, dirfd, name),
              () -> false,
              true);
      walk.run();
      unreadable.add(walk.unreadable);
      empty += walk.empty;
      room.acquire(threads * 4);
    } finally {
      pool.shutdown();
    }
  }

  private void read(ExecutorService pool, Semaphore room, int tree, int dirfd, byte[] name)
      throws ErrnoException {
    room.acquireUninterruptibly();
    boolean handedOver = false;
    try {
      int flags = Linux.O_RDONLY | Linux.O_NOFOLLOW | Linux.O_NONBLOCK;
      Fd fd = new Fd(Files.open(dirfd, name, flags, 0));
      pool.execute(
          () -> {
            try (fd) {
              read(tree, fd);
            } finally {
              room.release();
            }
          });
      handedOver = true;
    } finally {
      if (!handedOver) {
        room.release();
      }
    }
  }

  private void read(int tree, Fd fd) {
    try {
      Stat stat = new Stat();
      Files.stat(fd.number(), stat);
      Leaves leaves = new Leaves();
      byte[] digest = digests.get().of(fd.number(), stat.size, leaves);
      if (digest == null) {
        unreadable.increment();
        return;
      }
      filesRead.increment();
      bytesRead.add(stat.size);
      synchronized (adding) {
        add(tree, stat.size, digest, leaves);
      }
    } catch (ErrnoException e) {
      unreadable.increment();
    }
  }

  private void add(int tree, long size, byte[] digest, Leaves leaves) {
    Sums sums = trees.get(tree);
    ByteBuffer key = ByteBuffer.wrap(digest);
    Content content = contents.get(key);
    boolean known = content != null;
    if (content == null) {
      content = new Content(leaves.count);
      contents.put(key, content);
    }
    content.trees.set(tree);
    long newPages = 0;
    if (!known) {
      for (int i = 0; i < leaves.count; i++) {
        newPages += pages.add(leaves.pages[i]) ? 1 : 0;
      }
    }
    sums.files++;
    sums.pages += leaves.count;
    sums.savedByFile += known ? leaves.count : 0;
    sums.savedByPage += leaves.count - newPages;
    int sizeClass = 0;
    while (sizeClass < CLASSES.length && size > CLASSES[sizeClass]) {
      sizeClass++;
    }
    sizes[sizeClass][0]++;
    sizes[sizeClass][1] += leaves.count;
    sizes[sizeClass][2] += known ? leaves.count : 0;
  }

  /** What came out. */
  public Result result() {
    synchronized (adding) {
      long[][] common = new long[trees.size()][trees.size()];
      for (Content content : contents.values()) {
        content.trees.stream()
            .forEach(a -> content.trees.stream().forEach(b -> common[a][b] += content.pages));
      }
      List<TreeResult> results = new ArrayList<>();
      for (Sums one : trees) {
        results.add(
            new TreeResult(one.path, one.files, one.pages, one.savedByFile, one.savedByPage));
      }
      List<SizeResult> bySize = new ArrayList<>();
      for (int i = 0; i < sizes.length; i++) {
        long limit = i < CLASSES.length ? CLASSES[i] : Long.MAX_VALUE;
        bySize.add(new SizeResult(limit, sizes[i][0], sizes[i][1], sizes[i][2]));
      }
      return new Result(results, bySize, common, contents.size(), unreadable.sum(), empty);
    }
  }
}
