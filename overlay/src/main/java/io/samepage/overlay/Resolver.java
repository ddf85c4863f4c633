package io.samepage.overlay;

import io.samepage.overlay.Descriptors.Shared;
import io.samepage.overlay.NodeTable.InodeKey;
import io.samepage.overlay.OverlayXattrs.Marks;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds what a name in a directory of the overlay stands for in the layers: the rules of
 * fs/overlayfs/namei.c (ovl_lookup), and in lower layers those of AUFS and OCI whiteouts as well.
 *
 * <p>Callers hold the tree lock and the monitor of the directory. Nodes that are returned are not
 * in the {@link NodeTable} yet, unless they have a nodeid.
 */
final class Resolver {
  private static final Logger LOG = LoggerFactory.getLogger(Resolver.class);
  private static final LayerDirectory[] NO_LOWERS = {};

  private final LayerStack layers;
  private final OverlayXattrs xattrs;
  private final OverlayConfig config;
  private final Descriptors descriptors;
  private final NodeTable nodes;
  private final @Nullable HardLinkIndex index;

  Resolver(
      LayerStack layers,
      OverlayXattrs xattrs,
      OverlayConfig config,
      Descriptors descriptors,
      NodeTable nodes,
      @Nullable HardLinkIndex index) {
    this.layers = layers;
    this.xattrs = xattrs;
    this.config = config;
    this.descriptors = descriptors;
    this.nodes = nodes;
    this.index = index;
  }

  /** The root of the overlay: all layers' roots merged. */
  static Directory root(LayerStack layers, OverlayXattrs xattrs) throws ErrnoException {
    Stat stat = new Stat();
    Layer upper = layers.upper();
    boolean opaque = false;
    boolean impure = false;
    if (upper != null) {
      Marks marks = xattrs.read(upper.rootFd(), Names.EMPTY);
      opaque = marks.isOpaque();
      impure = marks.isImpure();
    }
    List<LayerDirectory> lowers = new ArrayList<>();
    for (Layer layer : layers.lowers()) {
      if (opaque) {
        break;
      }
      LayerDirectory directory = layer.rootDirectory();
      lowers.add(directory);
      Marks marks = xattrs.read(layer.rootFd(), Names.EMPTY);
      if (marks.mayHoldXattrWhiteouts()) {
        directory.setXattrWhiteouts();
      }
      opaque = marks.isOpaque() || Files.tryStat(layer.rootFd(), Names.AUFS_OPAQUE, stat) == 0;
    }
    int fd = lowers.isEmpty() && upper != null ? upper.rootFd() : lowers.get(0).layer().rootFd();
    Files.stat(fd, stat);
    long ino = layers.numbers().number(stat.dev(), stat.ino);
    Directory root = new Directory(null, Names.EMPTY, ino, lowers.toArray(NO_LOWERS));
    if (upper != null) {
      root.setUpper();
      if (impure) {
        root.setImpure();
      }
    }
    return root;
  }

