package io.samepage.overlay;

import io.samepage.fuse.Connection;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Brings files and directories up before they are changed (fs/overlayfs/copy_up.c). A copy is made
 * complete in the work directory, with mode, owner, times, attributes, ACLs and holes, synced, and
 * then renamed in; a crash leaves the lower file or the whole copy.
 *
 * <p>Callers do not hold the tree lock. Copying data takes the monitor of the file alone, so that a
 * large file holds up nobody but those who wait for it; only the last step takes the tree lock and
 * the monitor of the directory.
 */
final class CopyUp {
  private static final int CHUNK = 64 << 20;
  private static final byte[] ACL_PREFIX = Names.ascii("system.posix_acl_");
  private static final byte[] CAPABILITY = Names.ascii("security.capability");
  private static final byte[] SECURITY_PREFIX = Names.ascii("security.");

  private final LayerAccess access;
  private final OverlayXattrs xattrs;
  private final OverlayConfig config;
  private final Descriptors descriptors;
  private final DirectoryReader reader;
  private final @Nullable WorkDirectory work;
  private final @Nullable HardLinkIndex index;
  private final ReentrantReadWriteLock tree;
  private final Connection connection;
  private final Object directoryCopyUp = new Object();
  private final LongAdder copyUps = new LongAdder();

  /** Set before the first request. */
  private @Nullable PartialCompletion completion;

  CopyUp(
      LayerAccess access,
      OverlayXattrs xattrs,
      OverlayConfig config,
      Descriptors descriptors,
      DirectoryReader reader,
      @Nullable WorkDirectory work,
      @Nullable HardLinkIndex index,
      ReentrantReadWriteLock tree,
      Connection connection) {
    this.access = access;
    this.xattrs = xattrs;
    this.config = config;
    this.descriptors = descriptors;
    this.reader = reader;
    this.work = work;
    this.index = index;
    this.tree = tree;
    this.connection = connection;
  }

  /** Says how files that are partly above are completed. */
  void completeWith(PartialCompletion partialCompletion) {
    completion = partialCompletion;
  }

  /** How much of a file is wanted above. */
  enum Extent {
    /** Metadata; data may stay below where the mount allows that. */
    METADATA,
    /** All. */
    DATA,
    /** All but the data, which are about to be cut off. */
    EMPTY
  }

  /** Files and directories brought up since the mount. */
  long count() {
    return copyUps.sum();
  }

  private WorkDirectory work() throws ErrnoException {
    if (config.readOnly() || work == null) {
      throw ErrnoException.of(Errno.EROFS);
    }
    return work;
  }

  /** Brings up a directory and all above it. */
  void directory(Directory directory) throws ErrnoException {
    if (directory.hasUpper()) {
      return;
    }
    work();
    synchronized (directoryCopyUp) {
      bringDirectory(directory);
    }
  }

  private void bringDirectory(Directory directory) throws ErrnoException {
    if (directory.hasUpper()) {
      return;
    }
    Directory parent = parentOf(directory);
    if (parent == null) {
      throw ErrnoException.of(Errno.ESTALE); // removed, or the root of a mount without upper
    }
    bringDirectory(parent);
    single(directory, Extent.DATA);
  }

  private @Nullable Directory parentOf(Node node) {
    tree.readLock().lock();
    try {
      return node.parent();
    } finally {
      tree.readLock().unlock();
    }
  }

  /** Brings up a file or directory, and the directories above it. */
  void node(Node node, Extent extent) throws ErrnoException {
    if (isDone(node, extent)) {
      return;
    }
    if (node instanceof Directory directory) {
      directory(directory);
      return;
    }
    work();
    Directory parent = parentOf(node);
    if (parent != null) {
      directory(parent);
    }
    synchronized (node) {
      if (isDone(node, extent)) {
        return;
      }
      if (node.hasUpper()) {
        completeMetacopy(node, extent);
      } else if (node.isPartial() && completion != null) {
        completion.complete(node, extent);
        copyUps.increment();
        connection.invalidateAttributes(node.nodeid); // its ctime, and how many blocks it has
      } else {
        single(node, extent);
      }
    }
  }

