package io.samepage.overlay;

import io.samepage.posix.Fd;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import org.jspecify.annotations.Nullable;

/**
 * An inode of the overlay that the kernel knows. There may be 200,000 and more of them, so they
 * hold what cannot be found out again and nothing else: attributes are read from below whenever the
 * kernel asks, which it seldom does.
 *
 * <p>A file's metadata are those of its upper file if it has one ({@link #hasUpper}), else of its
 * lower file. Its data are below as long as only metadata were copied up ({@link #isMetacopy}).
 */
class Node extends Link {
  private static final int TYPE = Linux.S_IFMT;
  private static final int UPPER = 1;
  private static final int METACOPY = 1 << 1;
  private static final int INDEXED = 1 << 2;
  private static final int LINKED = 1 << 3;
  private static final int REMOVED = 1 << 4;
  private static final int SUPERSEDED = 1 << 5;
  private static final int CACHE_STALE = 1 << 6;
  private static final int SET_IDS = 1 << 7;
  private static final int IMMUTABLE = 1 << 8;
  private static final int APPEND_ONLY = 1 << 9;
  private static final int MARKED_IMMUTABLE = 1 << 10;
  private static final int MARKED_APPEND_ONLY = 1 << 11;
  private static final int CAPABILITY_GONE = 1 << 16;
  private static final int BARE = 1 << 17;
  private static final int DRESSED = 1 << 18;
  private static final int PARTIAL = 1 << 19;
  private static final int STORED = 1 << 20;

  private static final AtomicIntegerFieldUpdater<Node> STATE =
      AtomicIntegerFieldUpdater.newUpdater(Node.class, "state");

  /** Assigned by {@link NodeTable}. */
  long nodeid;

  /** Look-ups that the kernel holds; guarded by the {@link NodeTable}. */
  long lookups;

  /** What stat(2) shows; fixed when the node is made, so that copy-up does not change it. */
  private final long ino;

  /** The lower file, or what an upper file was copied from as far as its data matter; else null. */
  private @Nullable LayerDirectory lowerDirectory;

  /** The lower file's name in {@link #lowerDirectory}. */
  private byte @Nullable [] lowerName;

  /**
   * The upper file itself, by an O_PATH descriptor, where no name leads to it: it was unlinked or
   * never had one. Guarded by the directory monitor or the tree lock; volatile for readers.
   */
  private volatile @Nullable Fd anchor;

  /**
   * How it is open, or was open last, where that is kept; null if neither. Guarded by {@link
   * NodeLocks}; volatile for readers.
   */
  volatile @Nullable OpenFile openFile;

  /**
   * The lower bits of {@link Sharing#generation} when its lower file was known to share with no
   * other; kept here since there are more nodes than files that are kept for their next open.
   * Guarded by {@link NodeLocks}.
   */
  int unsharedAt;

  /** The type in its own bits, the flags in those of the permissions and above. */
  private volatile int state;

  Node(@Nullable Directory parent, byte[] name, int type, long ino) {
    super(parent, name);
    this.state = type & TYPE;
    this.ino = ino;
  }

  @Override
  final Node node() {
    return this;
  }

  final long ino() {
    return ino;
  }

  /** S_IF* bits. */
  final int type() {
    return state & TYPE;
  }

  final boolean isDirectory() {
    return type() == Linux.S_IFDIR;
  }

  final boolean isRegular() {
    return type() == Linux.S_IFREG;
  }

  private boolean has(int flag) {
    return (state & flag) != 0;
  }

  private void set(int flag, boolean on) {
    STATE.getAndUpdate(this, old -> on ? old | flag : old & ~flag);
  }

  /** Whether its metadata are in the upper layer. */
  final boolean hasUpper() {
    return has(UPPER);
  }

  final void setUpper() {
    set(UPPER, true);
  }

  /** Whether its metadata are in the upper layer and its data still below. */
  final boolean isMetacopy() {
    return has(METACOPY);
  }

  final void setMetacopy(boolean on) {
    set(METACOPY, on);
  }

  /** Whether both its metadata and its data are in the upper layer. */
  final boolean hasUpperData() {
    return (state & (UPPER | METACOPY)) == UPPER;
  }

  /** Whether it is being copied up page by page; see {@link Partials}. */
  final boolean isPartial() {
    return has(PARTIAL);
  }

  final void setPartial(boolean on) {
    set(PARTIAL, on);
  }

