package io.samepage.overlay;

import io.samepage.overlay.Descriptors.Shared;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Lets what is moved be found with its lower parts at its new place: {@code overlay.redirect} says
 * where in the lower layers they are (fs/overlayfs/dir.c, ovl_set_redirect).
 *
 * <p>Callers hold the tree lock.
 */
final class Redirects {
  /** As the kernel's overlayfs: a longer path is not stored (redirect_max). */
  private static final int MAX = 256;

  private final Overlay overlay;

  Redirects(Overlay overlay) {
    this.overlay = overlay;
  }

  /**
   * Sets the redirect of a directory, or of a file whose data are below.
   *
   * @param parent the directory that it is found in so far
   * @param name its name there
   * @param upper the upper file
   * @param staysInDirectory whether it stays in its directory, so that its name is enough
   */
  void set(Node node, Directory parent, byte[] name, Fd upper, boolean staysInDirectory)
      throws ErrnoException {
    boolean byName = staysInDirectory && (node.isDirectory() || !hasLowerLinks(node));
    byte[] present = Xattrs.find(upper.number(), Names.EMPTY, overlay.xattrs.redirect);
    if (present != null && present.length > 0 && (byName || present[0] == '/')) {
      return;
    }
    // A file that has been renamed in its directory before is known below by the first name.
    byte[] below = present != null && present.length > 0 ? present : name;
    byte[] redirect = byName ? below : path(parent, below);
    if (redirect.length > MAX) {
      throw ErrnoException.of(Errno.EXDEV); // so that mv(1) copies instead
    }
    Xattrs.set(upper.number(), Names.EMPTY, overlay.xattrs.redirect, redirect, 0);
  }

  /** Two names of a file may be in two directories, whatever happens to one of them. */
  private boolean hasLowerLinks(Node node) throws ErrnoException {
    Stat stat = new Stat();
    try (LayerAccess.Place below = overlay.access.lowerData(node)) {
      Files.stat(below.dirfd(), below.name(), stat);
    }
    return stat.nlink > 1;
  }

  /**
   * The path of a name from the roots of the lower layers: its own path, with every part replaced
   * that has been redirected itself. It is looked up as any other path is, so redirects of lower
   * layers need no regard.
   */
  private byte[] path(Directory parent, byte[] name) throws ErrnoException {
    Deque<byte[]> parts = new ArrayDeque<>();
    parts.push(name);
    Directory above = parent;
    while (above != null && above.parent() != null) {
      byte[] redirect = redirectOf(above);
      parts.push(redirect != null ? redirect : above.name());
      if (redirect != null && redirect[0] == '/') {
        break;
      }
      above = above.parent();
    }
    byte[] path = Names.EMPTY;
    for (byte[] part : parts) {
      path = part[0] == '/' ? part : Names.concat(Names.concat(path, Names.ascii("/")), part);
    }
    return path;
  }

  private byte @Nullable [] redirectOf(Directory directory) throws ErrnoException {
    if (!directory.hasUpper()) {
      return null;
    }
    try (Shared at = overlay.descriptors.upper(directory)) {
      byte[] redirect = Xattrs.find(at.number(), Names.EMPTY, overlay.xattrs.redirect);
      return redirect == null || redirect.length == 0 ? null : redirect;
    }
  }
}
