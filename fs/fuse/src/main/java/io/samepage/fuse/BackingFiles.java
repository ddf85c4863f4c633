package io.samepage.fuse;

import io.samepage.posix.ErrnoException;

/**
 * Files below, registered with the kernel so that a handle can be passed through to one
 * (FUSE_DEV_IOC_BACKING_OPEN). Thread-safe.
 */
public interface BackingFiles {
  /**
   * Registers an open regular file. The kernel keeps a reference of its own: the descriptor may be
   * closed afterwards.
   *
   * @return its id, greater than 0
   */
  int register(int fd) throws ErrnoException;

  /**
   * Ends an id. What is open through it stays so; an open that has been answered with it but not
   * yet been completed by the kernel would fail, so an id is kept while a handle uses it.
   */
  void close(int backingId);
}
