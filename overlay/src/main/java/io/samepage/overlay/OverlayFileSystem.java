package io.samepage.overlay;

import io.samepage.dedup.FileKey;
import io.samepage.dedup.SharingCounters;
import io.samepage.dedup.StableFiles;
import io.samepage.dedup.UsedPages;
import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.Connection;
import io.samepage.fuse.DataPieces;
import io.samepage.fuse.DirectoryPlusReply;
import io.samepage.fuse.DirectoryReply;
import io.samepage.fuse.Entry;
import io.samepage.fuse.FileLock;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.FileSystemStatistics;
import io.samepage.fuse.LockReply;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.StatFs;
import java.util.List;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * An overlay of layer directories as a file system for a transport: takes each request apart and
 * hands it to the class of its subject.
 */
public final class OverlayFileSystem implements FileSystem {
  private final OverlayConfig config;
  private final OverlayDirectories directories;
  private final @Nullable Sharing sharing;
  private final byte @Nullable [] upperPath;
  private final List<byte[]> lowerPaths;

  private volatile @Nullable Parts parts;

  /** What exists from init to destroy. */
  private record Parts(
      Overlay overlay,
      OpenFiles openFiles,
      Creation creation,
      Removal removal,
      Renames renames,
      Metadata metadata,
      DirectoryEntries entries,
      FileData data,
      Durability durability,
      PageMaps pageMaps) {}

