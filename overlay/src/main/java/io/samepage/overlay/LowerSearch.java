package io.samepage.overlay;

import io.samepage.overlay.Descriptors.Shared;
import io.samepage.overlay.OverlayXattrs.Marks;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A walk down the lower layers after one name, which redirects may change on the way
 * (ovl_lookup_layer and ovl_lookup_single in fs/overlayfs/namei.c); in each layer whiteouts, opaque
 * directories and their AUFS forms end it. For one look-up: its caller holds the tree lock and the
 * monitor of the directory.
 */
final class LowerSearch {
  private static final Logger LOG = LoggerFactory.getLogger(LowerSearch.class);
  private static final byte SLASH = '/';
  private static final byte[] SLASHES = {SLASH};

  private final LayerStack layers;
  private final OverlayXattrs xattrs;
  private final OverlayConfig config;
  private final Descriptors descriptors;
  private final Stat scratch = new Stat();
  private LayerDirectory[] bases;

  /** A name in the bases, or, from the first redirect with a path on, a path from the roots. */
  private byte[] wanted;

  private int at;
  private boolean fromRoots;
  private boolean over;
  private boolean directoryWanted;
  private boolean redirected;
  private @Nullable LayerDirectory directory;
  private byte[] name = Names.EMPTY;
  private boolean metacopy;

  /** See {@link #dataPath}. */
  private byte @Nullable [] dataPath;

  private boolean xattrWhiteouts;
  private boolean bare;

  /**
   * Begins in some directories, topmost first.
   *
   * @param wanted a name in them
   */
  LowerSearch(
      LayerStack layers,
      OverlayXattrs xattrs,
      OverlayConfig config,
      Descriptors descriptors,
      LayerDirectory[] bases,
      byte[] wanted) {
    this.layers = layers;
    this.xattrs = xattrs;
    this.config = config;
    this.descriptors = descriptors;
    this.bases = bases;
    this.wanted = wanted;
  }

  /** Nothing below counts any more. */
  void stop() {
    over = true;
  }

  /** A directory was found above: only directories can be merged with it. */
  void wantDirectory() {
    directoryWanted = true;
  }

  /** A metacopy was found above: only a regular file can hold its data. */
  void wantData() {
    metacopy = true;
  }

  /** Whether no layer is left to look in. */
  boolean isOver() {
    return over || at >= bases.length;
  }

  /** Where {@link #next} found something. */
  LayerDirectory directory() {
    if (directory == null) {
      throw new IllegalStateException("nothing was found");
    }
    return directory;
  }

  /** The name that it has there. */
  byte[] name() {
    return name;
  }

  /** Whether what was found last shows no attributes. */
  boolean isBare() {
    return bare;
  }

  /** Whether the last file that was found has its data further down. */
  boolean isMetacopy() {
    return metacopy;
  }

  /**
   * Where the data of the metacopy that was found last are in the {@link DataLayers}, if there are
   * such layers and it says so.
   */
  byte @Nullable [] dataPath() {
    return metacopy ? dataPath : null;
  }

  /** The directory that was found. */
  LayerDirectory enter() {
    LayerDirectory found = new LayerDirectory(directory().layer(), directory(), name);
    if (xattrWhiteouts) {
      found.setXattrWhiteouts();
    }
    return found;
  }

  /**
   * EPERM if what was found so far leads where this mount does not follow (6.16 and newer:
   * ovl_check_follow_redirect).
   */
  void checkFollowed() throws ErrnoException {
    if (metacopy && !config.metacopy()) {
      LOG.warn(
          "{}: a metacopy, which this mount does not follow; mount with metacopy=on to allow it",
          Names.toString(wanted));
      throw ErrnoException.of(Errno.EPERM);
    }
    if (redirected && !config.followRedirects()) {
      LOG.warn(
          "{}: a redirect that is not followed; mount with redirect_dir=follow to allow it",
          Names.toString(wanted));
      throw ErrnoException.of(Errno.EPERM);
    }
  }

  /** Goes on under another name, or under another path from the roots of the layers. */
  void redirect(byte @Nullable [] target) throws ErrnoException {
    redirect(target, 0, Names.EMPTY);
    startFromRoots(0);
  }

  /**
   * Replaces the component that was looked at last.
   *
   * @param before how much of the path comes before that component
   * @param after the path after it, with its slash
   */
  private void redirect(byte @Nullable [] target, int before, byte[] after) throws ErrnoException {
    if (target == null) {
      return;
    }
    if (!isValid(target)) {
      LOG.warn("{}: a damaged redirect, {}", Names.toString(wanted), Names.toString(target));
      throw ErrnoException.of(Errno.EINVAL);
    }
    redirected = true;
    if (target[0] == SLASH) {
      wanted = Names.concat(target, after);
      over = false; // a directory on the way may have been opaque: the path says where to go on
    } else {
      wanted = Names.concat(Names.concat(Arrays.copyOf(wanted, before), target), after);
    }
  }

