package io.samepage.overlay;

import io.samepage.overlay.Descriptors.Shared;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;

/**
 * Removing names (fs/overlayfs/dir.c, ovl_do_remove). A name that a lower layer shows is covered by
 * a whiteout, in one step with the removal of an upper file.
 */
final class Removal {
  private final Overlay overlay;

  Removal(Overlay overlay) {
    this.overlay = overlay;
  }

  void unlink(Directory parent, byte[] name) throws ErrnoException {
    WorkDirectory work = overlay.work();
    Protection.checkRemoval(parent);
    overlay.copyUp.directory(parent);
    bringUpLinked(parent, name);
    overlay.tree.readLock().lock();
    try {
      synchronized (parent) {
        while (!unlinkNow(parent, name, work)) {
          // another node stands for the file by now
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  /** False if the node was superseded before its file could be anchored. */
  private boolean unlinkNow(Directory parent, byte[] name, WorkDirectory work)
      throws ErrnoException {
    Node node = overlay.peek(parent, name);
    if (node == null) {
      throw ErrnoException.of(Errno.ENOENT);
    }
    if (node.isDirectory()) {
      throw ErrnoException.of(Errno.EISDIR);
    }
    Protection.checkFixed(node);
    // What has no upper file is covered by all means.
    boolean covered = !node.hasUpper() || overlay.resolver.isInLowers(parent, name);
    synchronized (overlay.nodeLocks.of(node)) {
      if (node.isSuperseded()) {
        return false;
      }
      anchor(node, parent, name);
      try (Shared above = overlay.descriptors.upper(parent)) {
        remove(node, above.number(), name, covered, work);
      }
      forgetName(node, parent, name);
      return true;
    }
  }

  /**
   * Brings up a lower file with several names of which one is about to go: how many are left is
   * noted at the upper file (ovl_nlink_start).
   */
  void bringUpLinked(Directory parent, byte[] name) throws ErrnoException {
    if (overlay.index == null) {
      return;
    }
    Node node;
    overlay.tree.readLock().lock();
    try {
      synchronized (parent) {
        node = overlay.nodes.peek(parent, name);
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
    // A file of that kind is always known: the kernel has looked the name up.
    if (node != null && node.isLinked() && !node.hasUpper()) {
      Protection.checkFixed(node);
      overlay.copyUp.node(node, CopyUp.Extent.METADATA);
    }
  }

  private void remove(Node node, int dirfd, byte[] name, boolean covered, WorkDirectory work)
      throws ErrnoException {
    if (!node.hasUpper()) {
      work.placeWhiteout(dirfd, name);
      return;
    }
    if (node.isIndexed()) {
      removeIndexed(node, dirfd, name, covered, work);
    } else if (covered) {
      work.replaceByWhiteout(dirfd, name);
    } else {
      Files.unlink(dirfd, name);
    }
  }

  /** One of the names of a lower file with several, of which some may not be above yet. */
  private void removeIndexed(Node node, int dirfd, byte[] name, boolean covered, WorkDirectory work)
      throws ErrnoException {
    HardLinkIndex index = overlay.index;
    if (index == null) {
      throw new IllegalStateException("an indexed file without an index");
    }
    Stat stat = new Stat();
    try (Fd fd = overlay.access.openMetadata(node)) {
      Files.stat(fd.number(), stat);
      int nlink = index.nlink(fd.number(), stat, overlay.access.lowerNlink(fd));
      byte[] origin = overlay.xattrs.read(fd.number(), Names.EMPTY).origin();
      Stat there = new Stat();
      if (Files.tryStat(dirfd, name, there) == 0) {
        index.storeNlink(fd.number(), nlink, stat.nlink);
        if (covered) {
          work.replaceByWhiteout(dirfd, name);
        } else {
          Files.unlink(dirfd, name);
        }
      } else {
        work.placeWhiteout(dirfd, name);
        index.storeNlink(fd.number(), nlink - 1, stat.nlink);
      }
      if (nlink <= 1 && origin != null) {
        index.remove(origin);
      }
    }
  }

  /**
   * Keeps hold of an upper file whose last known name is about to go: the kernel may go on using
   * it.
   */
  void anchor(Node node, Directory parent, byte[] name) throws ErrnoException {
    if (node.nodeid != 0
        && node.hasUpper()
        && node.anchor() == null
        && !overlay.nodes.hasOtherName(node, parent, name)) {
      node.setAnchor(overlay.access.openMetadata(node));
    }
  }

  /** After the removal: nobody is to find the node by this name any more. */
  void forgetName(Node node, Directory parent, byte[] name) {
    overlay.reader.removed(parent, name);
    if (node.nodeid == 0) {
      return;
    }
    Node last = overlay.nodes.removeName(parent, name);
    if (last != null) {
      last.setRemoved(true);
      if (overlay.partialCopies != null) {
        overlay.partialCopies.removed(last);
      }
      overlay.registered.discard(last);
      if (last instanceof Directory directory) {
        overlay.reader.changed(directory);
      }
    } else if (overlay.successors.isSuccessor(node)) {
      // The kernel may have known the name that is gone by an older nodeid; the links that are left
      // are counted under this one.
      overlay.connection.invalidateAttributes(node.nodeid);
    }
  }

  void rmdir(Directory parent, byte[] name) throws ErrnoException {
    WorkDirectory work = overlay.work();
    Protection.checkRemoval(parent);
    overlay.copyUp.directory(parent);
    overlay.tree.readLock().lock();
    try {
      synchronized (parent) {
        Node node = overlay.peek(parent, name);
        if (node == null) {
          throw ErrnoException.of(Errno.ENOENT);
        }
        if (!(node instanceof Directory directory)) {
          throw ErrnoException.of(Errno.ENOTDIR);
        }
        Protection.checkFixed(directory);
        synchronized (directory) {
          if (!overlay.reader.list(directory).isEmpty()) {
            throw ErrnoException.of(Errno.ENOTEMPTY);
          }
          boolean covered = overlay.resolver.isInLowers(parent, name);
          anchor(directory, parent, name);
          try (Shared above = overlay.descriptors.upper(parent)) {
            removeDirectory(directory, above.number(), name, covered, work);
          }
          forgetName(directory, parent, name);
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  private static void removeDirectory(
      Directory directory, int dirfd, byte[] name, boolean covered, WorkDirectory work)
      throws ErrnoException {
    if (!directory.hasUpper()) {
      work.placeWhiteout(dirfd, name);
      return;
    }
    if (covered) {
      work.replaceDirectoryByWhiteout(dirfd, name);
      return;
    }
    if (!directory.hasLowers()) {
      try {
        Files.rmdir(dirfd, name);
        return;
      } catch (ErrnoException e) {
        if (e.errno() != Errno.ENOTEMPTY && e.errno() != Errno.EEXIST) {
          throw e;
        }
      }
    }
    // Whiteouts are left in it. It must go with them in one step: without them, what they hide
    // would show.
    byte[] temporary = work.temporaryName();
    Files.rename(dirfd, name, work.fd(), temporary, Linux.RENAME_NOREPLACE);
    work.discard(temporary);
  }

  /**
   * Puts an empty, opaque directory of the same kind in the place of an upper one that holds
   * nothing but whiteouts, so that another one can be renamed over it.
   *
   * <p>The caller holds the tree lock for writing.
   */
  void clear(Directory directory, int dirfd, byte[] name) throws ErrnoException {
    if (!directory.hasUpper() || overlay.reader.upperNames(directory).isEmpty()) {
      return;
    }
    WorkDirectory work = overlay.work();
    byte[] temporary = work.temporaryName();
    Stat stat = new Stat();
    Files.stat(dirfd, name, stat);
    Files.mkdir(work.fd(), temporary, 0700);
    boolean done = false;
    try (Fd made = new Fd(Files.open(work.fd(), temporary, Linux.O_PATH | Linux.O_NOFOLLOW, 0))) {
      Files.chown(made.number(), Names.EMPTY, stat.uid, stat.gid);
      Files.chmod(made.number(), stat.mode);
      Xattrs.set(made.number(), Names.EMPTY, overlay.xattrs.opaque, OverlayXattrs.YES, 0);
      Files.rename(work.fd(), temporary, dirfd, name, Linux.RENAME_EXCHANGE);
      overlay.descriptors.drop(directory);
      done = true;
    } finally {
      work.discard(temporary);
      if (!done) {
        overlay.reader.changed(directory);
      }
    }
  }
}