  /** Gives the file a name in the upper layer where only its index entry is there so far. */
  void name(Node node, Directory parent, byte[] name) throws ErrnoException {
    node(node, Extent.METADATA);
    HardLinkIndex links = index;
    if (!node.isIndexed() || links == null) {
      return;
    }
    directory(parent);
    tree.readLock().lock();
    try {
      synchronized (parent) {
        linkUp(node, parent, name, links);
      }
      forgetAttributes(parent);
    } finally {
      tree.readLock().unlock();
    }
  }

  /** Like {@link #name}, where the caller holds the tree lock and the directory's monitor. */
  private void linkUp(Node node, Directory parent, byte[] name, HardLinkIndex links)
      throws ErrnoException {
    Stat stat = new Stat();
    try (var above = descriptors.upper(parent)) {
      if (Files.tryStat(above.number(), name, stat) == 0) {
        return;
      }
      try (Fd fd = access.openMetadata(node)) {
        Files.stat(fd.number(), stat);
        int nlink = links.nlink(fd.number(), stat, access.lowerNlink(fd));
        Times times = Times.of(above.number());
        Files.link(fd.number(), above.number(), name);
        links.storeNlink(fd.number(), nlink, stat.nlink + 1);
        times.restore(above.number());
      }
    }
  }

  private static boolean isDone(Node node, Extent extent) {
    return node.hasUpper() && (extent == Extent.METADATA || !node.isMetacopy());
  }

  // ------------------------------------------------------------------ one file

  private void single(Node node, Extent extent) throws ErrnoException {
    WorkDirectory staging = work();
    byte[] temporary = staging.temporaryName();
    boolean done = false;
    try {
      Copy copy = prepare(node, extent, staging, temporary);
      publish(node, staging, temporary, copy);
      done = true;
    } finally {
      if (!done) {
        staging.discard(temporary);
      }
    }
    copyUps.increment();
    // Its ctime is new, and the links of a directory that is merged now are not counted any more.
    // The
    // kernel does not know: the request was to open it, or for something in it.
    connection.invalidateAttributes(node.nodeid);
  }

