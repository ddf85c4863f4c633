package io.samepage.overlay;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The attributes in which overlay file systems keep their own state (fs/overlayfs/overlayfs.h and
 * Documentation/filesystems/overlayfs.rst): {@code trusted.overlay.*}, or {@code user.overlay.*}
 * where the mount asks for it; in lower layers also fuse-overlayfs's. Immutable.
 */
final class OverlayXattrs {
  private static final byte[] TRUSTED = Names.ascii("trusted.overlay.");
  private static final byte[] USER = Names.ascii("user.overlay.");
  private static final byte[] ESCAPE = Names.ascii("overlay.");
  private static final byte[] FUSE_OVERLAYFS = Names.ascii("user.fuseoverlayfs.");
  private static final byte[] FUSE_OVERLAYFS_OPAQUE = Names.ascii("user.fuseoverlayfs.opaque");

  static final byte[] YES = {'y'};

  private final byte[] prefix;
  final byte[] opaque;
  final byte[] redirect;
  final byte[] metacopy;
  final byte[] origin;
  final byte[] impure;
  final byte[] nlink;
  final byte[] upper;
  final byte[] protattr;
  final byte[] whiteout;

  OverlayXattrs(boolean user) {
    prefix = user ? USER : TRUSTED;
    opaque = name("opaque");
    redirect = name("redirect");
    metacopy = name("metacopy");
    origin = name("origin");
    impure = name("impure");
    nlink = name("nlink");
    upper = name("upper");
    protattr = name("protattr");
    whiteout = name("whiteout");
  }

  private byte[] name(String last) {
    return Names.concat(prefix, Names.ascii(last));
  }

  /** Whether an attribute belongs to an overlay file system and is hidden from users. */
  boolean isPrivate(byte[] attribute) {
    return Names.startsWith(attribute, prefix) || Names.startsWith(attribute, FUSE_OVERLAYFS);
  }

  /**
   * The name below for a name that a user gives: what looks like an attribute of this overlay is
   * escaped, so that overlays can be nested.
   */
  byte[] escape(byte[] attribute) {
    return Names.startsWith(attribute, prefix)
        ? Names.concat(
            Names.concat(prefix, ESCAPE),
            Arrays.copyOfRange(attribute, prefix.length, attribute.length))
        : attribute;
  }

  /** The name for users of a name below, or null if it is hidden. */
  byte @Nullable [] unescape(byte[] attribute) {
    if (!isPrivate(attribute)) {
      return attribute;
    }
    byte[] escaped = Names.concat(prefix, ESCAPE);
    return Names.startsWith(attribute, escaped)
        ? Names.concat(prefix, Arrays.copyOfRange(attribute, escaped.length, attribute.length))
        : null;
  }

  /**
   * Whether a file says that its name was removed: a character device 0:0, or an empty file with an
   * attribute that says so (ovl_path_is_whiteout).
   */
  boolean isWhiteout(int dirfd, byte[] name, Stat stat) throws ErrnoException {
    return stat.isZeroDevice()
        || (stat.isRegular() && stat.size == 0 && Xattrs.find(dirfd, name, whiteout) != null);
  }

