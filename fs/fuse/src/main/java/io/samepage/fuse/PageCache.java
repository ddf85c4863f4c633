package io.samepage.fuse;

/**
 * The kernel's page cache of the inode that a request is about, as far as a file system can fill it
 * before it answers. Confined to the thread that answers.
 */
public interface PageCache {
  /** The most that can be stored at once, in bytes. */
  int LIMIT = 32 * 1024;

  /**
   * Puts a whole small file into the cache, so that READ need not ask for it (FUSE_NOTIFY_STORE;
   * fuse_notify_store in the kernel's fs/fuse/dev.c).
   *
   * <p>The kernel takes the locks of the pages for it. So it is for an inode of which nothing is
   * being read or written, which is one that nobody has open; and whoever calls it keeps others
   * from changing the file meanwhile, since what is stored would hide that.
   *
   * @param fd what the data are read from; it stays the caller's
   * @param size of the file in bytes, from 1 to {@link #LIMIT}
   * @return whether it was done; if not, nothing is lost but the time, and READ shows any failure
   */
  boolean store(int fd, int size);
}