  private OverlayFileSystem(
      OverlayConfig config,
      OverlayDirectories opened,
      @Nullable Sharing sharing,
      MountDirectories directories) {
    this.config = config;
    this.directories = opened;
    this.sharing = sharing;
    HostDirectory upper = directories.upper();
    this.upperPath = upper == null ? null : upper.path().toBytes();
    this.lowerPaths = directories.readOnly().stream().map(lower -> lower.path().toBytes()).toList();
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
    OverlayDirectories opened = OverlayDirectories.open(config, directories);
    Sharing sharing =
        stableFiles == null
            ? null
            : Sharing.open(stableFiles, opened.layers(), directories.readOnly());
    return new OverlayFileSystem(config, opened, sharing, directories);
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
    SharingCounters shared = sharing == null ? null : sharing.counters();
    return new OverlayCounters(
        overlay.nodes.size(),
        overlay.handles.size(),
        overlay.copyUp.count(),
        overlay.partialCopies == null ? 0 : overlay.partialCopies.count(),
        overlay.successors.breaks(),
        overlay.registered.fallbacks(),
        now.openFiles.pagedOpens(),
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

  /** Hands out every file that open nodes of this mount use as a whole, with how many they are. */
  public void forEachUsed(ObjLongConsumer<FileKey> visitor) {
    if (sharing != null) {
      sharing.forEachUsed(visitor);
    }
  }

  /** Hands out the ranges of files that open nodes of this mount use in part. */
  public void forEachUsedRange(UsedPages.Visitor visitor) {
    if (sharing != null) {
      sharing.forEachUsedRange(visitor);
    }
  }

  @Override
  public void init(Connection connection) throws ErrnoException {
    Overlay overlay = new Overlay(config, directories, connection, sharing);
    Truncation truncation = new Truncation(overlay);
    ModeChoice modes = new ModeChoice(overlay, new CoherencePolicy(config), sharing);
    OpenFiles openFiles = new OpenFiles(overlay, modes, truncation, sharing);
    DataDescriptors descriptors = new DataDescriptors(overlay, sharing);
    Removal removal = new Removal(overlay);
    Redirects redirects = new Redirects(overlay);
    parts =
        new Parts(
            overlay,
            openFiles,
            new Creation(overlay, redirects, openFiles),
            removal,
            new Renames(overlay, removal, redirects),
            new Metadata(overlay, openFiles, truncation),
            new DirectoryEntries(overlay),
            new FileData(overlay, descriptors),
            new Durability(overlay, descriptors),
            new PageMaps(overlay, sharing, upperPath, lowerPaths));
    overlay.resumePartials();
  }

  @Override
  public void destroy() {
    Parts now = parts;
    parts = null;
    if (now != null) {
      now.overlay.close();
    }
    directories.close();
    if (sharing != null) {
      sharing.close();
    }
  }

  // ------------------------------------------------------------------ names

  @Override
  public void lookup(Request request, long parent, byte[] name, Entry entry) throws ErrnoException {
    Parts now = parts();
    Overlay overlay = now.overlay;
    Directory directory = overlay.nodes.directory(parent);
    now.entries.lookedUp(request.pid(), parent);
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
    Parts now = parts();
    now.entries.read(now.overlay.nodes.directory(nodeid), offset, reply);
  }

  @Override
  public void readdirplus(Request request, long nodeid, long offset, DirectoryPlusReply reply)
      throws ErrnoException {
    Parts now = parts();
    now.entries.readPlus(request, now.overlay.nodes.directory(nodeid), offset, reply);
  }

  // ------------------------------------------------------------------ metadata

  @Override
  public void getattr(Request request, long nodeid, long handle, Attributes attributes)
      throws ErrnoException {
    Parts now = parts();
    Overlay overlay = now.overlay;
    Node node = overlay.node(nodeid);
    while (true) {
      try {
        now.metadata.get(node, attributes);
        break;
      } catch (ErrnoException e) {
        node = overlay.insteadOf(node, nodeid, e);
      }
    }
    overlay.forOldNodeid(nodeid, attributes);
  }

  @Override
  public void setattr(Request request, long nodeid, AttributeChange change, Attributes attributes)
      throws ErrnoException {
    Parts now = parts();
    Overlay overlay = now.overlay;
    if (change.setSize
        && change.handle == Opened.NO_HANDLE
        && overlay.nodes.get(nodeid).isSuperseded()) {
      throw ErrnoException.of(Errno.ESTALE); // by path: the kernel looks it up again
    }
    Node node = overlay.node(nodeid);
    while (true) {
      try {
        now.metadata.set(request, node, change, attributes);
        break;
      } catch (ErrnoException e) {
        if (change.setSize) {
          throw e; // what this supersedes itself is for the kernel to look up again
        }
        node = overlay.insteadOf(node, nodeid, e);
      } finally {
        overlay.changedBy(nodeid);
      }
    }
    overlay.forOldNodeid(nodeid, attributes);
  }

  @Override
  public void setxattr(
      Request request, long nodeid, byte[] name, byte[] value, int flags, boolean killSgid)
      throws ErrnoException {
    Parts now = parts();
    now.metadata.setXattr(now.overlay.node(nodeid), name, value, flags, killSgid);
    now.overlay.changedBy(nodeid);
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
    now.overlay.changedBy(nodeid);
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
    byte[] answer =
        now.overlay.onCurrent(nodeid, node -> now.metadata.ioctl(node, command, in, outSize));
    now.overlay.changedBy(nodeid);
    return answer;
  }

  @Override
  public void statfs(Request request, FileSystemStatistics statistics) throws ErrnoException {
    LayerStack layers = directories.layers();
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
    Parts now = parts();
    now.openFiles.open(request, now.overlay.nodes.get(nodeid), flags, killSuidgid, opened);
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
    now.openFiles.release(handle);
  }

  @Override
  public int read(
      Request request, long nodeid, long handle, long offset, int size, NativeBuffer out)
      throws ErrnoException {
    return parts().data.read(request, handle, offset, size, out);
  }

  @Override
  public boolean locate(
      Request request, long nodeid, long handle, long offset, int size, DataPieces pieces)
      throws ErrnoException {
    return parts().data.locate(request, handle, offset, size, pieces);
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
    return parts().data.write(request, handle, offset, address, size, killSuidgid);
  }

  @Override
  public void fallocate(
      Request request, long nodeid, long handle, long offset, long length, int mode)
      throws ErrnoException {
    parts().data.allocate(request, handle, offset, length, mode);
  }

  @Override
  public long lseek(Request request, long nodeid, long handle, long offset, int whence)
      throws ErrnoException {
    return parts().data.seek(handle, offset, whence);
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
    return parts().data.copyRange(request, handleIn, offsetIn, handleOut, offsetOut, length);
  }

  @Override
  public void fsync(Request request, long nodeid, long handle, boolean dataOnly)
      throws ErrnoException {
    Parts now = parts();
    now.durability.file(nodeid, handle, dataOnly);
  }

  @Override
  public void fsyncdir(Request request, long nodeid, boolean dataOnly) throws ErrnoException {
    Parts now = parts();
    now.durability.directory(nodeid);
  }

  @Override
  public void syncfs(Request request) throws ErrnoException {
    parts().durability.all();
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