  /**
   * Looks a name up.
   *
   * @param stat filled with what holds the metadata of the node
   * @return null if there is no such name
   */
  @Nullable Found find(Directory parent, byte[] name, Stat stat) throws ErrnoException {
    Search search = new Search(parent.lowers(), name);
    boolean upperDirectory = false;
    boolean impure = false;
    Stat upperStat = null;
    if (parent.hasUpper()) {
      try (Shared above = descriptors.upper(parent)) {
        int errno = Files.tryStat(above.number(), name, stat);
        if (errno == 0) {
          if (stat.isZeroDevice()) {
            return null;
          }
          if (!stat.isDirectory()) {
            return upperFile(parent, name, above.number(), stat, search);
          }
          upperDirectory = true;
          Marks marks = xattrs.read(above.number(), name);
          impure = marks.isImpure();
          if (marks.isOpaque()) {
            search.stop();
          } else {
            search.redirect(marks.redirect());
          }
        } else if (errno != Errno.ENOENT) {
          throw ErrnoException.of(errno);
        }
      }
    }
    if (Names.isAufsMark(name)) {
      search.stop(); // in a lower layer, such a name is a mark and no file
    }
    if (upperDirectory && !search.isOver()) {
      upperStat = stat;
      stat = new Stat();
    }
    List<LayerDirectory> directories = null;
    long ino = 0;
    Stat found = new Stat();
    while (search.next(found)) {
      if (!found.isDirectory()) {
        if (upperDirectory || directories != null) {
          break;
        }
        copy(found, stat);
        return lowerFile(parent, name, stat, search);
      }
      if (directories == null) {
        directories = new ArrayList<>(2);
        ino = layers.numbers().number(found.dev(), found.ino);
        copy(found, stat);
      }
      directories.add(search.enter());
    }
    if (upperDirectory) {
      Stat own = upperStat != null ? upperStat : stat;
      if (directories == null) {
        ino = layers.numbers().number(own.dev(), own.ino);
      }
      Directory directory =
          new Directory(
              parent, name, ino, directories == null ? NO_LOWERS : directories.toArray(NO_LOWERS));
      directory.setUpper();
      if (impure) {
        directory.setImpure();
      }
      return new Found(directory, null);
    }
    return directories == null
        ? null
        : new Found(new Directory(parent, name, ino, directories.toArray(NO_LOWERS)), null);
  }

  /** Whether any lower layer shows a name in a directory, so that removing it needs a whiteout. */
  boolean isInLowers(Directory parent, byte[] name) throws ErrnoException {
    if (!parent.hasLowers() || Names.isAufsMark(name)) {
      return false;
    }
    return new Search(parent.lowers(), name).next(new Stat());
  }

  private static void copy(Stat from, Stat to) {
    if (from != to) {
      to.set(from);
    }
  }

  private Found upperFile(Directory parent, byte[] name, int dirfd, Stat stat, Search search)
      throws ErrnoException {
    Marks marks = xattrs.read(dirfd, name);
    InodeKey key = null;
    if (stat.nlink > 1) {
      key = new InodeKey(stat.dev(), stat.ino);
      Node known = nodes.byInode(key);
      if (known != null) {
        return new Found(known, key);
      }
    }
    long ino = layers.numbers().number(stat.dev(), stat.ino);
    boolean indexed = index != null && marks.hasNlink();
    byte[] origin = marks.origin();
    if (origin != null && origin.length > 0) {
      Stat below = new Stat();
      // A lower file with several names may have been copied up more than once: not the same file.
      if (layers.findOrigin(origin, below)
          && below.type() == stat.type()
          && (below.nlink == 1 || indexed)) {
        ino = layers.numbers().number(below.dev(), below.ino);
      }
    }
    Node node = new Node(parent, name, stat.mode, ino);
    node.setUpper();
    if (indexed) {
      node.setIndexed();
    }
    if (marks.isMetacopy() && stat.isRegular()) {
      search.redirect(marks.redirect());
      Stat data = new Stat();
      if (!findData(search, data)) {
        LOG.warn(
            "{}: a metacopy without the file below that holds its data; reads give EIO",
            Names.toString(name));
        throw ErrnoException.of(Errno.EIO);
      }
      node.setMetacopy(true);
      node.setLower(search.directory(), search.name());
      stat.blocks = data.blocks;
    }
    return new Found(node, key);
  }

