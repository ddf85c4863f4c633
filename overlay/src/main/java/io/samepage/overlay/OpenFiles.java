package io.samepage.overlay;

import io.samepage.dedup.Content;
import io.samepage.dedup.FileKey;
import io.samepage.dedup.PagedFile;
import io.samepage.dedup.StableFile;
import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import io.samepage.fuse.Opened;
import io.samepage.fuse.PageCache;
import io.samepage.fuse.Request;
import io.samepage.overlay.CoherencePolicy.Reading;
import io.samepage.overlay.Handles.Handle;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.OpenFile.Mode;
import io.samepage.overlay.lock.LockTable;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opening, and where the data of an open file come from.
 *
 * <p>A nodeid has one mode while it is open ({@link OpenFile}). A file that readers have open on
 * its lower file and that is now to be written gets a nodeid of its own: the old node is
 * <em>superseded</em>, OPEN is answered with ESTALE, and the kernel looks the name up again and
 * finds the successor. The old nodeid goes on serving what is open through it: metadata and locks
 * from the successor, data from the lower file (native handles) or from the upper one (coherent
 * handles).
 *
 * <p>State is guarded by one of a fixed set of locks, chosen by nodeid. Order: tree lock, monitor
 * of a directory, then these, then the {@link NodeTable}. No data are copied under them.
 */
final class OpenFiles {
  private static final Logger LOG = LoggerFactory.getLogger(OpenFiles.class);
  private static final int LOCKS = 64;

  /** How many registered files are kept for the next open of their node. */
  private static final int IDLE_LIMIT = 8192;

  /** How soon a file that was not identified yet may have been. */
  private static final long ASK_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final LayerAccess access;
  private final CopyUp copyUp;
  private final NodeTable nodes;
  private final Handles handles;
  private final CoherencePolicy policy;
  private final OverlayConfig config;
  private final LockTable locks;
  private final ReentrantReadWriteLock tree;
  private final Connection connection;
  private final @Nullable BackingFiles backingFiles;
  private final @Nullable Sharing sharing;
  private final Partials partials;
  private final @Nullable PartialCopies partialCopies;
  private final Object[] nodeLocks = new Object[LOCKS];
  private final Map<Node, Node> successors = new ConcurrentHashMap<>();
  private final Map<Node, Node> predecessors = new ConcurrentHashMap<>();
  private final IdleFiles idle = new IdleFiles(IDLE_LIMIT);
  private final LongAdder fallbacks = new LongAdder();
  private final LongAdder breaks = new LongAdder();
  private final LongAdder pagedOpens = new LongAdder();

  OpenFiles(
      LayerAccess access,
      CopyUp copyUp,
      NodeTable nodes,
      Handles handles,
      CoherencePolicy policy,
      OverlayConfig config,
      LockTable locks,
      ReentrantReadWriteLock tree,
      Connection connection,
      @Nullable Sharing sharing,
      Partials partials,
      @Nullable PartialCopies partialCopies) {
    this.access = access;
    this.copyUp = copyUp;
    this.nodes = nodes;
    this.handles = handles;
    this.policy = policy;
    this.config = config;
    this.locks = locks;
    this.tree = tree;
    this.connection = connection;
    this.sharing = sharing;
    this.partials = partials;
    this.partialCopies = partialCopies;
    this.backingFiles = connection.backingFiles();
    for (int i = 0; i < LOCKS; i++) {
      nodeLocks[i] = new Object();
    }
  }

  /** As long as it is held a node is not superseded. */
  Object lockOf(Node node) {
    return nodeLocks[(int) (node.nodeid ^ (node.nodeid >>> 6)) & (LOCKS - 1)];
  }

  /** Nodes that got a nodeid of their own because they were to be written. */
  long breaks() {
    return breaks.sum();
  }

  /** Opens of files that are read through a page map. */
  long pagedOpens() {
    return pagedOpens.sum();
  }

  /** Opens that wanted passthrough and could not have it. */
  long fallbacks() {
    return fallbacks.sum();
  }

  /** The node that stands for a file now: itself, or what superseded it. */
  Node current(Node node) {
    Node now = node;
    while (now.isSuperseded()) {
      Node successor = successors.get(now);
      if (successor == null) {
        return now;
      }
      now = successor;
    }
    return now;
  }

