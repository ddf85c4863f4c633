package io.samepage.overlay;

import io.samepage.overlay.LayerAccess.Place;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * What a copy has of the file that it was made of, beside the data: owner, extended attributes,
 * ACLs, flags, mode and times, and the marks of overlayfs that say where it is from
 * (fs/overlayfs/copy_up.c: ovl_copy_xattr, ovl_set_origin, ovl_copy_fileattr, ovl_set_attr).
 * Thread-safe.
 */
final class CopiedMetadata {
  private static final byte[] ACL_PREFIX = Names.ascii("system.posix_acl_");
  private static final byte[] SECURITY_PREFIX = Names.ascii("security.");

  private final LayerAccess access;
  private final OverlayXattrs xattrs;
  private final ReentrantReadWriteLock tree;

  CopiedMetadata(LayerAccess access, OverlayXattrs xattrs, ReentrantReadWriteLock tree) {
    this.access = access;
    this.xattrs = xattrs;
    this.tree = tree;
  }

  /**
   * Opens what has the metadata of a file below (O_PATH), with its attributes in {@code stat}. The
   * caller does not hold the tree lock.
   */
  Fd open(Node node, Stat stat) throws ErrnoException {
    tree.readLock().lock();
    try (Place place = access.metadata(node)) {
      Files.stat(place.dirfd(), place.name(), stat);
      return LayerAccess.openPath(place);
    } finally {
      tree.readLock().unlock();
    }
  }

  private static Layer layerOf(Node node) {
    LayerDirectory directory =
        node instanceof SplitNode split
            ? split.metadataDirectory()
            : node instanceof Directory merged ? merged.lowers()[0] : node.lowerDirectory();
    if (directory == null) {
      throw new IllegalStateException("a lower file without a layer");
    }
    return directory.layer();
  }

  /** Where the file was found, by which its copy keeps its number; empty if it cannot be named. */
  static byte[] origin(Node node, Fd source) throws ErrnoException {
    return Origin.encode(layerOf(node), source.number(), Names.EMPTY);
  }

  /**
   * Marks a copy with its origin.
   *
   * @param metacopy whether its data stay below
   */
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

  /**
   * Sets mode and times: last, since all else touches them.
   *
   * @param cut whether the data were left out, so that the time of the last write is that of now
   */
  static void setModeAndTimes(Stat stat, Fd copy, boolean cut) throws ErrnoException {
    if (!stat.isSymlink()) {
      Files.chmod(copy.number(), stat.mode);
    }
    Files.utimens(
        copy.number(),
        Names.EMPTY,
        stat.atimeSeconds,
        stat.atimeNanos,
        stat.mtimeSeconds,
        cut ? Linux.UTIME_OMIT : stat.mtimeNanos);
  }

  /**
   * Copies owner, extended attributes and ACLs. A change of owner takes capabilities away, and so
   * does a write: they come after both.
   */
  void copyOwnerAndXattrs(Stat stat, Fd source, Fd copy) throws ErrnoException {
    Files.chown(copy.number(), Names.EMPTY, stat.uid, stat.gid);
    copyXattrs(source.number(), copy.number());
  }

  private void copyXattrs(int from, int to) throws ErrnoException {
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
}
