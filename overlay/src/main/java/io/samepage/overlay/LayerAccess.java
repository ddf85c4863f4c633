package io.samepage.overlay;

import io.samepage.fuse.Attributes;
import io.samepage.overlay.Descriptors.Shared;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The way from a node to its files in the layers. Callers hold the tree lock, since upper files are
 * found by their names.
 */
final class LayerAccess {
  private static final int PATH = Linux.O_PATH | Linux.O_NOFOLLOW;

  private final Descriptors descriptors;
  private final LayerStack layers;
  private final OverlayXattrs xattrs;
  private final @Nullable HardLinkIndex index;
  private final Partials partials;

  LayerAccess(
      Descriptors descriptors,
      LayerStack layers,
      OverlayXattrs xattrs,
      @Nullable HardLinkIndex index,
      Partials partials) {
    this.partials = partials;
    this.descriptors = descriptors;
    this.layers = layers;
    this.xattrs = xattrs;
    this.index = index;
  }

  /** A file as a directory's descriptor and a name in it; the name is empty for the file itself. */
  static final class Place implements AutoCloseable {
    private final Shared directory;
    private final byte[] name;

    Place(Shared directory, byte[] name) {
      this.directory = directory;
      this.name = name;
    }

    int dirfd() {
      return directory.number();
    }

    byte[] name() {
      return name;
    }

    @Override
    public void close() {
      directory.close();
    }
  }

  /** Where a node's metadata are. */
  Place metadata(Node node) throws ErrnoException {
    if (node.hasUpper()) {
      return upper(node);
    }
    if (node instanceof Directory directory) {
      return new Place(descriptors.lower(directory.lowers()[0]), Names.EMPTY);
    }
    if (node instanceof SplitNode split) {
      return new Place(descriptors.lower(split.metadataDirectory()), split.metadataName());
    }
    return lowerData(node);
  }

  /** The layer of {@link #metadata}. */
  Layer layer(Node node) {
    Layer upper = layers.upper();
    if (node.hasUpper() && upper != null) {
      return upper;
    }
    if (node instanceof Directory directory) {
      return directory.lowers()[0].layer();
    }
    if (node instanceof SplitNode split) {
      return split.metadataDirectory().layer();
    }
    return Objects.requireNonNull(node.lowerDirectory()).layer();
  }

  /** Where a node's upper file is. */
  Place upper(Node node) throws ErrnoException {
    Fd anchor = node.anchor();
    if (anchor != null) {
      return new Place(new Shared(new Fd(Files.dup(anchor.number()))), Names.EMPTY);
    }
    Directory parent = node.parent();
    if (parent != null) {
      return new Place(descriptors.upper(parent), node.name());
    }
    if (node instanceof Directory directory) {
      return new Place(descriptors.upper(directory), Names.EMPTY);
    }
    throw ErrnoException.of(Errno.ESTALE);
  }

  /** Where a node's lower data are. */
  Place lowerData(Node node) throws ErrnoException {
    LayerDirectory directory = node.lowerDirectory();
    byte[] name = node.lowerName();
    if (directory == null || name == null) {
      throw ErrnoException.of(Errno.EIO);
    }
    return new Place(descriptors.lower(directory), name);
  }

  /** An O_PATH descriptor of where a node's metadata are. */
  Fd openMetadata(Node node) throws ErrnoException {
    try (Place place = metadata(node)) {
      return openPath(place);
    }
  }

  /** An O_PATH descriptor of a place. */
  static Fd openPath(Place place) throws ErrnoException {
    return new Fd(
        place.name().length == 0
            ? Files.dup(place.dirfd())
            : Files.open(place.dirfd(), place.name(), PATH, 0));
  }

  /** Opens a place with other flags than O_PATH. */
  static Fd open(Place place, int flags) throws ErrnoException {
    return new Fd(
        place.name().length == 0
            ? Files.reopen(place.dirfd(), flags)
            : Files.open(place.dirfd(), place.name(), flags | Linux.O_NOFOLLOW, 0));
  }

  /** Reads what holds the metadata of a node. */
  void stat(Node node, Stat stat) throws ErrnoException {
    try (Place place = metadata(node)) {
      Files.stat(place.dirfd(), place.name(), stat);
    }
    complete(node, stat);
  }

  /** The blocks of data that are in another file; {@code missing} if that file is not there. */
  private long dataBlocks(Node node, long missing) throws ErrnoException {
    Stat data = new Stat();
    try (Place place = lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), data);
      return data.blocks;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT) {
        return missing; // it is not in the data-only layers: who opens it is told
      }
      throw e;
    }
  }

  /** Puts right in {@code stat} what the file with the metadata cannot know. */
  void complete(Node node, Stat stat) throws ErrnoException {
    if (node instanceof Directory directory) {
      if (directory.isMerged()) {
        stat.nlink = 1; // not counted, as with the kernel's overlayfs; find(1) understands that
      }
      return;
    }
    if (node.isMetacopy() || node instanceof SplitNode) {
      stat.blocks = dataBlocks(node, stat.blocks);
    }
    if (node.isPartial()) {
      partials.show(node, stat);
    }
    if (node.isIndexed() && index != null) {
      try (Fd fd = openMetadata(node)) {
        stat.nlink = index.nlink(fd.number(), stat, lowerNlink(fd));
      }
    } else if (node.isRemoved() && !node.hasUpper()) {
      stat.nlink = 0; // the lower file keeps its name, but the overlay has none for it any more
    }
  }

  /** How many names the lower file has that an upper one was copied from; 0 if unknown. */
  int lowerNlink(Fd upper) throws ErrnoException {
    byte[] origin = xattrs.read(upper.number(), Names.EMPTY).origin();
    Stat below = new Stat();
    return origin != null && layers.findOrigin(origin, below) ? below.nlink : 0;
  }

  /** Shows attributes to the kernel. */
  static void show(Node node, Stat stat, Attributes attributes) {
    node.note(stat);
    attributes.ino = node.ino();
    attributes.size = stat.size;
    attributes.blocks = stat.blocks;
    attributes.atimeSeconds = stat.atimeSeconds;
    attributes.atimeNanos = stat.atimeNanos;
    attributes.mtimeSeconds = stat.mtimeSeconds;
    attributes.mtimeNanos = stat.mtimeNanos;
    attributes.ctimeSeconds = stat.ctimeSeconds;
    attributes.ctimeNanos = stat.ctimeNanos;
    attributes.btimeSeconds = stat.btimeSeconds;
    attributes.btimeNanos = stat.btimeNanos;
    attributes.hasBtime = stat.hasBtime;
    attributes.mode = stat.mode;
    attributes.nlink = stat.nlink;
    attributes.uid = stat.uid;
    attributes.gid = stat.gid;
    attributes.rdev = stat.rdev();
    attributes.blksize = stat.blksize;
    attributes.statxAttributes = stat.attributes;
    attributes.statxAttributesMask = stat.attributesMask;
  }
}
