package io.samepage.overlay;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Opened;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the flags "immutable" and "append only" of chattr(1) forbid. The kernel's FUSE does not know
 * them of its inodes, so that the rules of the VFS (may_open, may_delete, notify_change) are kept
 * here. In the upper layer they are not flags of the file, which would hinder the overlay itself,
 * but stand in overlay.protattr (fs/overlayfs/util.c, ovl_set_protattr).
 *
 * <p>All checks throw EPERM.
 */
final class Protection {
  private Protection() {}

  private static void refuse(boolean forbidden) throws ErrnoException {
    if (forbidden) {
      throw ErrnoException.of(Errno.EPERM);
    }
  }

  /** An open that can write or that truncates. */
  static void checkOpen(Node node, int flags) throws ErrnoException {
    boolean only = (flags & Linux.O_APPEND) != 0 && (flags & Linux.O_TRUNC) == 0;
    refuse(node.isImmutable() || (node.isAppendOnly() && !only));
  }

  /** A change of attributes. */
  static void checkChange(Node node, AttributeChange change) throws ErrnoException {
    boolean given =
        change.setMode
            || change.setUid
            || change.setGid
            || (change.setAtime && !change.atimeNow)
            || (change.setMtime && !change.mtimeNow);
    boolean byPath = change.setSize && change.handle == Opened.NO_HANDLE;
    boolean now = change.setAtime || change.setMtime;
    refuse(
        (node.isImmutable() && (given || byPath || (now && !change.setSize)))
            || (node.isAppendOnly() && (given || change.setSize)));
  }

  /** A change of extended attributes, or another name for the file. */
  static void checkFixed(Node node) throws ErrnoException {
    refuse(node.isImmutable() || node.isAppendOnly());
  }

  /** Space that is allocated or taken away, or data that are copied in. */
  static void checkAllocation(Node node, int mode) throws ErrnoException {
    refuse(node.isImmutable() || (node.isAppendOnly() && (mode & ~Linux.FALLOC_FL_KEEP_SIZE) != 0));
  }

  /** A new name in a directory. */
  static void checkEntry(Directory parent) throws ErrnoException {
    refuse(parent.isImmutable());
  }

  /** A name that goes out of a directory; {@link #checkFixed} is for what it stands for. */
  static void checkRemoval(Directory parent) throws ErrnoException {
    refuse(parent.isImmutable() || parent.isAppendOnly());
  }

  // ------------------------------------------------------------------ flags

  /** What overlay.protattr says of a lower file with these attributes; empty for nothing. */
  static byte[] mark(Stat stat) {
    return mark(
        (stat.attributes & Linux.STATX_ATTR_IMMUTABLE) != 0,
        (stat.attributes & Linux.STATX_ATTR_APPEND) != 0);
  }

  static byte[] mark(boolean immutable, boolean appendOnly) {
    ByteArrayOutputStream mark = new ByteArrayOutputStream(2);
    if (appendOnly) {
      mark.write('a');
    }
    if (immutable) {
      mark.write('i');
    }
    return mark.toByteArray();
  }

  /** The flags of FS_IOC_[GS]ETFLAGS, or of struct fsxattr where {@code extended}. */
  private static int immutableFlag(boolean extended) {
    return extended ? Linux.FS_XFLAG_IMMUTABLE : Linux.FS_IMMUTABLE_FL;
  }

  private static int appendFlag(boolean extended) {
    return extended ? Linux.FS_XFLAG_APPEND : Linux.FS_APPEND_FL;
  }

  private static ByteBuffer words(byte[] argument) {
    return ByteBuffer.wrap(argument).order(ByteOrder.nativeOrder());
  }

  static boolean asksImmutable(byte[] argument, boolean extended) {
    return (words(argument).getInt(0) & immutableFlag(extended)) != 0;
  }

  static boolean asksAppendOnly(byte[] argument, boolean extended) {
    return (words(argument).getInt(0) & appendFlag(extended)) != 0;
  }

  /** Takes both flags out of an argument. */
  static void clear(byte[] argument, boolean extended) {
    int flags = words(argument).getInt(0);
    words(argument).putInt(0, flags & ~immutableFlag(extended) & ~appendFlag(extended));
  }

  /** Shows the flags that a node has. */
  static void show(Node node, byte[] argument, boolean extended) {
    int flags = words(argument).getInt(0);
    flags |= node.isImmutable() ? immutableFlag(extended) : 0;
    flags |= node.isAppendOnly() ? appendFlag(extended) : 0;
    words(argument).putInt(0, flags);
  }
}
