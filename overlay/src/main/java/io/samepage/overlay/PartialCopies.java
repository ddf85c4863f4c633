package io.samepage.overlay;

import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.Partials.Entry;
import io.samepage.overlay.Partials.Use;
import io.samepage.overlay.partial.PartialFile;
import io.samepage.overlay.partial.PartialRecord;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copying up page by page: which files are, and when it begins.
 *
 * <p>A write-capable open of a large lower file copies nothing. The first write begins a {@link
 * PartialFile}; from then on the node is partial, reads and writes of it go there, and everything
 * else that changes it has {@link CopyUp} complete it first. In the background the rest is filled
 * in while nobody writes ({@link PartialFilling}), and then it is completed in the same way. Until
 * then the upper directory has nothing of it. What an earlier mount left is taken up when the lower
 * file is looked up again ({@link PartialRemains}).
 *
 * <p>A node that is partial is held by a look-up of its own, so that it is not forgotten.
 */
final class PartialCopies implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PartialCopies.class);
  private static final byte[] CAPABILITY = Names.ascii("security.capability");

  private final OverlayConfig config;
  private final LayerAccess access;
  private final LayerStack layers;
  private final Partials partials;
  private final PartialDirectory directory;
  private final WorkDirectory work;
  private final PartialRemains remains;
  private final PartialFilling filling;
  private final NodeTable nodes;
  private final ReentrantReadWriteLock tree;

  /** Whether files can be cloned from a file system, which is better than this. */
  private final Map<Long, Boolean> cloneable = new ConcurrentHashMap<>();

  private final LongAdder begun = new LongAdder();

  /** Whether {@link #description} is in the directory. Guarded by its own monitor. */
  private final AtomicBoolean described = new AtomicBoolean();

  private final byte[] description;

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
    this.nodes = nodes;
    this.tree = tree;
    this.description = description;
    remains = new PartialRemains(layers, directory, partials, nodes);
    filling = new PartialFilling(partials, copyUp, letGo);
  }

  /** Files that were begun to be copied up page by page. */
  long count() {
    return begun.sum();
  }

  /**
   * Lets a lower file that was just found go on where an earlier mount left it.
   *
   * @param stat what its layer says of it
   */
  void bind(Node node, Stat stat) {
    if (!remains.isEmpty() && mayBePartial(node) && remains.bind(node, stat)) {
      filling.wakeUp();
    }
  }

  /** What earlier mounts have left. */
  PartialRemains remains() {
    return remains;
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
    filling.wakeUp();
    return true;
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
      byte[] data = PartialDirectory.dataName(number);
      byte[] map = PartialDirectory.mapName(number);
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
        filling.wakeUp();
      } catch (ErrnoException e) {
        LOG.warn("the partial copy of a removed file is still there: {}", e.getMessage());
      }
    }
  }

  /** Ends the filling. What little is left of files is copied first. */
  @Override
  public void close() {
    filling.close();
    for (Node node : partials.all().keySet()) {
      partials.forgotten(node);
    }
    remains.close();
  }
}