  /** Whether the upper file is in the index of hard links. */
  final boolean isIndexed() {
    return has(INDEXED);
  }

  final void setIndexed() {
    set(INDEXED, true);
  }

  /** Whether it stands in the table of hard-linked files. */
  final boolean isLinked() {
    return has(LINKED);
  }

  final void setLinked(boolean on) {
    set(LINKED, on);
  }

  /** Whether its last known name was removed. */
  final boolean isRemoved() {
    return has(REMOVED);
  }

  final void setRemoved(boolean on) {
    set(REMOVED, on);
  }

  /** Whether another nodeid stands for the file by now; see {@link Successors}. */
  final boolean isSuperseded() {
    return has(SUPERSEDED);
  }

  final void setSuperseded() {
    set(SUPERSEDED, true);
  }

  /** Whether data changed below since the kernel cached any under this nodeid. */
  final boolean isCacheStale() {
    return has(CACHE_STALE);
  }

  final void setCacheStale(boolean on) {
    set(CACHE_STALE, on);
  }

  /**
   * Whether the file may be mapped for writing at this moment, so that its times change unasked.
   * Every other way to change a file has the kernel drop what it holds of the attributes.
   */
  final boolean isMappable() {
    OpenFile file = openFile;
    return file != null && file.mappable > 0;
  }

  /** Whether its lower data were put into the kernel's cache under this nodeid. */
  final boolean isStored() {
    return has(STORED);
  }

  final void setStored() {
    set(STORED, true);
  }

  /**
   * Whether it may have a set-user-ID or set-group-ID bit, which a write takes away. Set whenever
   * the kernel is told the mode, which it is before it opens a file.
   */
  final boolean maySetIds() {
    return has(SET_IDS);
  }

  /** Whether security.capability was taken away since attributes were last changed. */
  final boolean isCapabilityGone() {
    return has(CAPABILITY_GONE);
  }

  final void setCapabilityGone(boolean gone) {
    note(CAPABILITY_GONE, gone);
  }

  /** Whether it is known to show no extended attributes. */
  final boolean isBare() {
    return has(BARE);
  }

  /** Whether it has, or may be getting this moment, extended attributes. */
  final boolean mayBeDressed() {
    return has(DRESSED);
  }

  /**
   * Notes what a list of its extended attributes said, unless one is being set: the list may be
   * older than that.
   */
  final void setBare(boolean bare) {
    STATE.getAndUpdate(this, old -> (old & DRESSED) != 0 ? old : old | (bare ? BARE : DRESSED));
  }

  /** Before an extended attribute is set. */
  final void setDressed() {
    STATE.getAndUpdate(this, old -> (old | DRESSED) & ~BARE);
  }

  /** Whether chattr(1) has made it immutable, in its layer or in the overlay. */
  final boolean isImmutable() {
    return (state & (IMMUTABLE | MARKED_IMMUTABLE)) != 0;
  }

  /** Whether chattr(1) has made it one that can only grow, in its layer or in the overlay. */
  final boolean isAppendOnly() {
    return (state & (APPEND_ONLY | MARKED_APPEND_ONLY)) != 0;
  }

  /** Remembers of what holds the metadata what operations ask for later. */
  final void note(Stat stat) {
    note(SET_IDS, (stat.mode & (Linux.S_ISUID | Linux.S_ISGID)) != 0);
    note(IMMUTABLE, (stat.attributes & Linux.STATX_ATTR_IMMUTABLE) != 0);
    note(APPEND_ONLY, (stat.attributes & Linux.STATX_ATTR_APPEND) != 0);
  }

  /** What the upper file's overlay.protattr says. */
  final void noteProtection(boolean immutable, boolean appendOnly) {
    note(MARKED_IMMUTABLE, immutable);
    note(MARKED_APPEND_ONLY, appendOnly);
  }

  private void note(int flag, boolean on) {
    if (has(flag) != on) {
      set(flag, on);
    }
  }

  final @Nullable LayerDirectory lowerDirectory() {
    return lowerDirectory;
  }

  final byte @Nullable [] lowerName() {
    return lowerName;
  }

  final boolean hasLower() {
    return lowerDirectory != null;
  }

  final void setLower(LayerDirectory directory, byte[] name) {
    lowerDirectory = directory;
    lowerName = name;
  }

  final @Nullable Fd anchor() {
    return anchor;
  }

  final void setAnchor(@Nullable Fd fd) {
    anchor = fd;
  }
}
