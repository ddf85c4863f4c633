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
  private final DataLayers dataLayers;

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
    this.dataLayers = new DataLayers(layers, descriptors);
  }

  /** The root of the overlay: all layers' roots merged. */
  static Directory root(LayerStack layers, OverlayXattrs xattrs) throws ErrnoException {
    Stat stat = new Stat();
    Layer upper = layers.upper();
    List<LayerDirectory> lowers = new ArrayList<>();
    for (Layer layer : layers.lowers()) {
      LayerDirectory directory = layer.rootDirectory();
      lowers.add(directory);
      if (xattrs.read(layer.rootFd(), Names.EMPTY).mayHoldXattrWhiteouts()) {
        directory.setXattrWhiteouts();
      }
      // overlay.opaque says nothing of a root, since it goes with a directory's name: the kernel
      // merges all roots. AUFS's mark is a name in the directory and hides what lies below.
      if (Files.tryStat(layer.rootFd(), Names.AUFS_OPAQUE, stat) == 0) {
        break;
      }
    }
    Files.stat(upper != null ? upper.rootFd() : lowers.get(0).layer().rootFd(), stat);
    long ino = layers.numbers().number(stat.dev(), stat.ino);
    Directory root = new Directory(null, Names.EMPTY, ino, lowers.toArray(NO_LOWERS));
    if (upper != null) {
      root.setUpper();
      if (xattrs.read(upper.rootFd(), Names.EMPTY).isImpure()) {
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
    LowerSearch search = search(parent, name);
    boolean upperDirectory = false;
    boolean impure = false;
    boolean bare = false;
    boolean immutable = false;
    boolean appendOnly = false;
    Stat upperStat = null;
    if (parent.hasUpper()) {
      try (Shared above = descriptors.upper(parent)) {
        int errno = Files.tryStat(above.number(), name, stat);
        if (errno == 0) {
          if (xattrs.isWhiteout(above.number(), name, stat)) {
            return null;
          }
          if (!stat.isDirectory()) {
            return upperFile(parent, name, above.number(), stat, search);
          }
          upperDirectory = true;
          Marks marks = xattrs.read(above.number(), name);
          impure = marks.isImpure();
          bare = marks.isBare();
          immutable = marks.isImmutable();
          appendOnly = marks.isAppendOnly();
          search.wantDirectory();
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
    boolean lowerBare = false;
    long ino = 0;
    Stat found = new Stat();
    while (search.next(found)) {
      if (!found.isDirectory()) {
        copy(found, stat);
        return lowerFile(parent, name, stat, search);
      }
      if (directories == null) {
        directories = new ArrayList<>(2);
        ino = layers.numbers().number(found.dev(), found.ino);
        copy(found, stat);
        lowerBare = search.isBare();
      }
      directories.add(search.enter());
    }
    search.checkFollowed();
    if (upperDirectory) {
      Stat own = upperStat != null ? upperStat : stat;
      if (directories == null) {
        ino = layers.numbers().number(own.dev(), own.ino);
      }
      Directory directory =
          new Directory(
              parent, name, ino, directories == null ? NO_LOWERS : directories.toArray(NO_LOWERS));
      directory.setUpper();
      directory.setBare(bare);
      if (impure) {
        directory.setImpure();
      }
      directory.noteProtection(immutable, appendOnly);
      return new Found(directory, null);
    }
    if (directories == null) {
      return null;
    }
    Directory directory = new Directory(parent, name, ino, directories.toArray(NO_LOWERS));
    directory.setBare(lowerBare);
    return new Found(directory, null);
  }

  /** Whether any lower layer shows a name in a directory, so that removing it needs a whiteout. */
  boolean isInLowers(Directory parent, byte[] name) throws ErrnoException {
    if (!parent.hasLowers() || Names.isAufsMark(name)) {
      return false;
    }
    return search(parent, name).next(new Stat());
  }

  private LowerSearch search(Directory parent, byte[] name) {
    return new LowerSearch(layers, xattrs, config, descriptors, parent.lowers(), name);
  }

  private static void copy(Stat from, Stat to) {
    if (from != to) {
      to.set(from);
    }
  }

  private Found upperFile(Directory parent, byte[] name, int dirfd, Stat stat, LowerSearch search)
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
    node.setBare(marks.isBare());
    node.noteProtection(marks.isImmutable(), marks.isAppendOnly());
    if (indexed) {
      node.setIndexed();
    }
    if (marks.isMetacopy() && stat.isRegular()) {
      search.wantData();
      search.redirect(marks.redirect());
      findData(search, node, stat);
      node.setMetacopy(true);
    }
    return new Found(node, key);
  }

  private Found lowerFile(Directory parent, byte[] name, Stat stat, LowerSearch search)
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
        Found copied = copiedUpByAnotherName(parent, name, search, stat);
        if (copied != null) {
          return copied;
        }
      }
    }
    long ino = layers.numbers().number(stat.dev(), stat.ino);
    Node node;
    if (stat.isRegular() && search.isMetacopy()) {
      node = new SplitNode(parent, name, stat.mode, ino, directory, lowerName);
      findData(search, node, stat);
    } else {
      node = new Node(parent, name, stat.mode, ino);
      node.setBare(search.isBare());
      node.setLower(directory, Arrays.equals(lowerName, name) ? name : lowerName);
    }
    return new Found(node, key);
  }

  /**
   * A lower file with several names of which another was copied up: the index has the upper one.
   */
  private @Nullable Found copiedUpByAnotherName(
      Directory parent, byte[] name, LowerSearch search, Stat stat) throws ErrnoException {
    HardLinkIndex links = index;
    if (links == null) {
      return null;
    }
    LayerDirectory directory = search.directory();
    try (Shared at = descriptors.lower(directory)) {
      Fd upper = links.open(Origin.encode(directory.layer(), at.number(), search.name()));
      if (upper == null) {
        return null;
      }
      long ino = layers.numbers().number(stat.dev(), stat.ino);
      Stat below = new Stat();
      below.set(stat);
      Files.stat(upper.number(), stat);
      // By the upper inode, as its upper names find it: two nodes would cache attributes apart.
      InodeKey key = new InodeKey(stat.dev(), stat.ino);
      Node known = nodes.byInode(key);
      if (known != null) {
        if (known.anchor() == null) {
          known.setAnchor(upper); // this name leads to no upper file, and may be the last one left
        } else {
          upper.close();
        }
        return new Found(known, key);
      }
      Node node = new Node(parent, name, stat.mode, ino);
      node.setUpper();
      node.setIndexed();
      node.setAnchor(upper);
      Marks marks = xattrs.read(upper.number(), Names.EMPTY);
      node.noteProtection(marks.isImmutable(), marks.isAppendOnly());
      if (marks.isMetacopy()) {
        node.setMetacopy(true);
        if (search.isMetacopy()) {
          findData(search, node, stat);
        } else {
          node.setLower(directory, search.name());
          stat.blocks = below.blocks;
        }
      }
      return new Found(node, key);
    }
  }

  /** Finds the data of a metacopy in the layers below it. */
  private void findData(LowerSearch search, Node node, Stat stat) throws ErrnoException {
    Stat data = new Stat();
    while (search.next(data)) {
      if (!search.isMetacopy()) {
        node.setLower(search.directory(), search.name());
        stat.blocks = data.blocks;
        return;
      }
    }
    byte[] path = search.dataPath();
    if (path != null) {
      DataLayers.Location location = dataLayers.find(path, data);
      node.setLower(location.directory, location.name);
      if (location.exists) {
        stat.blocks = data.blocks;
      }
      return;
    }
    search.checkFollowed();
    LOG.warn(
        "{}: a metacopy without the file below that holds its data; nobody can open it",
        Names.toString(node.name()));
    throw ErrnoException.of(Errno.EIO);
  }

  /**
   * What was found.
   *
   * @param key the inode below, if it has several names by which the node is to be found again
   */
  record Found(Node node, @Nullable InodeKey key) {
    /** Whether the node is in the table already. */
    boolean known() {
      return node.nodeid != 0;
    }
  }
}
