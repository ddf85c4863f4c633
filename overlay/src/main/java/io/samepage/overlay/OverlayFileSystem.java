package io.samepage.overlay;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.PagedFile;
import io.samepage.dedup.StableFiles;
import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import io.samepage.fuse.DirectoryPlusReply;
import io.samepage.fuse.DirectoryReply;
import io.samepage.fuse.Entry;
import io.samepage.fuse.FileLock;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.FileSystemStatistics;
import io.samepage.fuse.LockReply;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.overlay.Handles.Handle;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.Partials.Use;
import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Processes;
import io.samepage.posix.Stat;
import io.samepage.posix.StatFs;
import java.lang.ref.Reference;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * An overlay of layer directories as a file system for a transport: takes each request apart and
 * hands it to the class of its subject.
 */
public final class OverlayFileSystem implements FileSystem {
  private static final int PAGE_MASK = 4095;
  private static final int COPIED_AT_ONCE = 1 << 20;

  private final OverlayConfig config;
  private final LayerStack layers;
  private final @Nullable WorkDirectory work;
  private final @Nullable HardLinkIndex index;
  private final @Nullable PartialDirectory partialDirectory;
  private final byte[] partialLayers;
  private final @Nullable Sharing sharing;
  private final byte @Nullable [] upperPath;
  private final List<byte[]> lowerPaths;
  private final Handles handles = new Handles();
  private final LookAhead lookAhead = new LookAhead();

  private volatile @Nullable Parts parts;

  /** What exists from init to destroy. */
  private record Parts(
      Overlay overlay,
      Creation creation,
      Removal removal,
      Renames renames,
      Metadata metadata,
      PageMaps pageMaps) {}

  private OverlayFileSystem(
      OverlayConfig config,
      LayerStack layers,
      @Nullable WorkDirectory work,
      @Nullable HardLinkIndex index,
      @Nullable PartialDirectory partialDirectory,
      @Nullable Sharing sharing,
      MountDirectories directories)
      throws ErrnoException {
    this.config = config;
    this.layers = layers;
    this.work = work;
    this.index = index;
    this.partialDirectory = partialDirectory;
    this.partialLayers = PartialLayers.describe(config, directories);
    this.sharing = sharing;
    HostDirectory upper = directories.upper();
    this.upperPath = upper == null ? null : upper.path().toBytes();
    this.lowerPaths = directories.lower().stream().map(lower -> lower.path().toBytes()).toList();
  }

  /**
   * Opens the layers of a mount that has been checked; the directories stay the caller's.
   *
   * @param stableFiles what names the files whose pages lower files use, closed with this; null if
   *     each is to use its own
   */
  public static OverlayFileSystem open(
      OverlayConfig config, MountDirectories directories, @Nullable StableFiles stableFiles)
      throws ErrnoException {
    LayerStack layers = LayerStack.open(directories.upper(), directories.lower());
    HostDirectory workdir = directories.work();
    WorkDirectory work = null;
    try {
      HardLinkIndex index = null;
      PartialDirectory partialDirectory = null;
      if (workdir != null && !config.readOnly()) {
        work = WorkDirectory.open(workdir.fd());
        partialDirectory = PartialDirectory.open(workdir.fd());
        if (config.index()) {
          index =
              new HardLinkIndex(
                  WorkDirectory.openIndex(workdir.fd()), new OverlayXattrs(config.userXattrs()));
        }
      }
      Sharing sharing =
          stableFiles == null ? null : Sharing.open(stableFiles, layers, directories.lower());
      return new OverlayFileSystem(
          config, layers, work, index, partialDirectory, sharing, directories);
    } catch (ErrnoException e) {
      if (work != null) {
        work.close();
      }
      layers.close();
      throw e;
    }
  }

  private Parts parts() throws ErrnoException {
    Parts now = parts;
    if (now == null) {
      throw ErrnoException.of(Errno.EIO);
    }
    return now;
  }

  private Overlay overlay() throws ErrnoException {
    return parts().overlay;
  }

  /** What this mount has done so far. */
  public OverlayCounters counters() {
    Parts now = parts;
    if (now == null) {
      return new OverlayCounters(0, 0, 0, 0, 0, 0, 0, null, 0);
    }
    Overlay overlay = now.overlay;
    StableFiles.Counters shared = sharing == null ? null : sharing.counters();
    return new OverlayCounters(
        overlay.nodes.size(),
        handles.size(),
        overlay.copyUp.count(),
        overlay.partialCopies == null ? 0 : overlay.partialCopies.count(),
        overlay.openFiles.breaks(),
        overlay.openFiles.fallbacks(),
        overlay.openFiles.pagedOpens(),
        shared,
        sharing == null ? 0 : sharing.bookkeepingBytes());
  }

