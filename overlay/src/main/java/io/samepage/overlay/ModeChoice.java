package io.samepage.overlay;

import io.samepage.dedup.Content;
import io.samepage.dedup.FileKey;
import io.samepage.dedup.PagedFile;
import io.samepage.dedup.StableFile;
import io.samepage.overlay.CoherencePolicy.Reading;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.OpenFile.Mode;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The choice of how a node is to be open, made at its first open: its mode, and where it is a lower
 * file, whose pages it uses. Callers hold the tree lock and the lock of the node.
 */
final class ModeChoice {
  /** How soon a file that was not identified yet may have been. */
  private static final long ASK_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final LayerAccess access;
  private final RegisteredFiles registered;
  private final CoherencePolicy policy;
  private final @Nullable Sharing sharing;
  private final boolean passthrough;

  /**
   * For one mount.
   *
   * @param sharing what lower files use the pages of; null if each is to use its own
   */
  ModeChoice(Overlay overlay, CoherencePolicy policy, @Nullable Sharing sharing) {
    access = overlay.access;
    registered = overlay.registered;
    this.policy = policy;
    this.sharing = sharing;
    passthrough = registered.areGranted();
  }

  /** The mode of a file that is in the upper layer. */
  Mode above() {
    return passthrough ? Mode.UPPER : Mode.CACHED;
  }

  /** Whether handles that only read a node's lower file read that and nothing else. */
  boolean isNative(Node node) {
    return node.isRemoved() || policy.isNative(node);
  }

  /**
   * How a node is to be open that is not: as it was before, where that is kept and still right.
   *
   * @param write whether it is to be written
   */
  OpenFile choose(Node node, boolean write) throws ErrnoException {
    OpenFile before = node.openFile;
    boolean above = node.hasUpperData();
    boolean below = !above && !write && !node.isPartial();
    if (below && before != null && before.mode != Mode.UPPER && isSettled(node, before)) {
      return before;
    }
    // What becomes known while the content is looked for must not be taken for known.
    long generation = sharing == null ? 0 : sharing.generation();
    long placing = sharing == null ? 0 : sharing.placing();
    Stat stat = new Stat();
    if (below && !node.isRemoved()) {
      try (Place place = access.lowerData(node)) {
        Files.stat(place.dirfd(), place.name(), stat);
      }
    }
    // In the cache of its own inode a file shares nothing, be it the stable file itself or one
    // that uses another's pages.
    boolean cached = below && (!passthrough || isCached(node, stat));
    try (Content content = below ? content(node, stat, cached, generation) : null) {
      Mode mode;
      if (above) {
        mode = above();
      } else if (below) {
        mode = lowerMode(content, cached);
      } else {
        mode = Mode.CACHED; // each page from where it is
      }
      OpenFile file = stateFor(node, before, mode, content);
      file.partial = passthrough && !above && !below;
      file.generation = generation;
      file.placing = placing;
      usePagesOf(file, content);
      return file;
    }
  }

  /** Whether handles that only read a node's lower file use the kernel's cache of its inode. */
  private boolean isCached(Node node, Stat stat) {
    return !node.isRemoved() && policy.reading(node, stat.size) == Reading.CACHED;
  }

  /**
   * What is known of the content of a node's lower file; null if it is not to be shared.
   *
   * @param stat what statx says of that file, where it has a name
   * @param cached whether it would be in the cache of its own inode
   */
  private @Nullable Content content(Node node, Stat stat, boolean cached, long generation)
      throws ErrnoException {
    boolean unshared = generation != 0 && node.unsharedAt == (int) generation;
    if (sharing == null || (cached && unshared)) {
      return null;
    }
    LayerDirectory directory = node.lowerDirectory();
    Content content = null;
    if (directory != null && !node.isRemoved()) {
      try (Place place = access.lowerData(node)) {
        content =
            unshared
                ? sharing.unshared(directory, place, stat)
                : sharing.find(directory, place, stat);
      }
    }
    node.unsharedAt =
        content == null || (content.isKnown() && !content.isShared() && content.paged() == null)
            ? (int) generation
            : 0;
    return content;
  }

  /** The mode of a file that is read from a lower layer. */
  private Mode lowerMode(@Nullable Content content, boolean cached) {
    if (!passthrough) {
      // It shares nothing in its own cache, but its reads are answered from the stable file, so
      // that the cache below holds the content once.
      return Mode.CACHED;
    }
    if (content != null && content.paged() != null) {
      return Mode.PAGED;
    }
    return cached && (content == null || !content.isShared()) ? Mode.CACHED : Mode.LOWER;
  }

  /** What is kept of a node if it can be used on, else a new one in its place. */
  private OpenFile stateFor(
      Node node, @Nullable OpenFile before, Mode mode, @Nullable Content content) {
    if (before != null
        && before.mode == mode
        && before.stable == null
        && before.paged == null
        && (content == null || (content.stable() == null && content.paged() == null))) {
      return before;
    }
    if (before != null) {
      registered.drop(node, before);
    }
    OpenFile file = new OpenFile(mode);
    node.openFile = file;
    return file;
  }

  /** Notes whose pages a file uses; null if that is not kept. */
  private static void usePagesOf(OpenFile file, @Nullable Content content) throws ErrnoException {
    StableFile stable = content == null ? null : content.stable();
    file.paged = content == null ? null : content.paged();
    file.own = content == null ? null : content.own();
    file.unsettled = content != null && !content.isKnown();
    file.askAgainAt = System.nanoTime() + ASK_AGAIN_NANOS;
    if (stable != null) {
      file.stable = stable.place();
      file.lower = stable.take();
      file.readPagesAlone();
    }
  }

  /**
   * Whether what a node used when it was open before is what it is to use again. A stable file is
   * looked at each time; who had none asks again when more is known.
   */
  private boolean isSettled(Node node, OpenFile file) throws ErrnoException {
    if (sharing == null) {
      return true;
    }
    FileKey own = file.own;
    PagedFile paged = file.paged;
    LayerDirectory directory = node.lowerDirectory();
    if (sharing.sharesInPart() && file.generation != sharing.generation()) {
      return false; // what is known may be a page map
    }
    if (file.placing != sharing.placing()) {
      return false; // another place may be nearer now, or this one have failed
    }
    if (paged != null && !isUnchanged(node, paged.own())) {
      return false;
    }
    if (file.stable == null || own == null || directory == null) {
      return file.generation == sharing.generation()
          && !(file.unsettled && System.nanoTime() - file.askAgainAt > 0);
    }
    try (Place place = access.lowerData(node);
        StableFile stable = sharing.open(directory, place, own, file.stable)) {
      if (stable == null) {
        return false;
      }
      file.lower = stable.take();
      file.readPagesAlone();
      return true;
    }
  }

  /** Whether a node's lower file is what it was. */
  private boolean isUnchanged(Node node, FileKey own) throws ErrnoException {
    Stat stat = new Stat();
    try (Place place = access.lowerData(node)) {
      Files.stat(place.dirfd(), place.name(), stat);
    }
    return own.matches(stat);
  }
}
