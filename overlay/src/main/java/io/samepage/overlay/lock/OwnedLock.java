package io.samepage.overlay.lock;

import io.samepage.fuse.FileLock;

/**
 * A lock that somebody has or wants.
 *
 * @param owner who: a lock_owner of the kernel
 * @param handle the open file through which it was asked for
 * @param lock the range, type and pid; for an flock lock the range means nothing
 */
record OwnedLock(long owner, long handle, FileLock lock) {
  long start() {
    return lock.start();
  }

  long end() {
    return lock.end();
  }

  int type() {
    return lock.type();
  }

  boolean isUnlock() {
    return type() == FileLock.F_UNLCK;
  }

  boolean overlaps(OwnedLock other) {
    return start() <= other.end() && other.start() <= end();
  }

  /** Whether the types exclude each other, whatever the ranges and owners. */
  boolean excludes(OwnedLock other) {
    return type() == FileLock.F_WRLCK || other.type() == FileLock.F_WRLCK;
  }

  /** The same lock on another range. */
  OwnedLock on(long start, long end) {
    return start == start() && end == end()
        ? this
        : new OwnedLock(owner, handle, new FileLock(start, end, type(), lock.pid()));
  }
}
