package io.samepage.overlay;

import io.samepage.fuse.Connection;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * The last step of a copy-up: what is complete in the work directory gets its name in the upper
 * layer, in one step, and the directory keeps its times (fs/overlayfs/copy_up.c: ovl_do_copy_up,
 * ovl_link_up). Takes the tree lock and the monitor of the directory. Thread-safe.
 */
final class Publication {
  private final LayerAccess access;
  private final OverlayXattrs xattrs;
  private final Descriptors descriptors;
  private final DirectoryReader reader;
  private final @Nullable HardLinkIndex index;
  private final ReentrantReadWriteLock tree;
  private final Connection connection;

  Publication(
      LayerAccess access,
      OverlayXattrs xattrs,
      Descriptors descriptors,
      DirectoryReader reader,
      @Nullable HardLinkIndex index,
      ReentrantReadWriteLock tree,
      Connection connection) {
    this.access = access;
    this.xattrs = xattrs;
    this.descriptors = descriptors;
    this.reader = reader;
    this.index = index;
    this.tree = tree;
    this.connection = connection;
  }

  /**
   * What was made in the work directory.
   *
   * @param metacopy whether it has no data
   * @param linked whether it goes into the index
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Copy(byte[] origin, boolean metacopy, boolean linked) {}

  /**
   * Gives a copy the name of its node, or keeps it without one if that has none any more. From then
   * on the node has an upper file.
   *
   * @param temporary its name in the work directory
   */
  void publish(Node node, WorkDirectory staging, byte[] temporary, Copy copy)
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
              DirectoryTimes times = DirectoryTimes.of(above.number());
              Files.link(anchor.number(), above.number(), node.name());
              times.restore(above.number());
              xattrs.markImpure(parent, above.number());
            }
          }
        } else {
          try (var above = descriptors.upper(parent)) {
            DirectoryTimes times = DirectoryTimes.of(above.number());
            Files.rename(
                staging.fd(), temporary, above.number(), node.name(), Linux.RENAME_NOREPLACE);
            xattrs.markImpure(parent, above.number());
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

  /**
   * Gives a file that is in the index of hard links a further name in the upper layer, where it has
   * not got it.
   */
  void link(Node node, Directory parent, byte[] name, HardLinkIndex links) throws ErrnoException {
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
        DirectoryTimes times = DirectoryTimes.of(above.number());
        Files.link(fd.number(), above.number(), name);
        links.storeNlink(fd.number(), nlink, stat.nlink + 1);
        times.restore(above.number());
      }
    }
  }
}