  /** Which of the overlay's own attributes a file has; one system call if it has none. */
  Marks read(int dirfd, byte[] name) throws ErrnoException {
    byte[] list = Xattrs.list(dirfd, name);
    if (list.length == 0) {
      return Marks.NONE;
    }
    byte[] foundOpaque = null;
    byte[] foundRedirect = null;
    byte[] foundOrigin = null;
    byte[] foundMetacopy = null;
    byte[] foundProtattr = null;
    boolean foundImpure = false;
    boolean foundNlink = false;
    boolean bare = true;
    int at = 0;
    for (int end = 0; end < list.length; end++) {
      if (list[end] != 0) {
        continue;
      }
      byte[] attribute = Arrays.copyOfRange(list, at, end);
      at = end + 1;
      bare &= unescape(attribute) == null;
      if (Arrays.equals(attribute, FUSE_OVERLAYFS_OPAQUE) || Arrays.equals(attribute, opaque)) {
        foundOpaque = Xattrs.find(dirfd, name, attribute);
      } else if (Arrays.equals(attribute, redirect)) {
        foundRedirect = Xattrs.find(dirfd, name, attribute);
      } else if (Arrays.equals(attribute, origin)) {
        foundOrigin = Xattrs.find(dirfd, name, attribute);
      } else if (Arrays.equals(attribute, metacopy)) {
        foundMetacopy = Xattrs.find(dirfd, name, attribute);
      } else if (Arrays.equals(attribute, protattr)) {
        foundProtattr = Xattrs.find(dirfd, name, attribute);
      } else if (Arrays.equals(attribute, impure)) {
        foundImpure = true;
      } else if (Arrays.equals(attribute, nlink)) {
        foundNlink = true;
      }
    }
    return new Marks(
        foundOpaque,
        foundRedirect,
        foundOrigin,
        foundMetacopy,
        foundProtattr,
        foundImpure,
        foundNlink,
        bare);
  }

  /** The overlay's own attributes of one file, as far as they were found. */
  static final class Marks {
    /** Of a file without any attribute. */
    static final Marks NONE = new Marks(null, null, null, null, null, false, false, true);

    /** Of a file that cannot have marks and was not asked. */
    static final Marks UNREAD = new Marks(null, null, null, null, null, false, false, false);

    private final byte @Nullable [] opaque;
    private final byte @Nullable [] redirect;
    private final byte @Nullable [] origin;
    private final byte @Nullable [] metacopy;
    private final byte @Nullable [] protattr;
    private final boolean impure;
    private final boolean nlink;
    private final boolean bare;

    Marks(
        byte @Nullable [] opaque,
        byte @Nullable [] redirect,
        byte @Nullable [] origin,
        byte @Nullable [] metacopy,
        byte @Nullable [] protattr,
        boolean impure,
        boolean nlink,
        boolean bare) {
      this.opaque = opaque;
      this.redirect = redirect;
      this.origin = origin;
      this.metacopy = metacopy;
      this.protattr = protattr;
      this.impure = impure;
      this.nlink = nlink;
      this.bare = bare;
    }

    /** Whether users see no attribute at all. */
    boolean isBare() {
      return bare;
    }

    /** Nothing below shines through. */
    boolean isOpaque() {
      return opaque != null && opaque.length == 1 && opaque[0] == 'y';
    }

    /** Files in it may be whiteouts by attribute. */
    boolean mayHoldXattrWhiteouts() {
      return opaque != null && opaque.length == 1 && opaque[0] == 'x';
    }

    byte @Nullable [] redirect() {
      return redirect;
    }

    byte @Nullable [] origin() {
      return origin;
    }

    boolean isMetacopy() {
      return metacopy != null;
    }

    /** Flags of chattr(1) that only the overlay holds to (ovl_check_protattr). */
    boolean isImmutable() {
      return holds((byte) 'i');
    }

    boolean isAppendOnly() {
      return holds((byte) 'a');
    }

    private boolean holds(byte letter) {
      if (protattr != null) {
        for (byte each : protattr) {
          if (each == letter) {
            return true;
          }
        }
      }
      return false;
    }

    boolean isImpure() {
      return impure;
    }

    boolean hasNlink() {
      return nlink;
    }
  }

  /**
   * Notes that inode numbers of a directory's upper entries may be those of files below.
   *
   * @param fd the upper directory
   */
  void markImpure(Directory directory, int fd) {
    if (directory.isImpure()) {
      return;
    }
    try {
      Xattrs.set(fd, Names.EMPTY, impure, YES, 0);
    } catch (ErrnoException e) {
      // It only makes the numbers in readdir right.
    }
    directory.setImpure();
  }
}