  private Found lowerFile(Directory parent, byte[] name, Stat stat, Search search)
      throws ErrnoException {
    LayerDirectory directory = search.directory();
    byte[] lowerName = search.name();
    InodeKey key = null;
    if (stat.nlink > 1) {
      key = new InodeKey(stat.dev(), stat.ino);
      Node known = nodes.byInode(key);
      if (known != null) {
        return new Found(known, key);
      }
      if (index != null) {
        Node copied = copiedUpByAnotherName(parent, name, directory, lowerName, stat);
        if (copied != null) {
          return new Found(copied, key);
        }
      }
    }
    long ino = layers.numbers().number(stat.dev(), stat.ino);
    Node node;
    if (stat.isRegular() && search.isMetacopy()) {
      node = new SplitNode(parent, name, stat.mode, ino, directory, lowerName);
      Stat data = new Stat();
      if (!findData(search, data)) {
        LOG.warn(
            "{}: a metacopy without the file below that holds its data; reads give EIO",
            Names.toString(name));
        throw ErrnoException.of(Errno.EIO);
      }
      node.setLower(search.directory(), search.name());
      stat.blocks = data.blocks;
    } else {
      node = new Node(parent, name, stat.mode, ino);
      node.setLower(directory, Arrays.equals(lowerName, name) ? name : lowerName);
    }
    return new Found(node, key);
  }

  /**
   * A lower file with several names of which another was copied up: the index has the upper one.
   */
  private @Nullable Node copiedUpByAnotherName(
      Directory parent, byte[] name, LayerDirectory directory, byte[] lowerName, Stat stat)
      throws ErrnoException {
    HardLinkIndex links = index;
    if (links == null) {
      return null;
    }
    try (Shared at = descriptors.lower(directory)) {
      Fd upper = links.open(Origin.encode(directory.layer(), at.number(), lowerName));
      if (upper == null) {
        return null;
      }
      long ino = layers.numbers().number(stat.dev(), stat.ino);
      Node node = new Node(parent, name, stat.mode, ino);
      node.setUpper();
      node.setIndexed();
      node.setAnchor(upper);
      Files.stat(upper.number(), stat);
      return node;
    }
  }

  private static boolean findData(Search search, Stat data) throws ErrnoException {
    while (search.next(data)) {
      if (!data.isRegular()) {
        return false;
      }
      if (!search.isMetacopy()) {
        return true;
      }
    }
    return false;
  }

  /**
   * What was found.
   *
   * @param key the inode below, if it has several names by which the node is to be found again
   */
  record Found(Node node, @Nullable InodeKey key) {}

  /** A walk down the lower layers after one name, which redirects may change on the way. */
  private final class Search {
    private final Stat scratch = new Stat();
    private LayerDirectory[] bases;
    private byte[] wanted;
    private int at;
    private int layerIndex;
    private boolean over;
    private @Nullable LayerDirectory directory;
    private byte[] name = Names.EMPTY;
    private boolean metacopy;
    private boolean xattrWhiteouts;

    Search(LayerDirectory[] bases, byte[] wanted) {
      this.bases = bases;
      this.wanted = wanted;
    }

    void stop() {
      over = true;
    }

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

    byte[] name() {
      return name;
    }

    boolean isMetacopy() {
      return metacopy;
    }

    /** The directory that was found. */
    LayerDirectory enter() {
      LayerDirectory found = new LayerDirectory(directory().layer(), directory(), name);
      if (xattrWhiteouts) {
        found.setXattrWhiteouts();
      }
      return found;
    }

    /** Goes on under another name, or under another path from the roots of the layers. */
    void redirect(byte @Nullable [] target) throws ErrnoException {
      if (target == null) {
        return;
      }
      if (!config.followRedirects()) {
        LOG.warn(
            "{}: a redirect that is not followed; mount with redirect_dir=follow to allow it",
            Names.toString(wanted));
        throw ErrnoException.of(Errno.EPERM);
      }
      if (!isValid(target)) {
        LOG.warn("{}: a damaged redirect, {}", Names.toString(wanted), Names.toString(target));
        throw ErrnoException.of(Errno.EINVAL);
      }
      wanted = target;
      if (target[0] == '/') {
        bases =
            layers.lowers().stream()
                .filter(layer -> layer.index() > layerIndex)
                .map(Layer::rootDirectory)
                .toArray(LayerDirectory[]::new);
        at = 0;
      }
    }

