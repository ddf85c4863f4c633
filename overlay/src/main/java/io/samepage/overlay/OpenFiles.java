package io.samepage.overlay;

import io.samepage.fuse.Opened;
import io.samepage.fuse.PageCache;
import io.samepage.fuse.Request;
import io.samepage.overlay.Handles.Handle;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.OpenFile.Mode;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Opening and releasing regular files: what an open is answered with, and the handle for it.
 *
 * <p>A nodeid has one mode while it is open ({@link OpenFile}), which {@link ModeChoice} chooses at
 * the first open. An open that cannot have that mode supersedes the node ({@link Successors}). How
 * a node is open is guarded by the lock that {@link NodeLocks} has for it. Thread-safe; unless
 * stated otherwise callers hold none of the locks of {@link Overlay}.
 */
final class OpenFiles {
  private final Overlay overlay;
  private final ModeChoice modes;
  private final Truncation truncation;
  private final @Nullable Sharing sharing;
  private final LongAdder pagedOpens = new LongAdder();

  /**
   * For one mount.
   *
   * @param sharing what lower files use the pages of; null if each uses its own
   */
  OpenFiles(Overlay overlay, ModeChoice modes, Truncation truncation, @Nullable Sharing sharing) {
    this.overlay = overlay;
    this.modes = modes;
    this.truncation = truncation;
    this.sharing = sharing;
  }

  /** Opens of files that are read through a page map. */
  long pagedOpens() {
    return pagedOpens.sum();
  }

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
      if (overlay.config.readOnly()) {
        throw ErrnoException.of(Errno.EROFS);
      }
      Protection.checkOpen(node, flags);
      PartialCopies copies = overlay.partialCopies;
      if (truncate || copies == null || !copies.isWanted(node)) {
        overlay.copyUp.node(node, truncate ? CopyUp.Extent.EMPTY : CopyUp.Extent.DATA);
      }
    }
    boolean first;
    overlay.tree.readLock().lock();
    try {
      synchronized (overlay.nodeLocks.of(node)) {
        OpenFile file = fileFor(node, writable || truncate);
        if (truncate) {
          truncation.truncateOpen(node, file, 0, killSuidgid ? request : null);
        }
        answer(node, file, flags, false, opened);
        first = isMappable(flags) && file.mappable == 1;
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
    if (first) {
      // From now on attributes are asked for each time: those kept so far must go.
      overlay.connection.invalidateAttributes(node.nodeid);
    } else if (truncate && killSuidgid) {
      overlay.modeChanged(node);
    }
  }

  /**
   * Takes over a file that was just created and opened. The caller holds the tree lock, and may
   * hold the monitor of its directory.
   *
   * @param fd for reading and writing; this object's from now on
   */
  void created(Node node, Fd fd, int flags, Opened opened) throws ErrnoException {
    synchronized (overlay.nodeLocks.of(node)) {
      OpenFile file = new OpenFile(modes.above());
      file.upper = fd;
      file.upperWritable = true;
      node.openFile = file;
      answer(node, file, flags, (flags & Linux.O_EXCL) != 0, opened);
    }
  }

  /**
   * How a node that is to be opened is open, or is to be from now on; ESTALE if it has been, or was
   * now, superseded. The caller holds the tree lock and the lock of the node.
   */
  private OpenFile fileFor(Node node, boolean write) throws ErrnoException {
    if (node.isSuperseded()) {
      throw ErrnoException.of(Errno.ESTALE);
    }
    OpenFile file = node.openFile;
    if (file == null || file.opens == 0) {
      return modes.choose(node, write);
    }
    if (write && file.mode.isLower()) {
      overlay.successors.supersede(node);
      throw ErrnoException.of(Errno.ESTALE);
    }
    return file;
  }

  /** Whether a handle can be mapped for writing (mmap(2), EACCES). */
  private static boolean isMappable(int flags) {
    return (flags & Linux.O_ACCMODE) == Linux.O_RDWR;
  }

  /** Who writes and does not read: not a database, whose blocks are all aligned, but dd(1). */
  private static boolean isDirectStream(int flags) {
    return (flags & Linux.O_ACCMODE) == Linux.O_WRONLY && (flags & Linux.O_DIRECT) != 0;
  }

  /** Answers an open. The caller holds the tree lock and the lock of the node. */
  private void answer(Node node, OpenFile file, int flags, boolean exclusive, Opened opened)
      throws ErrnoException {
    boolean writable = (flags & Linux.O_ACCMODE) != Linux.O_RDONLY;
    if (file.mode.isPassedThrough() && file.backingId == Opened.NO_BACKING) {
      overlay.registered.register(node, file);
    }
    // A close ends the record locks of the process, through whatever descriptor they were set, and
    // only FLUSH tells of each close. Where nobody uses such locks it is a round trip for nothing;
    // who makes a file of his own, or only reads it, is the last to begin with them. (RELEASE ends
    // what was set through the handle.)
    opened.noFlush = (!writable || exclusive) && !overlay.locks.hadRecords();
    switch (file.mode) {
      case UPPER -> {
        opened.backingId = file.backingId;
        if (writable) {
          node.setCacheStale(true);
          // The kernel writes to a backing file as the daemon, whose writes take no bits away:
          // those to such a file must come here. Its mappings need not. And it goes on with direct
          // I/O where the descriptor has lost O_DIRECT, as at the end of a stream
          // (Request.isDirect),
          // which fails if the end is not aligned.
          opened.directIo = node.maySetIds() || isDirectStream(flags);
        }
      }
      case LOWER -> {
        opened.backingId = file.backingId;
        boolean exec = (flags & Linux.FMODE_EXEC) != 0;
        opened.directIo = !exec && !modes.isNative(node);
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
    overlay.pageUses.begin(node, file);
    file.opens++;
    if (writable) {
      file.writers++;
    }
    boolean mappable = isMappable(flags);
    if (mappable) {
      file.mappable++;
    }
    overlay.registered.opened(node);
    int alignment = (flags & Linux.O_DIRECT) != 0 ? directAlignment(node, file, opened) : 1;
    opened.handle = overlay.handles.add(new Handle(node, file, writable, mappable, alignment));
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
        || file.paged != null
        || node.isStored()
        || node.hasUpper()
        || node.isPartial()
        || node.isRemoved()) {
      return;
    }
    node.setStored();
    try {
      if (file.lower == null) {
        try (Place place = overlay.access.lowerData(node)) {
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
    LayerAccess access = overlay.access;
    try (Place place = node.hasUpperData() ? access.upper(node) : access.lowerData(node);
        Fd fd = LayerAccess.openPath(place)) {
      return Files.directAlignment(fd.number());
    }
  }

  /** Whether anybody can write the file at this moment. */
  boolean isWritable(Node node) {
    synchronized (overlay.nodeLocks.of(node)) {
      OpenFile file = node.openFile;
      return file != null && file.writers > 0;
    }
  }

  /** Ends a handle; what the kernel was not given is ignored. */
  void release(long number) {
    Handle handle = overlay.handles.remove(number);
    if (handle == null) {
      return;
    }
    Node node = handle.node();
    OpenFile file = handle.file();
    synchronized (overlay.nodeLocks.of(node)) {
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
      overlay.pageUses.end(node, file);
      boolean outdated =
          file.leftStable || file.partial || (file.mode.isLower() && node.hasUpperData());
      if (outdated || file.holdsWritable || node.isRemoved() || node.isSuperseded()) {
        overlay.registered.drop(node, file);
        return;
      }
    }
    overlay.registered.keep(node);
  }
}