  /**
   * Which pages a file uses: ESTALE if the kernel does not know the nodeid any more, EINVAL if it
   * is no regular file. It may look at the file below, and wait for the disk.
   */
  public PageMap pageMap(long nodeid) throws ErrnoException {
    return parts().pageMaps.of(nodeid);
  }

  /** How many open nodes of this mount use the pages of a file of a layer. */
  public int userCount(FileKey file) {
    return sharing == null ? 0 : sharing.userCount(file);
  }

  /** How many open nodes of this mount use some of a range of pages of a file of a layer. */
  public int userCount(FileKey file, long firstPage, long pages) {
    return sharing == null ? 0 : sharing.userCount(file, firstPage, pages);
  }

  /** Hands out every file whose pages open nodes of this mount use, with how many they are. */
  public void forEachUsed(ObjLongConsumer<FileKey> visitor) {
    if (sharing != null) {
      sharing.forEachUsed(visitor);
    }
  }

  @Override
  public void init(Connection connection) throws ErrnoException {
    // A quarter of what may be open; the rest is for files.
    int limit = (int) Math.max(64, Math.min(4096, Processes.descriptorLimit() / 4));
    Overlay overlay =
        new Overlay(
            config,
            layers,
            work,
            index,
            partialDirectory,
            partialLayers,
            handles,
            limit,
            connection,
            sharing);
    Removal removal = new Removal(overlay);
    Redirects redirects = new Redirects(overlay);
    parts =
        new Parts(
            overlay,
            new Creation(overlay, redirects),
            removal,
            new Renames(overlay, removal, redirects),
            new Metadata(overlay),
            new PageMaps(overlay, sharing, upperPath, lowerPaths));
    overlay.resumePartials();
  }

  /** Completes what earlier mounts have left copied up in part, and closes this: for no mount. */
  PendingCopies.Outcome completePartialCopies(Consumer<ByteString> completed)
      throws ErrnoException {
    try {
      init(new Unconnected());
      return overlay().completePartials(completed);
    } finally {
      destroy();
    }
  }

  /** There is no kernel that keeps anything. */
  private static final class Unconnected implements Connection {
    @Override
    public @Nullable BackingFiles backingFiles() {
      return null;
    }

    @Override
    public void invalidateInode(long nodeid, long offset, long length) {}

    @Override
    public void invalidateAttributes(long nodeid) {}

    @Override
    public void invalidateEntry(long parent, byte[] name) {}
  }

  @Override
  public void destroy() {
    Parts now = parts;
    parts = null;
    if (now != null) {
      now.overlay.close();
    } else {
      layers.close();
    }
    if (sharing != null) {
      sharing.close();
    }
  }

  // ------------------------------------------------------------------ names