  /**
   * What was made in the work directory.
   *
   * @param metacopy whether it has no data
   * @param linked whether it goes into the index
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Copy(byte[] origin, boolean metacopy, boolean linked) {}

  private Copy prepare(Node node, Extent extent, WorkDirectory staging, byte[] temporary)
      throws ErrnoException {
    Stat stat = new Stat();
    try (Fd source = openSource(node, stat);
        Fd data = openData(node, stat, extent)) {
      Layer layer = layerOf(node);
      byte[] origin = Origin.encode(layer, source.number(), Names.EMPTY);
      boolean linked = index != null && stat.nlink > 1 && !stat.isDirectory() && origin.length > 0;
      boolean metacopy =
          config.metacopy() && extent == Extent.METADATA && stat.isRegular() && stat.size > 0;
      create(staging.fd(), temporary, stat, source);
      try (Fd copy =
          new Fd(Files.open(staging.fd(), temporary, Linux.O_PATH | Linux.O_NOFOLLOW, 0))) {
        fill(stat, source, data, copy, extent, metacopy);
        mark(copy, origin, metacopy);
        protect(node, stat, copy);
        if (linked && index != null) {
          index.storeNlink(copy.number(), stat.nlink, 2);
        }
        // Last, since all that went before touches the times or the mode.
        setMetadata(stat, copy, extent);
      }
      return new Copy(origin, metacopy, linked);
    }
  }

  Fd openSource(Node node, Stat stat) throws ErrnoException {
    tree.readLock().lock();
    try (Place place = access.metadata(node)) {
      Files.stat(place.dirfd(), place.name(), stat);
      return LayerAccess.openPath(place);
    } finally {
      tree.readLock().unlock();
    }
  }

  private @Nullable Fd openData(Node node, Stat stat, Extent extent) throws ErrnoException {
    if (!stat.isRegular() || extent == Extent.EMPTY || stat.size == 0) {
      return null;
    }
    try (Place below = access.lowerData(node)) {
      return LayerAccess.open(below, Linux.O_RDONLY);
    }
  }

  static Layer layerOf(Node node) {
    LayerDirectory directory =
        node instanceof SplitNode split
            ? split.metadataDirectory()
            : node instanceof Directory merged ? merged.lowers()[0] : node.lowerDirectory();
    if (directory == null) {
      throw new IllegalStateException("a lower file without a layer");
    }
    return directory.layer();
  }

  private static void create(int dirfd, byte[] name, Stat stat, Fd source) throws ErrnoException {
    switch (stat.type()) {
      case Linux.S_IFDIR -> Files.mkdir(dirfd, name, 0700);
      case Linux.S_IFLNK ->
          Files.symlink(Files.readlink(source.number(), Names.EMPTY), dirfd, name);
      case Linux.S_IFREG ->
          Files.close(Files.open(dirfd, name, Linux.O_WRONLY | Linux.O_CREAT | Linux.O_EXCL, 0600));
      default -> Files.mknod(dirfd, name, stat.type() | 0600, stat.rdev());
    }
  }

  private void fill(
      Stat stat, Fd source, @Nullable Fd data, Fd copy, Extent extent, boolean metacopy)
      throws ErrnoException {
    if (stat.isRegular()) {
      fillData(stat, data, copy, extent, metacopy);
    }
    // A change of owner takes capabilities away, and so does a write: they come after both.
    Files.chown(copy.number(), Names.EMPTY, stat.uid, stat.gid);
    copyXattrs(source.number(), copy.number());
  }

  private void fillData(Stat stat, @Nullable Fd data, Fd copy, Extent extent, boolean metacopy)
      throws ErrnoException {
    try (Fd out = new Fd(Files.reopen(copy.number(), Linux.O_WRONLY))) {
      if (extent != Extent.EMPTY && stat.size > 0) {
        if (metacopy) {
          Files.truncate(out.number(), stat.size);
        } else if (data != null) {
          copyData(data.number(), out.number(), stat.size);
        }
      }
      if (!config.volatileUpper()) {
        // The rename must not reach the disk before the data: the lower file was safe there.
        Files.fsync(out.number());
      }
    }
  }

  void mark(Fd copy, byte[] origin, boolean metacopy) throws ErrnoException {
    try {
      Xattrs.set(copy.number(), Names.EMPTY, xattrs.origin, origin, 0);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EOPNOTSUPP && e.errno() != Errno.EPERM) {
        throw e; // only user.* on something that cannot have any: its number changes, no more
      }
    }
    if (!metacopy) {
      return;
    }
    Xattrs.set(copy.number(), Names.EMPTY, xattrs.metacopy, Names.EMPTY, 0);
  }

  /** Keeps the flags of chattr(1) to which the overlay holds. */
  void protect(Node node, Stat stat, Fd copy) throws ErrnoException {
    byte[] mark = Protection.mark(stat);
    if (mark.length > 0) {
      Xattrs.set(copy.number(), Names.EMPTY, xattrs.protattr, mark, 0);
      node.note(stat);
      node.noteProtection(node.isImmutable(), node.isAppendOnly());
    }
  }

  private static void setMetadata(Stat stat, Fd copy, Extent extent) throws ErrnoException {
    if (!stat.isSymlink()) {
      Files.chmod(copy.number(), stat.mode);
    }
    boolean cut = extent == Extent.EMPTY && stat.size > 0; // its mtime is that of its creation
    Files.utimens(
        copy.number(),
        Names.EMPTY,
        stat.atimeSeconds,
        stat.atimeNanos,
        stat.mtimeSeconds,
        cut ? Linux.UTIME_OMIT : stat.mtimeNanos);
  }

