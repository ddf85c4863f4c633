package io.samepage.overlay;

import io.samepage.dedup.Content;
import io.samepage.dedup.FileKey;
import io.samepage.dedup.PagedFile;
import io.samepage.dedup.StableFile;
import io.samepage.dedup.pages.PageExtent;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
      PageUses.Use use = overlay.pageUses.of(node);
      List<Extent> pages = partial(node, stat);
      if (pages != null) {
        return new PageMap(node.ino(), stat.size, use.open(), false, pages);
      }
      List<Extent> all = node.hasUpperData() ? List.of(upper(node, stat)) : lower(node, stat, use);
      return new PageMap(
          node.ino(), stat.size, use.open(), use.passthrough(), stat.size == 0 ? List.of() : all);
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
      Extent own = lower(node, stat, new PageUses.Use(true, false, null, false, null)).get(0);
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
        first,
        count,
        all.state(),
        all.layer(),
        all.path(),
        all.size(),
        all.ino(),
        first,
        all.key());
  }

  /** Pages in the work directory. */
  private static Extent above(Stat data, long first, long count) {
    return new Extent(first, count, State.PRIVATE, null, null, data.size, data.ino, first, null);
  }

  private static long pages(Stat stat) {
    return (stat.size + PAGE - 1) / PAGE;
  }

  private Extent upper(Node node, Stat stat) {
    return new Extent(
        0, pages(stat), State.PRIVATE, upper, pathInMount(node), stat.size, stat.ino, 0, null);
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

  private List<Extent> lower(Node node, Stat stat, PageUses.Use use) throws ErrnoException {
    LayerDirectory directory = node.lowerDirectory();
    byte[] name = node.lowerName();
    if (directory == null || name == null) {
      throw ErrnoException.of(Errno.EIO);
    }
    FileKey key = use.pages();
    boolean shared = use.shared();
    PagedFile paged = use.paged();
    Stat own = new Stat();
    try (Place place = overlay.access.lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), own);
      if (!use.open() && sharing != null) {
        try (Content content = sharing.find(directory, place, own)) {
          StableFile stable = content == null ? null : content.stable();
          key = content == null ? null : stable != null ? stable.key() : content.own();
          shared = stable != null;
          paged = content == null ? null : content.paged();
        }
      }
    }
    Extent whole;
    if (shared && key != null && sharing != null) {
      byte[] layer = sharing.layerOf(key);
      whole = new Extent(0, pages(stat), State.SHARED, layer, null, key.size(), key.ino(), 0, key);
    } else {
      byte[] layer = lowers.get(directory.layer().index() - 1);
      byte[] path = pathInLayer(directory, name);
      whole = new Extent(0, pages(stat), State.OWN, layer, path, own.size, own.ino, 0, key);
    }
    return paged == null || sharing == null ? List.of(whole) : paged(paged, sharing, whole);
  }

  /** What a page map says, where {@code whole} is what it says of pages that nobody else has. */
  private static List<Extent> paged(PagedFile paged, Sharing sharing, Extent whole) {
    List<Extent> extents = new ArrayList<>();
    Map<FileKey, Optional<byte[]>> layers = new HashMap<>();
    paged.forEach(
        range -> {
          PageExtent extent = range.extent();
          FileKey file = range.file();
          if (extent.state() == PageState.HOLE) {
            extents.add(
                new Extent(extent.first(), extent.count(), State.HOLE, null, null, 0, 0, 0, null));
          } else if (file != null) {
            byte[] layer =
                layers
                    .computeIfAbsent(file, key -> Optional.ofNullable(sharing.layerOf(key)))
                    .orElse(null);
            extents.add(
                new Extent(
                    extent.first(),
                    extent.count(),
                    State.SHARED,
                    layer,
                    null,
                    file.size(),
                    file.ino(),
                    extent.source(),
                    file));
          } else {
            extents.add(
                new Extent(
                    extent.first(),
                    extent.count(),
                    whole.state(),
                    whole.layer(),
                    whole.path(),
                    whole.size(),
                    whole.ino(),
                    extent.first(),
                    whole.key()));
          }
        });
    return extents;
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
