package io.samepage.overlay.lock;

import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The locks of one kind that are held on one file, and who waits for one. Locks of different spaces
 * never conflict.
 *
 * <p>Knows no threads: everything is guarded by the {@link LockTable}.
 */
abstract sealed class LockSpace permits RecordLocks, Flocks {
  /** In the order of their coming, which is the order in which they are served. */
  final Set<Waiter> waiters = new LinkedHashSet<>();

  /** How many locks are held. */
  abstract int size();

  /** The first lock of another owner that stands in the way of {@code wanted}, if any does. */
  abstract @Nullable OwnedLock conflict(OwnedLock wanted);

  /**
   * What setting {@code wanted} means, once nothing stands in its way. Nothing is changed yet. The
   * plan is void as soon as anything else changes.
   */
  abstract Change plan(OwnedLock wanted);

  /** Carries out a plan. */
  abstract void commit(Change change);

  /**
   * Gives up what the owner loses when it has to wait for {@code wanted}, or is refused it.
   *
   * @return whether there was anything
   */
  abstract boolean surrender(OwnedLock wanted);

  /**
   * Releases all locks of an owner.
   *
   * @return whether there were any
   */
  abstract boolean releaseOwner(long owner);

  /** Releases the locks that were last set through a handle, and returns whose they were. */
  abstract Set<Long> releaseHandle(long handle);

  /** Whether waiting here counts for the detection of deadlocks. */
  abstract boolean detectsDeadlocks();

  /**
   * What one request changes.
   *
   * @param wanted the request
   * @param removed own locks that go
   * @param added what comes in their place
   * @param weakened whether somebody else may have a lock after it that was refused before
   */
  record Change(
      OwnedLock wanted,
      Iterable<OwnedLock> removed,
      Iterable<OwnedLock> added,
      int growth,
      boolean weakened) {}
}