  void copyXattrs(int from, int to) throws ErrnoException {
    byte[] list = Xattrs.list(from, Names.EMPTY);
    int at = 0;
    for (int end = 0; end < list.length; end++) {
      if (list[end] != 0) {
        continue;
      }
      byte[] attribute = Arrays.copyOfRange(list, at, end);
      at = end + 1;
      if (xattrs.isPrivate(attribute) && xattrs.unescape(attribute) == null) {
        continue;
      }
      byte[] value = Xattrs.find(from, Names.EMPTY, attribute);
      if (value == null) {
        continue;
      }
      try {
        Xattrs.set(to, Names.EMPTY, attribute, value, 0);
      } catch (ErrnoException e) {
        boolean needed =
            Names.startsWith(attribute, ACL_PREFIX) || Names.startsWith(attribute, SECURITY_PREFIX);
        if (needed || e.errno() != Errno.EOPNOTSUPP) {
          throw e;
        }
      }
    }
  }

  // ------------------------------------------------------------------ data

  /** Copies data and keeps holes: a clone where the file systems can, else range by range. */
  static void copyData(int in, int out, long size) throws ErrnoException {
    if (Files.tryClone(in, out)) {
      return;
    }
    long at = 0;
    while (at < size) {
      long data;
      long end;
      try {
        data = Files.seek(in, at, Linux.SEEK_DATA);
        end = Math.min(size, Files.seek(in, data, Linux.SEEK_HOLE));
      } catch (ErrnoException e) {
        if (e.errno() == Errno.ENXIO) {
          break; // a hole up to the end
        }
        data = at;
        end = size;
      }
      if (data >= size) {
        break;
      }
      copyRange(in, out, data, Math.max(end, data + 1), size);
      at = Math.max(end, data + 1);
    }
    Files.truncate(out, size);
  }