    private static boolean isValid(byte[] target) {
      if (target.length == 0) {
        return false;
      }
      boolean absolute = target[0] == '/';
      int start = absolute ? 1 : 0;
      for (int i = start; i <= target.length; i++) {
        if (i == target.length || target[i] == '/') {
          int length = i - start;
          boolean dots =
              (length == 1 && target[start] == '.')
                  || (length == 2 && target[start] == '.' && target[start + 1] == '.');
          if (length == 0 || dots || (i < target.length && !absolute)) {
            return false;
          }
          start = i + 1;
        }
      }
      return true;
    }

    /** The next layer that has the name, in {@code stat}; false if there is none. */
    boolean next(Stat stat) throws ErrnoException {
      while (!isOver()) {
        LayerDirectory base = bases[at++];
        layerIndex = base.layer().index();
        byte[] last = wanted;
        if (wanted[0] == '/') {
          int slash = wanted.length - 1;
          while (wanted[slash] != '/') {
            slash--;
          }
          last = Arrays.copyOfRange(wanted, slash + 1, wanted.length);
          base = walk(base, wanted, slash);
          if (base == null) {
            continue;
          }
        }
        if (look(base, last, stat)) {
          return true;
        }
      }
      return false;
    }

    /** The directory that a path leads to in a layer, without its last component. */
    private @Nullable LayerDirectory walk(LayerDirectory root, byte[] path, int end)
        throws ErrnoException {
      LayerDirectory reached = root;
      int start = 1;
      while (start < end) {
        int slash = start;
        while (slash < end && path[slash] != '/') {
          slash++;
        }
        byte[] component = Arrays.copyOfRange(path, start, slash);
        start = slash + 1;
        try (Shared above = descriptors.lower(reached)) {
          if (Files.tryStat(above.number(), component, scratch) != 0 || !scratch.isDirectory()) {
            return null;
          }
        }
        reached = new LayerDirectory(reached.layer(), reached, component);
      }
      return reached;
    }

    private boolean look(LayerDirectory base, byte[] last, Stat stat) throws ErrnoException {
      boolean bottom = base.layer().index() == layers.lowers().size();
      try (Shared above = descriptors.lower(base)) {
        int errno = Files.tryStat(above.number(), last, stat);
        if (errno == Errno.ENOENT || errno == Errno.ENAMETOOLONG) {
          if (at < bases.length
              && !base.withoutAufsMarks()
              && Files.tryStat(above.number(), Names.aufsWhiteout(last), scratch) == 0) {
            over = true;
          }
          return false;
        }
        if (errno != 0) {
          throw ErrnoException.of(errno);
        }
        if (stat.isZeroDevice()) {
          over = true;
          return false;
        }
        Marks marks = Marks.NONE;
        boolean maybeWhiteout = base.xattrWhiteouts() && stat.isRegular() && stat.size == 0;
        boolean isDirectory = stat.isDirectory();
        if (maybeWhiteout || (!bottom && (isDirectory || stat.isRegular())) || isDirectory) {
          marks = xattrs.read(above.number(), last);
          if (maybeWhiteout && marks.isWhiteout()) {
            over = true;
            return false;
          }
        }
        directory = base;
        name = last;
        metacopy = marks.isMetacopy() && stat.isRegular() && !bottom;
        xattrWhiteouts = marks.mayHoldXattrWhiteouts();
        if (isDirectory) {
          if (marks.isOpaque()) {
            over = true;
          } else if (!bottom) {
            byte[] mark = Names.concat(Names.concat(last, SLASH), Names.AUFS_OPAQUE);
            if (Files.tryStat(above.number(), mark, scratch) == 0) {
              over = true;
            } else {
              redirect(marks.redirect());
            }
          }
        } else if (metacopy) {
          redirect(marks.redirect());
        } else {
          over = true;
        }
        return true;
      }
    }
  }

  private static final byte[] SLASH = {'/'};
}
