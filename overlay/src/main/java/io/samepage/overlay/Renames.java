package io.samepage.overlay;

import io.samepage.overlay.Descriptors.Shared;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import org.jspecify.annotations.Nullable;

/**
 * Renaming (fs/overlayfs/dir.c, ovl_rename). What is moved is brought up first; a directory with
 * lower parts takes a redirect to them along; whatever lower layers show under the old name is
 * covered by a whiteout in the same step.
 */
final class Renames {
  private final Overlay overlay;
  private final Removal removal;
  private final Redirects redirects;

  Renames(Overlay overlay, Removal removal, Redirects redirects) {
    this.overlay = overlay;
    this.removal = removal;
    this.redirects = redirects;
  }

  void rename(Directory parent, byte[] name, Directory newParent, byte[] newName, int flags)
      throws ErrnoException {
    boolean exchange = (flags & Linux.RENAME_EXCHANGE) != 0;
    boolean noreplace = (flags & Linux.RENAME_NOREPLACE) != 0;
    boolean whiteout = (flags & Linux.RENAME_WHITEOUT) != 0;
    if (exchange && (noreplace || whiteout)) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    overlay.work();
    Protection.checkRemoval(parent);
    Node known = checkFixed(parent, name);
    Protection.checkEntry(newParent);
    Node replaced = checkFixed(newParent, newName);
    checkMovable(known);
    if (exchange) {
      checkMovable(replaced);
    } else {
      checkReplaceable(replaced);
    }
    bringUp(parent, name);
    overlay.copyUp.directory(newParent);
    if (exchange) {
      bringUp(newParent, newName);
    } else {
      removal.bringUpLinked(newParent, newName);
    }
    overlay.tree.writeLock().lock();
    try {
      Node node = require(overlay.peek(parent, name));
      Node target = overlay.peek(newParent, newName);
      if (!node.hasUpper() || (exchange && target != null && !target.hasUpper())) {
        throw ErrnoException.of(Errno.ESTALE); // replaced meanwhile: the kernel asks again
      }
      if (target != null) {
        Protection.checkRemoval(newParent);
        Protection.checkFixed(target);
      }
      if (exchange) {
        exchange(parent, name, node, newParent, newName, require(target));
      } else {
        if (target != null && noreplace) {
          throw ErrnoException.of(Errno.EEXIST);
        }
        move(parent, name, node, newParent, newName, target, whiteout);
      }
    } finally {
      overlay.tree.writeLock().unlock();
    }
  }

  // Before anything is brought up, as ovl_rename() has it. The kernel has looked both names up.

  private @Nullable Node checkFixed(Directory parent, byte[] name) throws ErrnoException {
    Node node = overlay.nodes.peek(parent, name);
    if (node != null) {
      Protection.checkFixed(node);
    }
    return node;
  }

  private void checkMovable(@Nullable Node node) throws ErrnoException {
    if (node instanceof Directory directory
        && directory.hasLowers()
        && !overlay.config.createRedirects()) {
      throw ErrnoException.of(Errno.EXDEV); // so that mv(1) copies instead
    }
  }

  private void checkReplaceable(@Nullable Node node) throws ErrnoException {
    if (node instanceof Directory directory) {
      overlay.tree.readLock().lock();
      try {
        synchronized (directory) {
          checkEmpty(directory);
        }
      } finally {
        overlay.tree.readLock().unlock();
      }
    }
  }

  private void checkEmpty(Directory directory) throws ErrnoException {
    if (!overlay.reader.list(directory).isEmpty()) {
      throw ErrnoException.of(Errno.ENOTEMPTY);
    }
  }

  private static Node require(@Nullable Node node) throws ErrnoException {
    if (node == null) {
      throw ErrnoException.of(Errno.ENOENT);
    }
    return node;
  }