  @Override
  public void lookup(Request request, long parent, byte[] name, Entry entry) throws ErrnoException {
    Overlay overlay = overlay();
    Directory directory = overlay.nodes.directory(parent);
    lookAhead.lookedUp(request.pid(), parent);
    overlay.tree.readLock().lock();
    try {
      synchronized (directory) {
        overlay.lookup(directory, name, entry);
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  @Override
  public void forget(long nodeid, long count) {
    Parts now = parts;
    if (now != null) {
      now.overlay.forget(nodeid, count);
    }
  }

  @Override
  public byte[] readlink(Request request, long nodeid) throws ErrnoException {
    Overlay overlay = overlay();
    Node node = overlay.node(nodeid);
    overlay.tree.readLock().lock();
    try (Place place = overlay.access.metadata(node)) {
      return Files.readlink(place.dirfd(), place.name());
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  @Override
  public void mknod(
      Request request, long parent, byte[] name, int mode, int umask, int rdev, Entry entry)
      throws ErrnoException {
    Parts now = parts();
    Directory directory = now.overlay.nodes.directory(parent);
    now.creation.mknod(request, directory, name, mode, umask, rdev, entry);
  }

  @Override
  public void mkdir(Request request, long parent, byte[] name, int mode, int umask, Entry entry)
      throws ErrnoException {
    Parts now = parts();
    now.creation.mkdir(request, now.overlay.nodes.directory(parent), name, mode, umask, entry);
  }

  @Override
  public void symlink(Request request, long parent, byte[] name, byte[] target, Entry entry)
      throws ErrnoException {
    Parts now = parts();
    now.creation.symlink(request, now.overlay.nodes.directory(parent), name, target, entry);
  }

  @Override
  public void link(Request request, long nodeid, long newParent, byte[] newName, Entry entry)
      throws ErrnoException {
    Parts now = parts();
    Directory directory = now.overlay.nodes.directory(newParent);
    now.overlay.onCurrent(
        nodeid,
        node -> {
          now.creation.link(node, directory, newName, entry);
          return node;
        });
  }

  @Override
  public void unlink(Request request, long parent, byte[] name) throws ErrnoException {
    Parts now = parts();
    now.removal.unlink(now.overlay.nodes.directory(parent), name);
  }

  @Override
  public void rmdir(Request request, long parent, byte[] name) throws ErrnoException {
    Parts now = parts();
    now.removal.rmdir(now.overlay.nodes.directory(parent), name);
  }

  @Override
  public void rename(
      Request request, long parent, byte[] name, long newParent, byte[] newName, int flags)
      throws ErrnoException {
    Parts now = parts();
    NodeTable nodes = now.overlay.nodes;
    now.renames.rename(nodes.directory(parent), name, nodes.directory(newParent), newName, flags);
  }

  @Override
  public void readdir(Request request, long nodeid, long offset, DirectoryReply reply)
      throws ErrnoException {
    Overlay overlay = overlay();
    Directory directory = overlay.nodes.directory(nodeid);
    overlay.tree.readLock().lock();
    try {
      synchronized (directory) {
        if (offset < Listing.SELF_OFFSET
            && !reply.add(Names.SELF, directory.ino(), Linux.DT_DIR, Listing.SELF_OFFSET)) {
          return;
        }
        if (offset < Listing.PARENT_OFFSET
            && !reply.add(PARENT, parentIno(directory), Linux.DT_DIR, Listing.PARENT_OFFSET)) {
          return;
        }
        Listing listing = overlay.reader.list(directory);
        for (int i = listing.after(offset); i < listing.size(); i++) {
          byte[] name = listing.name(i);
          if (name.length == 0) {
            continue;
          }
          long ino = inoOf(overlay, directory, listing, i);
          if (ino == 0) {
            continue;
          }
          if (!reply.add(name, ino, listing.type(i), listing.offset(i))) {
            return;
          }
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  /**
   * The inode number of a name that is listed; 0 if nobody can find it, or if that fails: then it
   * is left out (ovl_cache_update_ino in fs/overlayfs/readdir.c).
   */
  private static long inoOf(Overlay overlay, Directory directory, Listing listing, int i) {
    long ino = listing.ino(i);
    if (ino != 0) {
      return ino;
    }
    try {
      Node node = overlay.peek(directory, listing.name(i));
      return node == null ? 0 : node.ino();
    } catch (ErrnoException e) {
      return 0;
    }
  }

  private static final byte[] PARENT = {'.', '.'};

  private static long parentIno(Directory directory) {
    Directory parent = directory.parent();
    return parent == null ? directory.ino() : parent.ino();
  }

  @Override
  public void readdirplus(Request request, long nodeid, long offset, DirectoryPlusReply reply)
      throws ErrnoException {
    Overlay overlay = overlay();
    Directory directory = overlay.nodes.directory(nodeid);
    overlay.tree.readLock().lock();
    try {
      synchronized (directory) {
        if (offset < Listing.SELF_OFFSET
            && !dots(reply, Names.SELF, directory.ino(), Listing.SELF_OFFSET)) {
          return;
        }
        if (offset < Listing.PARENT_OFFSET
            && !dots(reply, PARENT, parentIno(directory), Listing.PARENT_OFFSET)) {
          return;
        }
        boolean wanted = lookAhead.isWanted(request.pid(), nodeid, offset == 0);
        boolean sample = true;
        Listing listing = overlay.reader.list(directory);
        for (int i = listing.after(offset); i < listing.size(); i++) {
          byte[] name = listing.name(i);
          if (name.length == 0) {
            continue;
          }
          if (!reply.fits(name)) {
            return;
          }
          Entry entry = reply.entry();
          entry.nodeid = 0;
          if (wanted && !(sample && lookAhead.isSample(request.pid(), listing.size() - i))) {
            try {
              overlay.lookup(directory, name, entry);
            } catch (ErrnoException e) {
              // Listed all the same: whoever uses the name gets the error then.
              entry.nodeid = 0;
            }
          }
          sample = false;
          if (entry.nodeid == 0) {
            long ino = inoOf(overlay, directory, listing, i);
            if (ino == 0) {
              continue;
            }
            entry.attributes.ino = ino;
            entry.attributes.mode = listing.type(i) << 12;
          }
          reply.add(name, listing.offset(i));
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  private static boolean dots(DirectoryPlusReply reply, byte[] name, long ino, long offset) {
    if (!reply.fits(name)) {
      return false;
    }
    Entry entry = reply.entry();
    entry.nodeid = 0;
    entry.attributes.ino = ino;
    entry.attributes.mode = Linux.S_IFDIR;
    reply.add(name, offset);
    return true;
  }

  // ------------------------------------------------------------------ metadata

  @Override
  public void getattr(Request request, long nodeid, long handle, Attributes attributes)
      throws ErrnoException {
    Parts now = parts();
    now.overlay.onCurrent(
        nodeid,
        node -> {
          now.metadata.get(node, attributes);
          return node;
        });
    now.overlay.forOldNodeid(nodeid, attributes);
  }

  @Override
  public void setattr(Request request, long nodeid, AttributeChange change, Attributes attributes)
      throws ErrnoException {
    Parts now = parts();
    if (change.setSize
        && change.handle == Opened.NO_HANDLE
        && now.overlay.nodes.get(nodeid).isSuperseded()) {
      throw ErrnoException.of(Errno.ESTALE); // by path: the kernel looks it up again
    }
    if (change.setSize) {
      // What this supersedes itself is for the kernel to look up again.
      now.metadata.set(request, now.overlay.node(nodeid), change, attributes);
    } else {
      now.overlay.onCurrent(
          nodeid,
          node -> {
            now.metadata.set(request, node, change, attributes);
            return node;
          });
    }
    now.overlay.forOldNodeid(nodeid, attributes);
  }

  @Override
  public void setxattr(
      Request request, long nodeid, byte[] name, byte[] value, int flags, boolean killSgid)
      throws ErrnoException {
    Parts now = parts();
    now.metadata.setXattr(now.overlay.node(nodeid), name, value, flags, killSgid);
  }

  @Override
  public byte[] getxattr(Request request, long nodeid, byte[] name) throws ErrnoException {
    Parts now = parts();
    return now.overlay.onCurrent(nodeid, node -> now.metadata.getXattr(node, name));
  }

  @Override
  public byte[] listxattr(Request request, long nodeid) throws ErrnoException {
    Parts now = parts();
    return now.overlay.onCurrent(nodeid, node -> now.metadata.listXattrs(request, node));
  }

  @Override
  public void removexattr(Request request, long nodeid, byte[] name) throws ErrnoException {
    Parts now = parts();
    now.metadata.removeXattr(now.overlay.node(nodeid), name);
  }

  @Override
  public byte[] ioctl(
      Request request,
      long nodeid,
      long handle,
      boolean directory,
      int command,
      byte[] in,
      int outSize)
      throws ErrnoException {
    Parts now = parts();
    return now.overlay.onCurrent(nodeid, node -> now.metadata.ioctl(node, command, in, outSize));
  }

  @Override
  public void statfs(Request request, FileSystemStatistics statistics) throws ErrnoException {
    Layer upper = layers.upper();
    StatFs statfs = new StatFs();
    Files.statfs(upper != null ? upper.rootFd() : layers.lowers().get(0).rootFd(), statfs);
    statistics.blocks = statfs.blocks;
    statistics.blocksFree = statfs.blocksFree;
    statistics.blocksAvailable = statfs.blocksAvailable;
    statistics.files = statfs.files;
    statistics.filesFree = statfs.filesFree;
    statistics.blockSize = (int) statfs.blockSize;
    statistics.fragmentSize = (int) statfs.fragmentSize;
    statistics.nameMax = (int) statfs.nameLength;
  }

  // ------------------------------------------------------------------ data

  @Override
  public void open(Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
      throws ErrnoException {
    Overlay overlay = overlay();
    overlay.openFiles.open(request, overlay.nodes.get(nodeid), flags, killSuidgid, opened);
  }

  @Override
  public void create(
      Request request,
      long parent,
      byte[] name,
      int flags,
      int mode,
      int umask,
      Entry entry,
      Opened opened)
      throws ErrnoException {
    Parts now = parts();
    Directory directory = now.overlay.nodes.directory(parent);
    now.creation.create(request, directory, name, flags, mode, umask, entry, opened);
  }

  @Override
  public void tmpfile(
      Request request, long parent, int flags, int mode, int umask, Entry entry, Opened opened)
      throws ErrnoException {
    Parts now = parts();
    Directory directory = now.overlay.nodes.directory(parent);
    now.creation.tmpfile(request, directory, flags, mode, umask, entry, opened);
  }

  @Override
  public int read(
      Request request, long nodeid, long handle, long offset, int size, NativeBuffer out)
      throws ErrnoException {
    Handle open = handles.get(handle);
    try (Use partial = overlay().openFiles.partial(open)) {
      if (partial != null) {
        if (!open.isAligned(offset, size) && offset < partial.file().size()) {
          throw ErrnoException.of(Errno.EINVAL);
        }
        return partial.file().read(offset, size, out);
      }
    }
    int fd = overlay().openFiles.readable(open);
    if (!open.isAligned(offset, size)) {
      Stat stat = new Stat();
      Files.stat(fd, stat);
      if (offset >= stat.size) {
        return 0;
      }
      throw ErrnoException.of(Errno.EINVAL);
    }
    OpenFiles files = overlay().openFiles;
    PagedFile paged = files.paged(open);
    try {
      return paged != null ? paged.read(fd, offset, size, out) : read(fd, offset, size, out);
    } catch (ErrnoException e) {
      if (!files.recover(open, e)) {
        throw e;
      }
      return read(files.readable(open), offset, size, out);
    }
  }

  @Override
  public int readDescriptor(Request request, long nodeid, long handle, long offset, int size)
      throws ErrnoException {
    Handle open = handles.get(handle);
    OpenFiles files = overlay().openFiles;
    if (open.alignment() > 1 || files.isPartial(open)) {
      return -1;
    }
    int fd = files.readable(open);
    PagedFile paged = files.paged(open);
    return paged == null ? fd : paged.descriptor(fd, offset, size);
  }

  private static int read(int fd, long offset, int size, NativeBuffer out) throws ErrnoException {
    int done = 0;
    while (done < size) {
      int got = Files.pread(fd, out.address() + done, size - done, offset + done);
      if (got == 0) {
        break;
      }
      done += got;
      if ((got & PAGE_MASK) != 0) {
        break; // nothing but the end of a file stops a read within a page
      }
    }
    return done;
  }

  @Override
  public int write(
      Request request,
      long nodeid,
      long handle,
      long offset,
      long address,
      int size,
      boolean killSuidgid,
      boolean writeback)
      throws ErrnoException {
    Handle open = handles.get(handle);
    if (!open.isAligned(offset, size)) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    OpenFiles openFiles = overlay().openFiles;
    try (Use partial = openFiles.partialForWriting(open)) {
      if (partial != null) {
        return partial.file().write(offset, size, address); // of a file without set-id bits
      }
    }
    int fd = openFiles.writable(open);
    int written = Files.pwrite(fd, address, size, offset);
    if (killSuidgid && open.node().maySetIds()) {
      Privileges.dropSetIds(request, fd);
      openFiles.modeChanged(open.node());
    }
    return written;
  }

  @Override
  public void flush(Request request, long nodeid, long handle, long lockOwner)
      throws ErrnoException {
    Overlay overlay = overlay();
    overlay.locks.releaseOwner(overlay.lockKey(nodeid), lockOwner);
  }

  @Override
  public void release(Request request, long nodeid, long handle, long flockOwner) {
    Parts now = parts;
    if (now == null) {
      return;
    }
    try {
      now.overlay.locks.releaseHandle(now.overlay.lockKey(nodeid), handle, flockOwner);
    } catch (ErrnoException e) {
      // A node that is gone holds no locks.
    }
    now.overlay.openFiles.release(handle);
  }

  @Override
  public void fsync(Request request, long nodeid, long handle, boolean dataOnly)
      throws ErrnoException {
    Overlay overlay = overlay();
    if (config.volatileUpper()) {
      return;
    }
    PartialCopies copies = overlay.partialCopies;
    try (Use partial = overlay.openFiles.partial(handles.get(handle))) {
      if (partial != null && copies != null) {
        copies.sync(partial);
        return;
      }
    }
    if (!overlay.node(nodeid).hasUpper()) {
      return;
    }
    int fd = overlay.openFiles.readable(handles.get(handle));
    if (dataOnly) {
      Files.fdatasync(fd);
    } else {
      Files.fsync(fd);
    }
  }

  @Override
  public void fsyncdir(Request request, long nodeid, boolean dataOnly) throws ErrnoException {
    Overlay overlay = overlay();
    Node node = overlay.node(nodeid);
    if (config.volatileUpper() || !node.hasUpper()) {
      return;
    }
    Fd fd;
    overlay.tree.readLock().lock();
    try (Place place = overlay.access.upper(node)) {
      fd = LayerAccess.open(place, Linux.O_RDONLY | Linux.O_DIRECTORY);
    } finally {
      overlay.tree.readLock().unlock();
    }
    try (fd) {
      Files.fsync(fd.number());
    }
  }

  @Override
  public void syncfs(Request request) throws ErrnoException {
    Layer upper = layers.upper();
    if (upper != null && !config.volatileUpper()) {
      Files.syncfs(upper.handleFd());
    }
  }

  @Override
  public void fallocate(
      Request request, long nodeid, long handle, long offset, long length, int mode)
      throws ErrnoException {
    Handle open = handles.get(handle);
    Protection.checkAllocation(open.node(), mode);
    OpenFiles openFiles = overlay().openFiles;
    int fd = openFiles.writable(open);
    Files.fallocate(fd, mode, offset, length);
    if (open.node().maySetIds()) {
      Privileges.dropSetIdsUnlessPrivileged(request, fd);
      openFiles.modeChanged(open.node());
    }
  }

  @Override
  public long lseek(Request request, long nodeid, long handle, long offset, int whence)
      throws ErrnoException {
    OpenFiles openFiles = overlay().openFiles;
    Handle open = handles.get(handle);
    try (Use partial = openFiles.partial(open)) {
      if (partial != null) {
        return partial.file().seek(offset, whence);
      }
    }
    return Files.seek(openFiles.readable(open), offset, whence);
  }

  @Override
  public long copyFileRange(
      Request request,
      long nodeidIn,
      long handleIn,
      long offsetIn,
      long nodeidOut,
      long handleOut,
      long offsetOut,
      long length)
      throws ErrnoException {
    OpenFiles open = overlay().openFiles;
    Handle in = handles.get(handleIn);
    Handle out = handles.get(handleOut);
    Protection.checkAllocation(out.node(), 0);
    try (Use from = open.partial(in);
        Use to = open.partialForWriting(out)) {
      if (from != null || to != null) {
        long pages = copyPages(in, from, offsetIn, out, to, offsetOut, length);
        if (to == null && out.node().maySetIds()) {
          Privileges.dropSetIdsUnlessPrivileged(request, open.writable(out));
          open.modeChanged(out.node());
        }
        return pages;
      }
    }
    int fd = open.writable(out);
    long copied;
    try {
      copied = Files.copyRange(open.readable(in), offsetIn, fd, offsetOut, length);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EIO || !open.recover(in, e)) {
        throw e;
      }
      copied = Files.copyRange(open.readable(in), offsetIn, fd, offsetOut, length);
    }
    if (out.node().maySetIds()) {
      Privileges.dropSetIdsUnlessPrivileged(request, fd);
      open.modeChanged(out.node());
    }
    return copied;
  }

  /** Copies some bytes where at least one of the files is not whole in one place. */
  private long copyPages(
      Handle in,
      @Nullable Use from,
      long offsetIn,
      Handle out,
      @Nullable Use to,
      long offsetOut,
      long length)
      throws ErrnoException {
    OpenFiles open = overlay().openFiles;
    NativeBuffer buffer = NativeBuffer.allocate((int) Math.min(length, COPIED_AT_ONCE));
    try {
      int got =
          from != null
              ? from.file().read(offsetIn, buffer.capacity(), buffer)
              : read(open.readable(in), offsetIn, buffer.capacity(), buffer);
      if (got == 0) {
        return 0;
      }
      return to != null
          ? to.file().write(offsetOut, got, buffer.address())
          : Files.pwrite(open.writable(out), buffer.address(), got, offsetOut);
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  // ------------------------------------------------------------------ locks

  @Override
  public FileLock getlk(Request request, long nodeid, long handle, long lockOwner, FileLock lock)
      throws ErrnoException {
    Overlay overlay = overlay();
    return overlay.locks.test(overlay.lockKey(nodeid), lockOwner, lock);
  }

  @Override
  public void setlk(
      Request request,
      long nodeid,
      long handle,
      long lockOwner,
      FileLock lock,
      boolean flock,
      boolean wait,
      LockReply reply)
      throws ErrnoException {
    Overlay overlay = overlay();
    overlay.locks.set(overlay.lockKey(nodeid), handle, lockOwner, lock, flock, wait, reply);
  }
}
