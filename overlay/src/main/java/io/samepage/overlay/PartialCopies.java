package io.samepage.overlay;

import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.NodeTable.InodeKey;
import io.samepage.overlay.Partials.Entry;
import io.samepage.overlay.Partials.Use;
import io.samepage.overlay.partial.PartialFile;
import io.samepage.overlay.partial.PartialRecord;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Processes;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copying up page by page: which files are, when it begins, and how it goes on in the background.
 *
 * <p>A write-capable open of a large lower file copies nothing. The first write begins a {@link
 * PartialFile}; from then on the node is partial, reads and writes of it go there, and everything
 * else that changes it has {@link CopyUp} complete it first. In the background the rest is filled
 * in while nobody writes, and then it is completed in the same way. Until then the upper directory
 * has nothing of it. What an earlier mount left is taken up when the lower file is looked up again.
 *
 * <p>A node that is partial is held by a look-up of its own, so that it is not forgotten.
 */
final class PartialCopies implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PartialCopies.class);
  private static final byte[] CAPABILITY = Names.ascii("security.capability");
  private static final String DATA = ".data";
  private static final String MAP = ".map";

  /** How long nobody has written to a file before the rest is filled in. */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** How much is copied at an orderly end, in pages: no more than one hardly has to wait for. */
  private static final long PAGES_AT_END = (16 << 20) / 4096;

  private static final long RETRY_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final OverlayConfig config;
  private final LayerAccess access;
  private final LayerStack layers;
  private final Partials partials;
  private final PartialDirectory directory;
  private final WorkDirectory work;
  private final CopyUp copyUp;
  private final NodeTable nodes;
  private final ReentrantReadWriteLock tree;
  private final Consumer<Node> letGo;

  /** What earlier mounts left, by lower inode. */
  private final Map<InodeKey, Entry> pending = new ConcurrentHashMap<>();

  /** Whether files can be cloned from a file system, which is better than this. */
  private final Map<Long, Boolean> cloneable = new ConcurrentHashMap<>();

  private final LongAdder begun = new LongAdder();
  private final Object wake = new Object();

  /** Whether {@link #description} is in the directory. Guarded by its own monitor. */
  private final AtomicBoolean described = new AtomicBoolean();

  private final byte[] description;
  private @Nullable Thread filler;
  private boolean closed;

  PartialCopies(
      OverlayConfig config,
      LayerAccess access,
      LayerStack layers,
      Partials partials,
      PartialDirectory directory,
      WorkDirectory work,
      CopyUp copyUp,
      NodeTable nodes,
      ReentrantReadWriteLock tree,
      byte[] description,
      Consumer<Node> letGo)
      throws ErrnoException {
    this.config = config;
    this.access = access;
    this.layers = layers;
    this.partials = partials;
    this.directory = directory;
    this.work = work;
    this.copyUp = copyUp;
    this.nodes = nodes;
    this.tree = tree;
    this.description = description;
    this.letGo = letGo;
    load();
  }

  /** Files that were begun to be copied up page by page. */
  long count() {
    return begun.sum();
  }

  // ------------------------------------------------------------------ what is there already

  private void load() throws ErrnoException {
    Set<String> names = directory.names();
    for (String name : names) {
      if (name.endsWith(MAP)) {
        String number = name.substring(0, name.length() - MAP.length());
        if (names.contains(number + DATA)) {
          load(number);
        } else {
          Files.unlink(directory.fd(), Names.ascii(name)); // it is complete, and above
        }
      } else if (name.endsWith(DATA)
          && !names.contains(name.substring(0, name.length() - DATA.length()) + MAP)) {
        Stat stat = new Stat();
        Files.stat(directory.fd(), Names.ascii(name), stat);
        if (stat.blocks == 0) {
          Files.unlink(directory.fd(), Names.ascii(name)); // it was never begun
        }
      }
    }
  }

  private void load(String number) throws ErrnoException {
    byte[] data = Names.ascii(number + DATA);
    byte[] map = Names.ascii(number + MAP);
    PartialRecord record = PartialFile.record(directory.fd(), map);
    if (record == null && PartialFile.isBlank(directory.fd(), map)) {
      // The power was lost before anybody had asked for anything of it to be durable.
      Files.unlink(directory.fd(), map);
      Files.unlink(directory.fd(), data);
      return;
    }
    if (record == null) {
      LOG.warn("partial/{} in the work directory is damaged, and is left alone", number + MAP);
      return;
    }
    int opened = layers.openOrigin(record.origin(), Linux.O_RDONLY);
    if (opened < 0) {
      LOG.warn(
          "partial/{} in the work directory has changes of a file that is in no lower layer of this"
              + " mount (inode {}), and is left alone",
          number + DATA,
          record.ino());
      return;
    }
    Fd source = new Fd(opened);
    try {
      Stat stat = new Stat();
      Files.stat(source.number(), stat);
      if (!record.matches(stat)) {
        LOG.warn(
            "partial/{} in the work directory has changes of a lower file that has been changed"
                + " itself since (inode {}): they are left alone, and do not show",
            number + DATA,
            record.ino());
        source.close();
        return;
      }
      PartialFile file = PartialFile.open(directory.fd(), data, map, record, source);
      pending.put(new InodeKey(stat.dev(), stat.ino), new Entry(data, map, file));
    } catch (ErrnoException e) {
      source.close();
      throw e;
    }
  }

  /**
   * Lets a lower file that was just found go on where an earlier mount left it.
   *
   * @param stat what its layer says of it
   */
  void bind(Node node, Stat stat) {
    if (pending.isEmpty() || !mayBePartial(node)) {
      return;
    }
    Entry entry = pending.remove(new InodeKey(stat.dev(), stat.ino));
    if (entry != null) {
      if (node.nodeid == 0) {
        nodes.add(node);
      } else {
        nodes.count(node);
      }
      partials.add(node, entry);
      wakeUp();
    }
  }

  private static boolean mayBePartial(Node node) {
    return node.isRegular()
        && !node.hasUpper()
        && node.hasLower()
        && !node.isLinked()
        && !(node instanceof SplitNode);
  }

  // ------------------------------------------------------------------ beginning

  /**
   * Whether a write-capable open of a node copies nothing, since the first write will see to it.
   */
  boolean isWanted(Node node) throws ErrnoException {
    if (node.isPartial()) {
      return true;
    }
    if (config.partialFrom() == 0
        || !directory.isSuitable()
        || !mayBePartial(node)
        || node.isRemoved()
        || node.isImmutable()
        || node.isAppendOnly()) {
      return false;
    }
    tree.readLock().lock();
    try (Place place = access.lowerData(node)) {
      Stat stat = new Stat();
      Files.stat(place.dirfd(), place.name(), stat);
      return stat.size >= config.partialFrom()
          && stat.nlink == 1
          && (stat.mode & (Linux.S_ISUID | Linux.S_ISGID)) == 0
          && Xattrs.find(place.dirfd(), place.name(), CAPABILITY) == null
          && !isCloneable(place, stat.dev());
    } finally {
      tree.readLock().unlock();
    }
  }

  private boolean isCloneable(Place place, long dev) throws ErrnoException {
    Boolean known = cloneable.get(dev);
    if (known != null) {
      return known;
    }
    byte[] name = work.temporaryName();
    int flags = Linux.O_WRONLY | Linux.O_CREAT | Linux.O_EXCL;
    try (Fd in = LayerAccess.open(place, Linux.O_RDONLY);
        Fd out = new Fd(Files.open(work.fd(), name, flags, 0600))) {
      boolean can = Files.tryClone(in.number(), out.number());
      cloneable.put(dev, can);
      return can;
    } finally {
      work.discard(name);
    }
  }

  /**
   * The partial copy of a node that is about to be written; begins one if need be. Null if the node
   * is to be copied up as a whole, or has been.
   */
  @Nullable Use forWriting(Node node) throws ErrnoException {
    while (!node.hasUpper()) {
      Use use = partials.use(node);
      if (use != null) {
        use.entry().writtenAt = System.nanoTime();
        return use;
      }
      if (!node.isPartial() && !begin(node)) {
        return null;
      }
    }
    return null;
  }

  private boolean begin(Node node) throws ErrnoException {
    if (!isWanted(node)) {
      return false;
    }
    Directory parent;
    tree.readLock().lock();
    try {
      parent = node.parent();
    } finally {
      tree.readLock().unlock();
    }
    if (parent == null) {
      return false;
    }
    synchronized (node) {
      if (node.hasUpper() || node.isPartial()) {
        return true;
      }
      Entry entry = create(node);
      if (entry == null) {
        return false;
      }
      tree.readLock().lock();
      try {
        synchronized (parent) {
          if (node.parent() == parent) {
            nodes.count(node);
          } else {
            entry.unlink(directory.fd()); // unlinked this instant
          }
          partials.add(node, entry);
        }
      } finally {
        tree.readLock().unlock();
      }
    }
    begun.increment();
    wakeUp();
    return true;
  }

  /** How many files earlier mounts left that can go on, and that nobody has looked up yet. */
  int pendingCount() {
    return pending.size();
  }

  /** How many files are in the directory: those that go on, and those that cannot. */
  int leftCount() throws ErrnoException {
    int left = 0;
    for (String name : directory.names()) {
      left += name.endsWith(MAP) ? 1 : 0;
    }
    return left;
  }

  /** Where the files were that earlier mounts left and that nobody has looked up yet. */
  List<byte[]> pendingPaths() {
    return pending.values().stream().map(entry -> entry.record().path()).toList();
  }

  private @Nullable Entry create(Node node) throws ErrnoException {
    LayerDirectory lower = node.lowerDirectory();
    if (lower == null) {
      return null;
    }
    byte[] origin;
    byte @Nullable [] path;
    Stat named = new Stat();
    tree.readLock().lock();
    try (Place place = access.lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), named);
      path = PageMaps.pathInMount(node);
      origin = Origin.encode(lower.layer(), place.dirfd(), place.name());
    } finally {
      tree.readLock().unlock();
    }
    int opened = origin.length == 0 ? -1 : layers.openOrigin(origin, Linux.O_RDONLY);
    if (opened < 0 || origin.length > PartialRecord.MAX_ORIGIN) {
      return null; // it could not be found again
    }
    Fd source = new Fd(opened);
    try {
      Stat stat = new Stat();
      Files.stat(source.number(), stat);
      if (stat.ino != named.ino || stat.dev() != named.dev()) {
        source.close();
        return null; // the handle means something else on another file system
      }
      describeLayers();
      String number = directory.freeNumber();
      byte[] data = Names.ascii(number + DATA);
      byte[] map = Names.ascii(number + MAP);
      PartialRecord record = PartialRecord.of(stat, origin, path == null ? Names.EMPTY : path);
      return new Entry(data, map, PartialFile.create(directory.fd(), data, map, record, source));
    } catch (ErrnoException e) {
      source.close();
      throw e;
    }
  }

  /** Says in the directory of which layers the files in it are, once in the life of a mount. */
  private void describeLayers() throws ErrnoException {
    synchronized (described) {
      if (!described.get()) {
        directory.replace(PartialLayers.NAME, description);
        described.set(true);
      }
    }
  }

  /** Makes durable what has been written to a file; for fsync(2). */
  void sync(Use use) throws ErrnoException {
    use.file().sync();
    Entry entry = use.entry();
    if (!entry.named && !entry.isRemoved()) {
      directory.sync();
      entry.named = true;
    }
  }

  /**
   * The last name of a node is gone. The caller holds the tree lock and its directory's monitor.
   */
  void removed(Node node) {
    if (node.isPartial()) {
      try {
        partials.removed(node, directory.fd());
        wakeUp();
      } catch (ErrnoException e) {
        LOG.warn("the partial copy of a removed file is still there: {}", e.getMessage());
      }
    }
  }

  // ------------------------------------------------------------------ filling

  private void wakeUp() {
    synchronized (wake) {
      if (filler == null && !closed) {
        filler = new Thread(this::fillAll, "samepage-fill");
        filler.setDaemon(true);
        filler.start();
      }
      wake.notifyAll();
    }
  }

  private void fillAll() {
    Processes.lowerPriorityOfThisThread();
    while (true) {
      long wait = fillSome();
      synchronized (wake) {
        if (closed) {
          return;
        }
        if (wait > 0 && partials.released().isEmpty()) {
          try {
            wake.wait(Math.max(1, TimeUnit.NANOSECONDS.toMillis(wait)));
          } catch (InterruptedException e) {
            return;
          }
        }
      }
    }
  }

  /** Fills a piece of each file that is quiet; returns how long there is nothing to do. */
  private long fillSome() {
    Queue<Node> released = partials.released();
    for (Node node = released.poll(); node != null; node = released.poll()) {
      letGo.accept(node);
    }
    long wait = TimeUnit.HOURS.toNanos(1);
    for (Map.Entry<Node, Entry> each : partials.all().entrySet()) {
      Node node = each.getKey();
      Entry entry = each.getValue();
      if (entry.isRemoved()) {
        continue;
      }
      long now = System.nanoTime();
      long due = Math.max(entry.writtenAt + QUIET_NANOS - now, entry.pausedUntil - now);
      if (due <= 0) {
        due = fill(node, entry) ? 0 : RETRY_NANOS;
      }
      wait = Math.min(wait, due);
    }
    return wait;
  }

  private boolean fill(Node node, Entry entry) {
    try (Use use = partials.use(node)) {
      if (use != null && !use.file().fill()) {
        copyUp.node(node, CopyUp.Extent.METADATA);
      }
      return true;
    } catch (ErrnoException e) {
      entry.pausedUntil = System.nanoTime() + RETRY_NANOS;
      LOG.warn(
          "the rest of a large file that was written cannot be copied up now ({}); it stays in the"
              + " work directory, and this is tried again",
          e.getMessage());
      return false;
    }
  }

  /**
   * Completes what is nearly complete, or small: few expect that what an unmount leaves in the
   * upper directory is not all that there is.
   */
  private void completeSmall() {
    long room = PAGES_AT_END;
    for (Node node : partials.all().keySet()) {
      try (Use use = partials.use(node)) {
        long left = use == null || use.entry().isRemoved() ? room + 1 : use.file().pagesLeft();
        if (left <= room) {
          room -= left;
          copyUp.node(node, CopyUp.Extent.METADATA);
        }
      } catch (ErrnoException e) {
        LOG.warn(
            "a large file that was written stays in the work directory and is not in the upper one"
                + " ({}): samepage complete, or the next mount, goes on with it",
            e.getMessage());
      }
    }
  }

  /** Ends the filling. What little is left of files is copied first. */
  @Override
  public void close() {
    Thread thread;
    synchronized (wake) {
      closed = true;
      wake.notifyAll();
      thread = filler;
    }
    if (thread != null) {
      boolean interrupted = false;
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    completeSmall();
    for (Node node : partials.all().keySet()) {
      partials.forgotten(node);
    }
    pending.values().forEach(Entry::retire);
  }
}