  private void bringUp(Directory parent, byte[] name) throws ErrnoException {
    Node node;
    overlay.tree.readLock().lock();
    try {
      synchronized (parent) {
        node = require(overlay.peek(parent, name));
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
    checkMovable(node);
    overlay.copyUp.directory(parent);
    overlay.copyUp.name(node, parent, name);
  }

  private void move(
      Directory parent,
      byte[] name,
      Node node,
      Directory newParent,
      byte[] newName,
      @Nullable Node target,
      boolean forceWhiteout)
      throws ErrnoException {
    try (Shared from = overlay.descriptors.upper(parent);
        Shared to = overlay.descriptors.upper(newParent)) {
      if (target != null) {
        checkTarget(node, target);
        if (target instanceof Directory directory) {
          removal.clear(directory, to.number(), newName);
        }
        removal.anchor(target, newParent, newName);
      }
      // Where nothing shines through there is nothing to cover, whatever the caller asks for.
      boolean covered =
          (forceWhiteout && parent.hasLowers()) || overlay.resolver.isInLowers(parent, name);
      prepare(node, from.number(), name, parent, newParent);
      int indexedLeft = target == null ? -1 : releaseIndexed(target, to.number(), newName);
      boolean overWhiteout = isWhiteout(to.number(), newName);
      step(node, from.number(), name, to.number(), newName, covered, overWhiteout);
      if (target != null) {
        afterReplacement(target, indexedLeft);
      }
    }
    if (target != null) {
      removal.forgetName(target, newParent, newName);
    }
    overlay.nodes.moveName(parent, name, newParent, newName);
    overlay.reader.removed(parent, name);
    overlay.reader.changed(newParent);
  }

  private void checkTarget(Node node, Node target) throws ErrnoException {
    if (target instanceof Directory directory) {
      if (!node.isDirectory()) {
        throw ErrnoException.of(Errno.EISDIR);
      }
      checkEmpty(directory);
    } else if (node.isDirectory()) {
      throw ErrnoException.of(Errno.ENOTDIR);
    }
  }

  private boolean isWhiteout(int dirfd, byte[] name) throws ErrnoException {
    Stat stat = new Stat();
    return Files.tryStat(dirfd, name, stat) == 0 && overlay.xattrs.isWhiteout(dirfd, name, stat);
  }

  /** The one system call that everybody sees. */
  private void step(
      Node node,
      int from,
      byte[] name,
      int to,
      byte[] newName,
      boolean covered,
      boolean overWhiteout)
      throws ErrnoException {
    if (overWhiteout && (node.isDirectory() || covered)) {
      // The whiteout of the new name goes to the old one, where it stays if it is needed.
      Files.rename(from, name, to, newName, Linux.RENAME_EXCHANGE);
      if (!covered) {
        Files.unlink(from, name);
      }
      return;
    }
    if (!covered) {
      Files.rename(from, name, to, newName, 0);
      return;
    }
    try {
      Files.rename(from, name, to, newName, Linux.RENAME_WHITEOUT);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      // No RENAME_WHITEOUT there: the new name first, then both names by an exchange.
      moveWithoutWhiteoutFlag(from, name, to, newName);
    }
  }

  private void moveWithoutWhiteoutFlag(int from, byte[] name, int to, byte[] newName)
      throws ErrnoException {
    WorkDirectory work = overlay.work();
    Stat stat = new Stat();
    if (Files.tryStat(to, newName, stat) == 0) {
      if (stat.isDirectory()) {
        work.replaceDirectoryByWhiteout(to, newName);
      } else {
        work.replaceByWhiteout(to, newName);
      }
    } else {
      work.placeWhiteout(to, newName);
    }
    Files.rename(from, name, to, newName, Linux.RENAME_EXCHANGE);
  }

  private void exchange(
      Directory parent, byte[] name, Node node, Directory newParent, byte[] newName, Node target)
      throws ErrnoException {
    try (Shared from = overlay.descriptors.upper(parent);
        Shared to = overlay.descriptors.upper(newParent)) {
      prepare(node, from.number(), name, parent, newParent);
      prepare(target, to.number(), newName, newParent, parent);
      Files.rename(from.number(), name, to.number(), newName, Linux.RENAME_EXCHANGE);
    }
    overlay.nodes.exchangeNames(parent, name, newParent, newName);
    overlay.reader.changed(parent);
    overlay.reader.changed(newParent);
  }

  // ------------------------------------------------------------------ marks before the step

  /** Lets what is moved be found with all its parts at its new place. */
  private void prepare(Node node, int dirfd, byte[] name, Directory parent, Directory newParent)
      throws ErrnoException {
    if (node instanceof Directory directory) {
      if (directory.hasLowers()) {
        setRedirect(node, parent, name, newParent);
      } else if (newParent.hasLowers()) {
        // Whatever lower layers have under the new name must not shine through.
        Xattrs.set(dirfd, name, overlay.xattrs.opaque, OverlayXattrs.YES, 0);
      }
    } else if (node.isMetacopy()) {
      setRedirect(node, parent, name, newParent);
    }
    // Its number is that of a file below, perhaps, and readdir of the new directory must say so.
    if (!newParent.isImpure()) {
      try (Shared to = overlay.descriptors.upper(newParent)) {
        overlay.xattrs.markImpure(newParent, to.number());
      }
    }
  }

  private void setRedirect(Node node, Directory parent, byte[] name, Directory newParent)
      throws ErrnoException {
    try (Fd upper = overlay.access.openMetadata(node)) {
      redirects.set(node, parent, name, upper, parent == newParent);
    }
  }

  // ------------------------------------------------------------------ hard links

  /** Notes how many names a replaced file has now; returns how many it will have, or −1. */
  private int releaseIndexed(Node target, int dirfd, byte[] name) throws ErrnoException {
    HardLinkIndex index = overlay.index;
    if (!target.isIndexed() || index == null) {
      return -1;
    }
    Stat stat = new Stat();
    Stat there = new Stat();
    try (Fd fd = overlay.access.openMetadata(target)) {
      Files.stat(fd.number(), stat);
      int nlink = index.nlink(fd.number(), stat, overlay.access.lowerNlink(fd));
      boolean named = Files.tryStat(dirfd, name, there) == 0 && there.ino == stat.ino;
      index.storeNlink(fd.number(), named ? nlink : nlink - 1, stat.nlink);
      return nlink - 1;
    }
  }

  private void afterReplacement(Node target, int namesLeft) throws ErrnoException {
    HardLinkIndex index = overlay.index;
    if (namesLeft != 0 || index == null) {
      return;
    }
    try (Fd fd = overlay.access.openMetadata(target)) {
      byte[] origin = overlay.xattrs.read(fd.number(), Names.EMPTY).origin();
      if (origin != null) {
        index.remove(origin);
      }
    }
  }
}
