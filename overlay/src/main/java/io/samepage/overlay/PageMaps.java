package io.samepage.overlay;

import io.samepage.dedup.Content;
import io.samepage.dedup.FileKey;
import io.samepage.dedup.StableFile;
import io.samepage.dedup.pages.PageState;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.PageMap.Extent;
import io.samepage.overlay.PageMap.State;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Says of a file which pages it uses, for an administrator. Thread-safe. */
final class PageMaps {
  private static final int PAGE = 4096;

  private final Overlay overlay;
  private final @Nullable Sharing sharing;
  private final byte @Nullable [] upper;
  private final List<byte[]> lowers;

  /**
   * For one mount.
   *
   * @param upper where the upper layer is; null if there is none
   * @param lowers where the lower ones are, topmost first
   */
  PageMaps(
      Overlay overlay, @Nullable Sharing sharing, byte @Nullable [] upper, List<byte[]> lowers) {
    this.overlay = overlay;
    this.sharing = sharing;
    this.upper = upper;
    this.lowers = lowers;
  }

  /**
   * The page map of a nodeid, or of what superseded it: ESTALE if the kernel does not know it any
   * more, EINVAL if it is no regular file.
   */
  PageMap of(long nodeid) throws ErrnoException {
    Node node = overlay.node(nodeid);
    if (!node.isRegular()) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    overlay.tree.readLock().lock();
    try {
      Stat stat = new Stat();
      overlay.access.stat(node, stat);
      OpenFiles.Use use = overlay.openFiles.use(node);
      List<Extent> pages = partial(node, stat);
      if (pages != null) {
        return new PageMap(node.ino(), stat.size, use.open(), false, pages);
      }
      Extent all =
          node.hasUpper() && !node.isMetacopy() ? upper(node, stat) : lower(node, stat, use);
      return new PageMap(
          node.ino(),
          stat.size,
          use.open(),
          use.passthrough(),
          all.pages() == 0 ? List.of() : List.of(all));
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  /** What the pages of a file use that is copied up page by page; null if it is not. */
  private @Nullable List<Extent> partial(Node node, Stat stat) throws ErrnoException {
    try (Partials.Use copy = overlay.partials.use(node)) {
      if (copy == null) {
        return null;
      }
      Extent own = lower(node, stat, new OpenFiles.Use(true, false, null, false));
      Stat above = new Stat();
      Files.stat(copy.file().data(), above);
      List<Extent> extents = new ArrayList<>();
      copy.file()
          .forEachExtent(
              extent ->
                  extents.add(
                      extent.state() == PageState.OWN
                          ? part(own, extent.first(), extent.count())
                          : above(above, extent.first(), extent.count())));
      long end = extents.stream().mapToLong(Extent::pages).sum();
      if (pages(stat) > end) {
        extents.add(above(above, end, pages(stat) - end));
      }
      return extents;
    }
  }

  private static Extent part(Extent all, long first, long count) {
    return new Extent(
        first, count, all.state(), all.layer(), all.path(), all.size(), all.ino(), all.key());
  }

  /** Pages in the work directory. */
  private static Extent above(Stat data, long first, long count) {
    return new Extent(first, count, State.PRIVATE, null, null, data.size, data.ino, null);
  }

  private static long pages(Stat stat) {
    return (stat.size + PAGE - 1) / PAGE;
  }

  private Extent upper(Node node, Stat stat) {
    return new Extent(
        0, pages(stat), State.PRIVATE, upper, pathInMount(node), stat.size, stat.ino, null);
  }

  /** In the upper layer directories have the names that they have in the mount. */
  static byte @Nullable [] pathInMount(Node node) {
    Directory parent = node.parent();
    byte[] name = node.name();
    if (parent == null || node.isRemoved()) {
      return null;
    }
    Directory above = parent.parent();
    return above == null ? name : join(pathInMount(parent), name);
  }

  private static byte @Nullable [] join(byte @Nullable [] directory, byte[] name) {
    if (directory == null) {
      return null;
    }
    ByteArrayOutputStream path = new ByteArrayOutputStream(directory.length + 1 + name.length);
    path.writeBytes(directory);
    path.write('/');
    path.writeBytes(name);
    return path.toByteArray();
  }

  private Extent lower(Node node, Stat stat, OpenFiles.Use use) throws ErrnoException {
    LayerDirectory directory = node.lowerDirectory();
    byte[] name = node.lowerName();
    if (directory == null || name == null) {
      throw ErrnoException.of(Errno.EIO);
    }
    FileKey key = use.pages();
    boolean shared = use.shared();
    Stat own = new Stat();
    try (Place place = overlay.access.lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), own);
      if (!use.open() && sharing != null) {
        try (Content content = sharing.find(directory, place)) {
          StableFile stable = content == null ? null : content.stable();
          key = content == null ? null : stable != null ? stable.key() : content.own();
          shared = stable != null;
        }
      }
    }
    if (shared && key != null && sharing != null) {
      byte[] layer = sharing.layerOf(key);
      return new Extent(0, pages(stat), State.SHARED, layer, null, key.size(), key.ino(), key);
    }
    byte[] layer = lowers.get(directory.layer().index() - 1);
    byte[] path = pathInLayer(directory, name);
    return new Extent(0, pages(stat), State.OWN, layer, path, own.size, own.ino, key);
  }

  private static byte[] pathInLayer(LayerDirectory directory, byte[] name) {
    LayerDirectory parent = directory.parent();
    if (parent == null) {
      return name;
    }
    ByteArrayOutputStream path = new ByteArrayOutputStream();
    path.writeBytes(pathInLayer(parent, directory.name()));
    path.write('/');
    path.writeBytes(name);
    return path.toByteArray();
  }
}
