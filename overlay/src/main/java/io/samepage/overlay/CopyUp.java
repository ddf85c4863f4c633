package io.samepage.overlay;

import io.samepage.fuse.Connection;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.Publication.Copy;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Brings files and directories up before they are changed (fs/overlayfs/copy_up.c). A copy is made
 * complete in the work directory, with mode, owner, times, attributes, ACLs and holes, synced, and
 * then renamed in; a crash leaves the lower file or the whole copy.
 *
 * <p>Callers do not hold the tree lock. Copying data takes the monitor of the file alone, so that a
 * large file holds up nobody but those who wait for it; only the last step ({@link Publication})
 * takes the tree lock and the monitor of the directory.
 */
final class CopyUp {
  private static final byte[] CAPABILITY = Names.ascii("security.capability");

  private final LayerAccess access;
  private final OverlayXattrs xattrs;
  private final OverlayConfig config;
  private final @Nullable WorkDirectory work;
  private final @Nullable HardLinkIndex index;
  private final CopiedMetadata metadata;
  private final Publication publication;
  private final @Nullable PartialCompletion completion;
  private final ReentrantReadWriteLock tree;
  private final Connection connection;
  private final Object directoryCopyUp = new Object();
  private final LongAdder copyUps = new LongAdder();

  /**
   * For one mount.
   *
   * @param work null where nothing can be copied up
   * @param completion of files that are partly above; null where there are none
   */
  CopyUp(
      LayerAccess access,
      OverlayXattrs xattrs,
      OverlayConfig config,
      @Nullable WorkDirectory work,
      @Nullable HardLinkIndex index,
      CopiedMetadata metadata,
      Publication publication,
      @Nullable PartialCompletion completion,
      ReentrantReadWriteLock tree,
      Connection connection) {
    this.access = access;
    this.xattrs = xattrs;
    this.config = config;
    this.work = work;
    this.index = index;
    this.metadata = metadata;
    this.publication = publication;
    this.completion = completion;
    this.tree = tree;
    this.connection = connection;
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
    publication.link(node, parent, name, links);
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
      publication.publish(node, staging, temporary, copy);
      done = true;
    } finally {
      if (!done) {
        staging.discard(temporary);
      }
    }
    copyUps.increment();
    // Its ctime is new, and the links of a directory that is merged now are not counted any more.
    // The kernel does not know: the request was to open it, or for something in it.
    connection.invalidateAttributes(node.nodeid);
  }

  private Copy prepare(Node node, Extent extent, WorkDirectory staging, byte[] temporary)
      throws ErrnoException {
    Stat stat = new Stat();
    try (Fd source = metadata.open(node, stat);
        Fd data = openData(node, stat, extent)) {
      byte[] origin = CopiedMetadata.origin(node, source);
      boolean linked = index != null && stat.nlink > 1 && !stat.isDirectory() && origin.length > 0;
      boolean metacopy =
          config.metacopy() && extent == Extent.METADATA && stat.isRegular() && stat.size > 0;
      create(staging.fd(), temporary, stat, source);
      try (Fd copy =
          new Fd(Files.open(staging.fd(), temporary, Linux.O_PATH | Linux.O_NOFOLLOW, 0))) {
        if (stat.isRegular()) {
          fillData(stat, data, copy, extent, metacopy);
        }
        metadata.copyOwnerAndXattrs(stat, source, copy);
        metadata.mark(copy, origin, metacopy);
        metadata.protect(node, stat, copy);
        if (linked && index != null) {
          index.storeNlink(copy.number(), stat.nlink, 2);
        }
        boolean cut = extent == Extent.EMPTY && stat.size > 0;
        CopiedMetadata.setModeAndTimes(stat, copy, cut);
      }
      return new Copy(origin, metacopy, linked);
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

  private void fillData(Stat stat, @Nullable Fd data, Fd copy, Extent extent, boolean metacopy)
      throws ErrnoException {
    try (Fd out = new Fd(Files.reopen(copy.number(), Linux.O_WRONLY))) {
      if (extent != Extent.EMPTY && stat.size > 0) {
        if (metacopy) {
          Files.truncate(out.number(), stat.size);
        } else if (data != null) {
          DataCopy.copy(data.number(), out.number(), stat.size);
        }
      }
      if (!config.volatileUpper()) {
        // The rename must not reach the disk before the data: the lower file was safe there.
        Files.fsync(out.number());
      }
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
        DataCopy.copy(lower.number(), upper.number(), stat.size);
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
}