  /**
   * What locks of a file are kept by: the same object for all nodeids that the file has had, so
   * that no lock need move when it gets another one.
   */
  Object lockKey(Node node) {
    Node first = node;
    for (Node before = predecessors.get(first); before != null; before = predecessors.get(first)) {
      first = before;
    }
    return first;
  }

  // ------------------------------------------------------------------ open

  /** Opens a node; see {@link io.samepage.fuse.FileSystem#open}. */
  void open(Request request, Node node, int flags, boolean killSuidgid, Opened opened)
      throws ErrnoException {
    boolean writable = (flags & Linux.O_ACCMODE) != Linux.O_RDONLY;
    boolean truncate = (flags & Linux.O_TRUNC) != 0;
    if (node.isSuperseded()) {
      throw ErrnoException.of(Errno.ESTALE);
    }
    if (sharing != null) {
      sharing.opened(request.pid());
    }
    if (writable || truncate) {
      if (config.readOnly()) {
        throw ErrnoException.of(Errno.EROFS);
      }
      Protection.checkOpen(node, flags);
      if (truncate || partialCopies == null || !partialCopies.isWanted(node)) {
        copyUp.node(node, truncate ? CopyUp.Extent.EMPTY : CopyUp.Extent.DATA);
      }
    }
    boolean first;
    tree.readLock().lock();
    try {
      synchronized (lockOf(node)) {
        OpenFile file = fileFor(node, writable || truncate);
        if (truncate) {
          truncate(node, file, 0, false, killSuidgid ? request : null);
        }
        answer(node, file, flags, false, opened);
        first = isMappable(flags) && file.mappable == 1;
      }
    } finally {
      tree.readLock().unlock();
    }
    if (first) {
      // From now on attributes are asked for each time: those kept so far must go.
      connection.invalidateAttributes(node.nodeid);
    } else if (truncate && killSuidgid) {
      modeChanged(node);
    }
  }

  /** The kernel does not know that what it has done changes attributes. */
  void attributesChanged(Node node) {
    connection.invalidateAttributes(node.nodeid);
  }

  /**
   * Set-id bits may have gone with a change of the data, of which the kernel drops the times and
   * the size, but not the mode; and it would execute the file by the mode that it holds.
   */
  void modeChanged(Node node) {
    if (node.maySetIds()) {
      connection.invalidateAttributes(node.nodeid);
    }
  }

  /** Takes over a file that was just created and opened. */
  void created(Node node, Fd fd, int flags, Opened opened) throws ErrnoException {
    synchronized (lockOf(node)) {
      OpenFile file = new OpenFile(backingFiles != null ? Mode.UPPER : Mode.CACHED);
      file.upper = fd;
      file.upperWritable = true;
      node.openFile = file;
      answer(node, file, flags, (flags & Linux.O_EXCL) != 0, opened);
    }
  }

  /**
   * The state of a node that is to be opened, in the mode that it has or, if it is not open, gets.
   */
  private OpenFile fileFor(Node node, boolean write) throws ErrnoException {
    if (node.isSuperseded()) {
      throw ErrnoException.of(Errno.ESTALE);
    }
    boolean above = node.hasUpper() && !node.isMetacopy();
    OpenFile file = node.openFile;
    if (file != null && file.opens > 0) {
      if (write && file.mode.isLower()) {
        supersede(node);
        throw ErrnoException.of(Errno.ESTALE);
      }
      return file;
    }
    Mode mode;
    Content content = null;
    long generation = sharing == null ? 0 : sharing.generation();
    long placing = sharing == null ? 0 : sharing.placing();
    if (above) {
      mode = backingFiles == null ? Mode.CACHED : Mode.UPPER;
    } else if (write || node.isPartial()) {
      mode = Mode.CACHED; // each page from where it is
    } else if (file != null && file.mode != Mode.UPPER && isSettled(node, file)) {
      return file; // as it was open before
    } else {
      // In the cache of its own inode a file shares nothing, be it the stable file itself or one
      // that uses another's pages.
      boolean cached = backingFiles == null || lowerReading(node) == Reading.CACHED;
      boolean unshared = generation != 0 && node.unsharedAt == (int) generation;
      if (sharing != null && !(cached && unshared)) {
        content = content(node);
        node.unsharedAt =
            content == null || (content.isKnown() && !content.isShared() && content.paged() == null)
                ? (int) generation
                : 0;
      }
      boolean shared = content != null && content.isShared();
      // Without passthrough it shares nothing in its own cache either, but its reads are answered
      // from the stable file, so that the cache below holds the content once.
      mode = backingFiles == null || (cached && !shared) ? Mode.CACHED : Mode.LOWER;
      if (backingFiles != null && content != null && content.paged() != null) {
        mode = Mode.PAGED;
      }
    }
    try (Content found = content) {
      StableFile stable = found == null ? null : found.stable();
      PagedFile paged = found == null ? null : found.paged();
      if (file != null
          && (file.mode != mode
              || file.stable != null
              || stable != null
              || file.paged != null
              || paged != null)) {
        drop(node, file);
        file = null;
      }
      if (file == null) {
        file = new OpenFile(mode);
        node.openFile = file;
      }
      file.partial = backingFiles != null && !above && (write || node.isPartial());
      file.paged = paged;
      file.own = found == null ? null : found.own();
      file.generation = generation;
      file.placing = placing;
      file.unsettled = found != null && !found.isKnown();
      file.askAgainAt = System.nanoTime() + ASK_AGAIN_NANOS;
      if (stable != null) {
        file.stable = stable.place();
        file.lower = new Fd(Files.dup(stable.fd()));
        readPagesAlone(file);
      }
    }
    return file;
  }