  /** Goes on from the roots below a layer, once the path says so. */
  private void startFromRoots(int layerIndex) {
    if (!fromRoots && wanted[0] == SLASH) {
      fromRoots = true;
      at = 0;
      bases =
          layers.lowers().stream()
              .filter(layer -> layer.index() > layerIndex)
              .map(Layer::rootDirectory)
              .toArray(LayerDirectory[]::new);
    }
  }

  /** An absolute path without empty components, or a name. */
  private static boolean isValid(byte[] target) {
    if (target.length == 0) {
      return false;
    }
    boolean absolute = target[0] == SLASH;
    for (int i = 0; i < target.length; i++) {
      if (target[i] == 0
          || (target[i] == SLASH
              && (!absolute || i + 1 == target.length || target[i + 1] == SLASH))) {
        return false;
      }
    }
    return true;
  }

  /** The next layer that has the name, in {@code stat}; false if there is none. */
  boolean next(Stat stat) throws ErrnoException {
    while (!isOver()) {
      checkFollowed();
      LayerDirectory base = bases[at++];
      boolean last =
          config.followRedirects()
              ? base.layer().index() == layers.lowers().size()
              : at == bases.length;
      boolean found =
          wanted[0] == SLASH
              ? walk(base, last, stat)
              : look(base, wanted, 0, Names.EMPTY, last, stat);
      if (found) {
        startFromRoots(base.layer().index());
        return true;
      }
    }
    return false;
  }

  /** Looks the path that is wanted up in a layer. Redirects on the way hold for layers below. */
  private boolean walk(LayerDirectory root, boolean last, Stat stat) throws ErrnoException {
    LayerDirectory reached = root;
    // Counted from the end, since redirects change what comes before.
    int rest = wanted.length - 1;
    while (true) {
      int start = wanted.length - rest;
      int end = start;
      while (end < wanted.length && wanted[end] != SLASH) {
        end++;
      }
      byte[] component = Arrays.copyOfRange(wanted, start, end);
      byte[] after = Arrays.copyOfRange(wanted, end, wanted.length);
      if (!look(reached, component, start, after, last, after.length == 0 ? stat : scratch)) {
        return false;
      }
      if (after.length == 0) {
        return true;
      }
      reached = new LayerDirectory(reached.layer(), reached, component);
      rest = after.length - 1;
    }
  }

  /** Whether a directory hides a name of the layers below; beside the name, it stops a merge. */
  private boolean hasAufsWhiteout(LayerDirectory base, int fd, byte[] hidden)
      throws ErrnoException {
    return !base.withoutAufsMarks() && Files.tryStat(fd, Names.aufsWhiteout(hidden), scratch) == 0;
  }

  /**
   * Looks at one name in one directory.
   *
   * @param before how much of the path comes before that name
   * @param after the path after it, with its slash; empty if it is the one that is wanted
   * @param last whether no layer can come after this one
   */
  private boolean look(
      LayerDirectory base, byte[] component, int before, byte[] after, boolean last, Stat stat)
      throws ErrnoException {
    if (Names.isDots(component)) {
      throw ErrnoException.of(Errno.EACCES); // as the kernel has it, of a redirect over ".."
    }
    boolean isWanted = after.length == 0;
    try (Shared above = descriptors.lower(base)) {
      int dirfd = above.number();
      int errno = Files.tryStat(dirfd, component, stat);
      if (errno == Errno.ENOENT || errno == Errno.ENAMETOOLONG) {
        if (!last && hasAufsWhiteout(base, dirfd, component)) {
          over = true;
        }
        return false;
      }
      if (errno != 0) {
        throw ErrnoException.of(errno);
      }
      if (xattrs.isWhiteout(dirfd, component, stat)
          || (isWanted && metacopy && !stat.isRegular())
          || (!stat.isDirectory() && (directoryWanted || !isWanted))) {
        over = true;
        return false;
      }
      if (isWanted) {
        directory = base;
        name = component;
        xattrWhiteouts = false;
      }
      Marks marks =
          stat.isDirectory() || stat.isRegular() ? xattrs.read(dirfd, component) : Marks.UNREAD;
      bare = marks.isBare();
      if (!stat.isDirectory()) {
        metacopy = marks.isMetacopy() && stat.isRegular();
        over = !metacopy;
        dataPath = null;
        if (over || (last && layers.dataOnly().isEmpty())) {
          return true;
        }
      } else {
        directoryWanted |= isWanted;
        if (last) {
          return true;
        }
        xattrWhiteouts = isWanted && marks.mayHoldXattrWhiteouts();
        if (marks.isOpaque()) {
          over = true;
          return true;
        }
        byte[] mark = Names.concat(Names.concat(component, SLASHES), Names.AUFS_OPAQUE);
        if (Files.tryStat(dirfd, mark, scratch) == 0 || hasAufsWhiteout(base, dirfd, component)) {
          over = true;
          return true;
        }
      }
      byte[] target = marks.redirect();
      redirect(target, before, after);
      if (isWanted
          && metacopy
          && target != null
          && target[0] == SLASH
          && !layers.dataOnly().isEmpty()) {
        dataPath = target;
      }
      return true;
    }
  }
}
