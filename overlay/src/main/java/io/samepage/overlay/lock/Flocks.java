package io.samepage.overlay.lock;

import io.samepage.fuse.FileLock;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The locks of flock(2) on one file: an owner, which is an open file description, has the whole of
 * it shared, exclusively or not at all. A conversion that has to wait or is refused loses the lock
 * that was to be converted, as in the kernel; so two who both want to convert do not wait for each
 * other for ever.
 */
final class Flocks extends LockSpace {
  /** By owner, in the order in which they came. */
  private final Map<Long, OwnedLock> owners = new LinkedHashMap<>();

  @Override
  int size() {
    return owners.size();
  }

  @Override
  @Nullable OwnedLock conflict(OwnedLock wanted) {
    if (wanted.isUnlock()) {
      return null;
    }
    for (OwnedLock held : owners.values()) {
      if (held.owner() != wanted.owner() && held.excludes(wanted)) {
        return held;
      }
    }
    return null;
  }

  @Override
  Change plan(OwnedLock wanted) {
    OwnedLock held = owners.get(wanted.owner());
    List<OwnedLock> removed = held == null ? List.of() : List.of(held);
    List<OwnedLock> added = wanted.isUnlock() ? List.of() : List.of(wanted);
    boolean weakened =
        held != null
            && (wanted.isUnlock()
                || (held.type() == FileLock.F_WRLCK && wanted.type() == FileLock.F_RDLCK));
    return new Change(wanted, removed, added, added.size() - removed.size(), weakened);
  }

  @Override
  void commit(Change change) {
    for (OwnedLock lock : change.removed()) {
      owners.remove(lock.owner());
    }
    for (OwnedLock lock : change.added()) {
      owners.put(lock.owner(), lock);
    }
  }

  @Override
  boolean surrender(OwnedLock wanted) {
    return releaseOwner(wanted.owner());
  }

  @Override
  boolean releaseOwner(long owner) {
    return owners.remove(owner) != null;
  }

  @Override
  Set<Long> releaseHandle(long handle) {
    Set<Long> weakened = new HashSet<>();
    owners
        .values()
        .removeIf(
            held -> {
              boolean gone = held.handle() == handle;
              if (gone) {
                weakened.add(held.owner());
              }
              return gone;
            });
    return weakened;
  }

  /** No: the kernel has none either, and {@link #surrender} prevents the usual ones. */
  @Override
  boolean detectsDeadlocks() {
    return false;
  }
}