  /** What follows the pages that are read of a file with a page map is often another file's. */
  private static void readPagesAlone(OpenFile file) {
    if (file.paged != null && file.lower != null) {
      Files.adviseRandom(file.lower.number());
    }
  }

  /** What is known of the content of a node's lower file; null if it is not to be shared. */
  private @Nullable Content content(Node node) throws ErrnoException {
    LayerDirectory directory = node.lowerDirectory();
    if (sharing == null || directory == null || node.isRemoved()) {
      return null;
    }
    try (Place place = access.lowerData(node)) {
      return sharing.find(directory, place);
    }
  }

  /**
   * Whether what a node used when it was open before is what it is to use again. A stable file is
   * looked at each time; who had none asks again when more is known.
   */
  private boolean isSettled(Node node, OpenFile file) throws ErrnoException {
    if (sharing == null) {
      return true;
    }
    FileKey own = file.own;
    LayerDirectory directory = node.lowerDirectory();
    if (sharing.sharesInPart() && file.generation != sharing.generation()) {
      return false; // what is known may be a page map
    }
    if (file.placing != sharing.placing()) {
      return false; // another place may be nearer now
    }
    if (file.paged != null && !isUnchanged(node, file.paged.own())) {
      return false;
    }
    if (file.stable == null || own == null || directory == null) {
      return file.generation == sharing.generation()
          && !(file.unsettled && System.nanoTime() - file.askAgainAt > 0);
    }
    try (Place place = access.lowerData(node);
        StableFile stable = sharing.open(directory, place, own, file.stable)) {
      if (stable == null) {
        return false;
      }
      file.lower = new Fd(Files.dup(stable.fd()));
      readPagesAlone(file);
      return true;
    }
  }

