package io.samepage.fuse;

import org.jspecify.annotations.Nullable;

/** What a file system can ask of the kernel through its transport. Thread-safe. */
public interface Connection {
  /** Registered files for passthrough; null where the kernel or the transport grants none. */
  @Nullable BackingFiles backingFiles();

  /**
   * Tells the kernel that what it keeps of an inode is no longer true. It returns at once: the
   * kernel is told from a thread of the transport's own, since the notification takes locks that a
   * request in progress may hold.
   *
   * @param offset first byte of the data to drop, negative for the attributes alone
   * @param length in bytes, 0 for all after offset
   */
  void invalidateInode(long nodeid, long offset, long length);

  /**
   * Tells the kernel that the attributes that it keeps of an inode are no longer true, before
   * returning: unlike the others this takes no lock that a request could hold.
   */
  void invalidateAttributes(long nodeid);

  /**
   * Has the kernel write back, and drop, what it holds of a range of an inode's data: what was
   * stored through a shared mapping is there and nowhere else (mm/truncate.c,
   * invalidate_inode_pages2_range). The WRITEs come meanwhile; it returns when they are answered.
   * Where too many wait so already it returns at once, lest nobody be left to answer.
   *
   * <p>The caller holds no lock that a WRITE may need, and does not answer a request of that inode.
   * A transport that knows but one inode for a file need not do anything.
   *
   * @param length in bytes, not 0
   */
  default void writeBack(long nodeid, long offset, long length) {}

  /** Tells the kernel to look a name up again; see {@link #invalidateInode} for the thread. */
  void invalidateEntry(long parent, byte[] name);
}