  private static void copyRange(int in, int out, long start, long end, long size)
      throws ErrnoException {
    long at = start;
    while (at < end && at < size) {
      long copied;
      try {
        copied = Files.copyRange(in, at, out, at, Math.min(CHUNK, end - at));
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EXDEV
            && e.errno() != Errno.EINVAL
            && e.errno() != Errno.EOPNOTSUPP
            && e.errno() != Errno.ENOSYS) {
          throw e;
        }
        copyByHand(in, out, at, end);
        return;
      }
      if (copied == 0) {
        return; // shorter than it was: copied as far as it goes
      }
      at += copied;
    }
  }

  private static void copyByHand(int in, int out, long start, long end) throws ErrnoException {
    NativeBuffer buffer = NativeBuffer.allocate(256 * 1024);
    try {
      long at = start;
      while (at < end) {
        int size = (int) Math.min(buffer.capacity(), end - at);
        int got = Files.pread(in, buffer.address(), size, at);
        if (got == 0) {
          return;
        }
        int put = 0;
        while (put < got) {
          put += Files.pwrite(out, buffer.address() + put, got - put, at + put);
        }
        at += got;
      }
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }

  private void completeMetacopy(Node node, Extent extent) throws ErrnoException {
    Fd upper;
    Fd lower;
    Stat stat = new Stat();
    byte[] capability;
    tree.readLock().lock();
    try (Place place = access.upper(node);
        Place below = access.lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), stat);
      capability = Xattrs.find(place.dirfd(), place.name(), CAPABILITY);
      upper = LayerAccess.open(place, Linux.O_WRONLY);
      lower = LayerAccess.open(below, Linux.O_RDONLY);
    } finally {
      tree.readLock().unlock();
    }
    try (upper;
        lower) {
      if (extent != Extent.EMPTY) {
        copyData(lower.number(), upper.number(), stat.size);
        if (!config.volatileUpper()) {
          Files.fsync(upper.number());
        }
      } else {
        Files.truncate(upper.number(), 0);
      }
      if (capability != null) {
        Xattrs.set(upper.number(), Names.EMPTY, CAPABILITY, capability, 0); // a write took it away
      }
      // Until now the mark says that the data below count: a crash leaves them in force. The times
      // are those of the copying, as with the kernel's overlayfs: a write is what follows anyway.
      Xattrs.remove(upper.number(), Names.EMPTY, xattrs.metacopy);
      node.setMetacopy(false);
    }
    connection.invalidateAttributes(node.nodeid); // the times, and how many blocks it has
    copyUps.increment();
  }

  // ------------------------------------------------------------------ the last step

  private void publish(Node node, WorkDirectory staging, byte[] temporary, Copy copy)
      throws ErrnoException {
    tree.readLock().lock();
    try {
      Directory parent = node.parent();
      if (parent == null) {
        keepNameless(node, staging, temporary);
        finish(node, copy);
        return;
      }
      synchronized (parent) {
        if (node.parent() != parent) {
          keepNameless(node, staging, temporary); // unlinked while it was being copied
        } else if (copy.linked && index != null) {
          index.enter(copy.origin, staging.fd(), temporary);
          Fd anchor = index.open(copy.origin);
          node.setAnchor(anchor);
          node.setIndexed();
          try (var above = descriptors.upper(parent)) {
            if (anchor != null) {
              Times times = Times.of(above.number());
              Files.link(anchor.number(), above.number(), node.name());
              times.restore(above.number());
              markImpure(parent, above.number());
            }
          }
        } else {
          try (var above = descriptors.upper(parent)) {
            Times times = Times.of(above.number());
            Files.rename(
                staging.fd(), temporary, above.number(), node.name(), Linux.RENAME_NOREPLACE);
            markImpure(parent, above.number());
            times.restore(above.number());
          }
        }
        finish(node, copy);
        reader.changed(parent);
      }
      forgetAttributes(parent);
    } finally {
      tree.readLock().unlock();
    }
  }

  /**
   * Lets the kernel ask again for the attributes of a directory that got an entry: its ctime is
   * new, and whoever looked before its times were put back saw the wrong ones.
   */
  void forgetAttributes(Directory directory) {
    connection.invalidateAttributes(directory.nodeid);
  }

  private static void finish(Node node, Copy copy) {
    if (copy.metacopy) {
      node.setMetacopy(true);
    }
    node.setUpper();
  }

  private static void keepNameless(Node node, WorkDirectory staging, byte[] temporary)
      throws ErrnoException {
    int flags = Linux.O_PATH | Linux.O_NOFOLLOW;
    node.setAnchor(new Fd(Files.open(staging.fd(), temporary, flags, 0)));
    Files.unlink(staging.fd(), temporary);
  }

  /** Notes that inode numbers of a directory's upper entries may be those of files below. */
  void markImpure(Directory directory, int fd) {
    if (directory.isImpure()) {
      return;
    }
    try {
      Xattrs.set(fd, Names.EMPTY, xattrs.impure, OverlayXattrs.YES, 0);
    } catch (ErrnoException e) {
      // It only makes the numbers in readdir right.
    }
    directory.setImpure();
  }

  /** The times of a directory, which a copy-up into it is not to change. */
  static final class Times {
    private final Stat stat = new Stat();

    static Times of(int fd) throws ErrnoException {
      Times times = new Times();
      Files.stat(fd, times.stat);
      return times;
    }

    void restore(int fd) {
      try {
        Files.utimens(
            fd,
            Names.EMPTY,
            stat.atimeSeconds,
            stat.atimeNanos,
            stat.mtimeSeconds,
            stat.mtimeNanos);
      } catch (ErrnoException e) {
        // The copy-up itself is done and right.
      }
    }
  }
}