  private boolean isUnchanged(Node node, FileKey own) throws ErrnoException {
    Stat stat = new Stat();
    try (Place place = access.lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), stat);
    }
    return own.matches(stat);
  }

  /** An open begins to use its pages. */
  private void beginUse(Node node, OpenFile file) {
    if (file.paged != null) {
      if (!file.counted) {
        file.paged.use(node.nodeid);
        file.counted = true;
      }
      return;
    }
    FileKey pages = file.pages();
    if (sharing != null && pages != null && !file.counted && file.mode == Mode.LOWER) {
      sharing.use(node, pages);
      file.counted = true;
    }
  }

  /** The pages are not used any more. */
  private void endUse(Node node, OpenFile file) {
    FileKey pages = file.pages();
    if (file.paged != null) {
      if (file.counted) {
        file.paged.release();
      }
    } else if (file.counted && sharing != null && pages != null) {
      sharing.release(node, pages);
    }
    file.counted = false;
  }

  /**
   * How a node is open.
   *
   * @param pages whose pages it uses; null if that is not kept
   * @param shared whether these are not its own
   * @param paged what it is read through in place of that; null if nothing
   */
  record Use(
      boolean open,
      boolean passthrough,
      @Nullable FileKey pages,
      boolean shared,
      @Nullable PagedFile paged) {}

  /** How a node is open at this moment. */
  Use use(Node node) {
    synchronized (lockOf(node)) {
      OpenFile file = node.openFile;
      return file == null || file.opens == 0
          ? new Use(false, false, null, false, null)
          : new Use(
              true,
              file.mode == Mode.LOWER || file.mode == Mode.UPPER,
              file.pages(),
              file.stable != null,
              file.paged);
    }
  }

  private Reading lowerReading(Node node) throws ErrnoException {
    if (node.isRemoved()) {
      return Reading.NATIVE;
    }
    Stat stat = new Stat();
    try (Place place = access.lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), stat);
    }
    return policy.reading(node, stat.size);
  }

  private static boolean isMappable(int flags) {
    return (flags & Linux.O_ACCMODE) == Linux.O_RDWR;
  }

  private void answer(Node node, OpenFile file, int flags, boolean exclusive, Opened opened)
      throws ErrnoException {
    boolean writable = (flags & Linux.O_ACCMODE) != Linux.O_RDONLY;
    if ((file.mode == Mode.LOWER || file.mode == Mode.UPPER)
        && file.backingId == Opened.NO_BACKING) {
      register(node, file);
    }
    // A close ends the record locks of the process, through whatever descriptor they were set, and
    // only FLUSH tells of each close. Where nobody uses such locks it is a round trip for nothing;
    // who makes a file of his own, or only reads it, is the last to begin with them. (RELEASE ends
    // what was set through the handle.)
    opened.noFlush = (!writable || exclusive) && !locks.hadRecords();
    switch (file.mode) {
      case UPPER -> {
        opened.backingId = file.backingId;
        if (writable) {
          node.setCacheStale(true);
          // The kernel writes to a backing file as the daemon, whose writes take no bits away:
          // those to such a file must come here. Its mappings need not.
          opened.directIo = node.maySetIds();
        }
      }
      case LOWER -> {
        opened.backingId = file.backingId;
        boolean exec = (flags & Linux.FMODE_EXEC) != 0;
        opened.directIo = !exec && lowerReading(node) != CoherencePolicy.Reading.NATIVE;
      }
      case CACHED -> {
        opened.keepCache = !node.isCacheStale();
        node.setCacheStale(false);
        if (!writable && (flags & Linux.O_DIRECT) == 0) {
          store(node, file, opened);
        }
      }
      case PAGED -> {
        // Its mappings fill the kernel's cache of this inode, which holds nothing else.
        opened.directIo = true;
        opened.keepCache = !node.isCacheStale();
        node.setCacheStale(false);
        pagedOpens.increment();
      }
    }
    beginUse(node, file);
    file.opens++;
    if (writable) {
      file.writers++;
    }
    boolean mappable = isMappable(flags);
    if (mappable) {
      file.mappable++;
    }
    idle.remove(node);
    int alignment = (flags & Linux.O_DIRECT) != 0 ? directAlignment(node, file, opened) : 1;
    opened.handle = handles.add(new Handle(node, file, writable, mappable, alignment));
  }

  /**
   * Gives the kernel the data of a small lower file with the open, which saves the READ that most
   * opens are followed by. Once for each nodeid: what the kernel drops later it asks for.
   *
   * <p>Nobody has the file open, and who comes to write it waits for the lock of the node, so that
   * what is stored is not older than what a write has stored. The caller holds that lock.
   */
  private void store(Node node, OpenFile file, Opened opened) {
    PageCache cache = opened.pageCache;
    if (cache == null
        || !opened.keepCache
        || file.opens > 0
        || node.isStored()
        || node.hasUpper()
        || node.isPartial()
        || node.isRemoved()) {
      return;
    }
    node.setStored();
    try {
      if (file.lower == null) {
        try (Place place = access.lowerData(node)) {
          file.lower = LayerAccess.open(place, Linux.O_RDONLY);
        }
      }
      Stat stat = new Stat();
      Files.stat(file.lower.number(), stat);
      if (stat.size > 0 && stat.size <= PageCache.LIMIT) {
        cache.store(file.lower.number(), (int) stat.size);
      }
    } catch (ErrnoException e) {
      // It is the read that fails then, if there is one.
    }
  }

  /**
   * What direct I/O must be aligned to where it comes to the daemon, which does it through the page
   * cache: programs find out what a file system wants by trying.
   */
  private int directAlignment(Node node, OpenFile file, Opened opened) throws ErrnoException {
    if (file.mode != Mode.CACHED && !opened.directIo) {
      return 1;
    }
    boolean above = node.hasUpper() && !node.isMetacopy();
    try (Place place = above ? access.upper(node) : access.lowerData(node);
        Fd fd = LayerAccess.openPath(place)) {
      return Files.directAlignment(fd.number());
    }
  }

  private void register(Node node, OpenFile file) throws ErrnoException {
    BackingFiles registry = backingFiles;
    if (registry == null) {
      file.mode = Mode.CACHED;
      return;
    }
    Fd known = file.mode == Mode.UPPER ? file.upper : file.lower;
    try {
      if (known != null) {
        file.backingId = registry.register(known.number());
        file.holdsWritable = known == file.upper && file.upperWritable;
        return;
      }
      try (Place place = file.mode == Mode.UPPER ? access.upper(node) : access.lowerData(node);
          Fd fd = LayerAccess.openPath(place)) {
        file.backingId = registry.register(fd.number());
      }
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT || file.opens > 0) {
        throw e;
      }
      // ELOOP (a stacked file system below), EMFILE, ENOMEM, …: the daemon can still serve it.
      fallbacks.increment();
      file.mode = Mode.CACHED;
      if (file.stable != null && file.lower != null) {
        file.stable = null; // in the cache of its own inode it would share nothing
        file.lower.close();
        file.lower = null;
      }
    }
  }

  // ------------------------------------------------------------------ supersede

  /** Gives the file a nodeid of its own; what is open through the old one stays as it is. */
  private void supersede(Node node) throws ErrnoException {
    if (node.isRemoved()) {
      // There is no name by which the kernel could look the successor up.
      throw ErrnoException.of(Errno.ESTALE);
    }
    Node successor = new Node(null, Names.EMPTY, node.type(), node.ino());
    LayerDirectory lower = node.lowerDirectory();
    byte[] lowerName = node.lowerName();
    if (!node.hasUpper() && lower != null && lowerName != null) {
      successor.setLower(lower, lowerName); // to be copied up page by page
    } else {
      successor.setUpper();
    }
    successor.setDressed(); // an attribute may be being set through the old node this moment
    if (node.isIndexed()) {
      successor.setIndexed();
    }
    Fd anchor = node.anchor();
    if (anchor != null) {
      successor.setAnchor(new Fd(Files.dup(anchor.number())));
    }
    predecessors.put(successor, node);
    successors.put(node, successor);
    Directory parent = node.parent();
    byte[] name = node.name();
    nodes.supersede(node, successor);
    breaks.increment();
    connection.invalidateInode(node.nodeid, -1, 0);
    if (parent != null) {
      connection.invalidateEntry(parent.nodeid, name);
    }
  }

  /**
   * Makes sure that a change of a file's size reaches who opens it from now on: ESTALE if its
   * nodeid cannot have that.
   *
   * <p>The caller holds the tree lock.
   *
   * @param byPath whether it is truncate(2), which differs in what it does to the times, and not
   *     ftruncate(2) or O_TRUNC
   * @param dropSetIdsFor on whose behalf set-user-ID and set-group-ID bits go; null if they stay
   */
  void truncate(Node node, long size, boolean byPath, @Nullable Request dropSetIdsFor)
      throws ErrnoException {
    synchronized (lockOf(node)) {
      if (node.isSuperseded()) {
        throw ErrnoException.of(Errno.ESTALE); // this moment, and not a second time
      }
      OpenFile file = node.openFile;
      if (file != null && file.opens > 0 && file.mode.isLower()) {
        supersede(node);
        throw ErrnoException.of(Errno.ESTALE);
      }
      truncate(node, file, size, byPath, dropSetIdsFor);
      if (file == null || file.mode == Mode.UPPER) {
        node.setCacheStale(true);
      }
    }
  }

  private void truncate(
      Node node,
      @Nullable OpenFile file,
      long size,
      boolean byPath,
      @Nullable Request dropSetIdsFor)
      throws ErrnoException {
    if (byPath) {
      try (Place place = access.upper(node);
          Fd fd = LayerAccess.openPath(place)) {
        Files.truncateByPath(fd.number(), size);
        if (dropSetIdsFor != null) {
          Privileges.dropSetIds(dropSetIdsFor, fd.number());
        }
      }
      return;
    }
    if (file != null && file.upper != null && file.upperWritable) {
      Files.truncate(file.upper.number(), size);
      if (dropSetIdsFor != null) {
        Privileges.dropSetIds(dropSetIdsFor, file.upper.number());
      }
      return;
    }
    try (Place place = access.upper(node);
        Fd fd = LayerAccess.open(place, Linux.O_WRONLY | Linux.O_NONBLOCK)) {
      Files.truncate(fd.number(), size);
      if (dropSetIdsFor != null) {
        Privileges.dropSetIds(dropSetIdsFor, fd.number());
      }
    }
  }

  // ------------------------------------------------------------------ data through the daemon

  /** Whether what a handle reads is in two files at this moment. */
  boolean isPartial(Handle handle) {
    return current(handle.node()).isPartial();
  }

  /** The partial copy that a handle reads; null if its data are in one file. */
  Partials.@Nullable Use partial(Handle handle) {
    return partials.use(current(handle.node()));
  }

  /** The partial copy that a handle is to write, begun if need be; null if there is none to be. */
  Partials.@Nullable Use partialForWriting(Handle handle) throws ErrnoException {
    Node now = current(handle.node());
    return partialCopies == null || now.hasUpper() || !handle.mayWrite()
        ? null
        : partialCopies.forWriting(now);
  }

  /** A descriptor to read the current data of a handle's file; it stays this object's. */
  int readable(Handle handle) throws ErrnoException {
    if (sharing != null) {
      sharing.reading();
    }
    OpenFile file = handle.file();
    Node node = handle.node();
    Node now = current(node);
    boolean above = now.hasUpper() && !now.isMetacopy();
    Fd ready = above ? file.upper : file.lower;
    if (ready != null) {
      return ready.number();
    }
    tree.readLock().lock();
    try {
      synchronized (lockOf(node)) {
        now = current(node); // it may have been superseded, or brought up, meanwhile
        if (now.hasUpper() && !now.isMetacopy()) {
          if (file.upper == null) {
            try (Place place = access.upper(now)) {
              file.upper = LayerAccess.open(place, Linux.O_RDONLY);
            }
          }
          return file.upper.number();
        }
        if (file.lower == null) {
          try (Place place = access.lowerData(now)) {
            file.lower = LayerAccess.open(place, Linux.O_RDONLY);
          }
          readPagesAlone(file);
        }
        return file.lower.number();
      }
    } finally {
      tree.readLock().unlock();
    }
  }

  /** What a handle's file is read through just now; null if not through a page map. */
  @Nullable PagedFile paged(Handle handle) {
    PagedFile paged = handle.file().paged;
    if (paged == null) {
      return null;
    }
    Node now = current(handle.node());
    return now.hasUpper() && !now.isMetacopy() ? null : paged;
  }

  /**
   * A read of {@link #readable} has failed. If that was the stable file, the file's own copy takes
   * its place, and no open from now on will use the stable file.
   *
   * @return whether it is worth to read again
   */
  boolean recover(Handle handle, ErrnoException failure) {
    OpenFile file = handle.file();
    Node node = handle.node();
    tree.readLock().lock();
    try {
      synchronized (lockOf(node)) {
        FileKey stable = file.pages();
        Fd lower = file.lower;
        if (sharing == null || stable == null || file.stable == null || lower == null) {
          return false;
        }
        Node now = current(node);
        if (file.leftStable || (now.hasUpper() && !now.isMetacopy())) {
          return true; // another thread was faster
        }
        try (Place place = access.lowerData(node);
            Fd own = LayerAccess.open(place, Linux.O_RDONLY)) {
          // Others may be reading through it: its number gets the other file.
          Files.dup2(own.number(), lower.number());
        }
        readPagesAlone(file);
        file.leftStable = true;
        LOG.warn(
            "inode {} of a layer stands for others and cannot be read ({}); they use their own"
                + " copies from now on. See what the kernel says about its disk (dmesg)",
            stable.ino(),
            failure.getMessage());
        sharing.discard(stable);
        return true;
      }
    } catch (ErrnoException e) {
      return false; // there is no other copy: the failure stands
    } finally {
      tree.readLock().unlock();
    }
  }

  /** A descriptor to write a handle's file; it stays this object's. EBADF if the handle cannot. */
  int writable(Handle handle) throws ErrnoException {
    OpenFile file = handle.file();
    Node node = handle.node();
    if (file.upper != null && file.upperWritable) {
      return file.upper.number();
    }
    Node now = current(node);
    if (!now.hasUpper() || now.isMetacopy()) {
      if (!handle.mayWrite()) {
        throw ErrnoException.of(Errno.EBADF);
      }
      copyUp.node(now, CopyUp.Extent.DATA); // not page by page, or not any more
    }
    tree.readLock().lock();
    try {
      synchronized (lockOf(node)) {
        return openForWriting(node, file).number();
      }
    } finally {
      tree.readLock().unlock();
    }
  }

  private Fd openForWriting(Node node, OpenFile file) throws ErrnoException {
    Fd old = file.upper;
    if (old != null && file.upperWritable) {
      return old;
    }
    try (Place place = access.upper(current(node))) {
      Fd fd = LayerAccess.open(place, Linux.O_RDWR);
      if (old == null) {
        file.upper = fd;
        file.upperWritable = true;
        return fd;
      }
      // Another thread may be reading through it: its number gets the new file instead.
      try (fd) {
        Files.dup2(fd.number(), old.number());
      }
      file.upperWritable = true;
      return old;
    }
  }

  /**
   * Whether the file may be mapped for writing at this moment, so that its times change unasked.
   * Every other way to change a file has the kernel drop what it holds of the attributes.
   */
  boolean isMappable(Node node) {
    OpenFile file = node.openFile;
    return file != null && file.mappable > 0;
  }

  /** Whether anybody can write the file at this moment. */
  boolean isWritable(Node node) {
    synchronized (lockOf(node)) {
      OpenFile file = node.openFile;
      return file != null && file.writers > 0;
    }
  }

  // ------------------------------------------------------------------ release

  void release(long number) {
    Handle handle = handles.remove(number);
    if (handle == null) {
      return;
    }
    Node node = handle.node();
    OpenFile file = handle.file();
    synchronized (lockOf(node)) {
      file.opens--;
      if (handle.mayWrite()) {
        file.writers--;
      }
      if (handle.mappable()) {
        file.mappable--;
      }
      if (file.opens > 0) {
        return;
      }
      file.closeDescriptors();
      endUse(node, file);
      boolean outdated =
          file.leftStable
              || file.partial
              || (file.mode.isLower() && node.hasUpper() && !node.isMetacopy());
      if (outdated || file.holdsWritable || node.isRemoved() || node.isSuperseded()) {
        drop(node, file);
        return;
      }
    }
    // Outside of the lock, since what falls out is of another node.
    Node evicted = idle.add(node);
    if (evicted != null) {
      discard(evicted);
    }
  }

  private void drop(Node node, OpenFile file) {
    file.closeDescriptors();
    endUse(node, file);
    if (file.backingId != Opened.NO_BACKING && backingFiles != null) {
      backingFiles.close(file.backingId);
      file.backingId = Opened.NO_BACKING;
    }
    if (node.openFile == file) {
      node.openFile = null;
    }
  }

  /**
   * Lets go what is kept of a node that is not open: it was removed, or nobody knows it any more.
   */
  void discard(Node node) {
    if (node.openFile == null) {
      return;
    }
    synchronized (lockOf(node)) {
      OpenFile file = node.openFile;
      if (file != null && file.opens == 0) {
        idle.remove(node);
        drop(node, file);
      }
    }
  }

  /** A node that the kernel has forgotten. */
  void forgotten(Node node) {
    discard(node);
    predecessors.remove(node);
    Node successor = successors.remove(node);
    if (successor != null) {
      predecessors.remove(successor);
    }
  }

  /** The node that was held only because a superseded one, forgotten now, referred to it. */
  @Nullable Node successorOf(Node node) {
    return successors.get(node);
  }

  /** Closes everything; for the end of a mount. */
  void close() {
    for (Handle handle : handles.drain()) {
      handle.file().closeDescriptors();
    }
    for (Node node : nodes.all()) {
      discard(node);
    }
  }
}
