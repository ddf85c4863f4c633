package io.samepage.overlay.lock;

import io.samepage.fuse.FileLock;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The record locks of one file, as fcntl(2) sets them: an owner has each byte locked for reading,
 * for writing or not at all, and what it sets replaces what it had there. Neighbouring ranges of
 * the same type are always merged; a merged range carries the handle and pid that set it last.
 */
final class RecordLocks extends LockSpace {
  /**
   * By owner, in the order in which they came (F_GETLK shows that); an owner's ranges by start,
   * disjoint, and neighbours differ in type. No owner is without ranges.
   */
  private final Map<Long, NavigableMap<Long, OwnedLock>> owners = new LinkedHashMap<>();

  private int size;

  @Override
  int size() {
    return size;
  }

  @Override
  @Nullable OwnedLock conflict(OwnedLock wanted) {
    if (wanted.isUnlock()) {
      return null;
    }
    for (Map.Entry<Long, NavigableMap<Long, OwnedLock>> entry : owners.entrySet()) {
      if (entry.getKey() == wanted.owner()) {
        continue;
      }
      for (OwnedLock held : from(entry.getValue(), wanted.start())) {
        if (held.start() > wanted.end()) {
          break;
        }
        if (held.overlaps(wanted) && held.excludes(wanted)) {
          return held;
        }
      }
    }
    return null;
  }

  @Override
  Change plan(OwnedLock wanted) {
    List<OwnedLock> removed = new ArrayList<>();
    List<OwnedLock> added = new ArrayList<>();
    boolean weakened = false;
    long start = wanted.start();
    long end = wanted.end();
    NavigableMap<Long, OwnedLock> ranges = owners.get(wanted.owner());
    if (ranges != null) {
      // Neighbours are looked at as well as what overlaps: they are merged if they are of the type.
      long before = Math.max(wanted.start() - 1, 0);
      long after = wanted.end() == Long.MAX_VALUE ? Long.MAX_VALUE : wanted.end() + 1;
      for (OwnedLock held : from(ranges, before)) {
        if (held.start() > after) {
          break;
        }
        if (held.end() < before) {
          continue;
        }
        if (held.type() == wanted.type()) {
          start = Math.min(start, held.start());
          end = Math.max(end, held.end());
          removed.add(held);
        } else if (held.overlaps(wanted)) {
          removed.add(held);
          if (held.start() < wanted.start()) {
            added.add(held.on(held.start(), wanted.start() - 1));
          }
          if (held.end() > wanted.end()) {
            added.add(held.on(wanted.end() + 1, held.end()));
          }
          weakened |= wanted.isUnlock() || held.type() == FileLock.F_WRLCK;
        }
      }
    }
    if (!wanted.isUnlock()) {
      added.add(wanted.on(start, end));
    }
    return new Change(wanted, removed, added, added.size() - removed.size(), weakened);
  }

  @Override
  void commit(Change change) {
    Long owner = change.wanted().owner();
    NavigableMap<Long, OwnedLock> ranges = owners.get(owner);
    if (ranges == null) {
      ranges = new TreeMap<>();
      owners.put(owner, ranges);
    }
    for (OwnedLock lock : change.removed()) {
      ranges.remove(lock.start());
    }
    for (OwnedLock lock : change.added()) {
      ranges.put(lock.start(), lock);
    }
    size += change.growth();
    if (ranges.isEmpty()) {
      owners.remove(owner);
    }
  }

  /** Nothing: a lock that is to be converted stays until it can be. */
  @Override
  boolean surrender(OwnedLock wanted) {
    return false;
  }

  @Override
  boolean releaseOwner(long owner) {
    NavigableMap<Long, OwnedLock> ranges = owners.remove(owner);
    if (ranges == null) {
      return false;
    }
    size -= ranges.size();
    return true;
  }

  @Override
  Set<Long> releaseHandle(long handle) {
    Set<Long> weakened = new HashSet<>();
    Iterator<Map.Entry<Long, NavigableMap<Long, OwnedLock>>> entries = owners.entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<Long, NavigableMap<Long, OwnedLock>> entry = entries.next();
      NavigableMap<Long, OwnedLock> ranges = entry.getValue();
      int before = ranges.size();
      ranges.values().removeIf(held -> held.handle() == handle);
      if (ranges.size() < before) {
        size -= before - ranges.size();
        weakened.add(entry.getKey());
      }
      if (ranges.isEmpty()) {
        entries.remove();
      }
    }
    return weakened;
  }

  /** An owner's locks by their starts, as they are now. */
  List<OwnedLock> held(long owner) {
    NavigableMap<Long, OwnedLock> ranges = owners.get(owner);
    return ranges == null ? List.of() : List.copyOf(ranges.values());
  }

  @Override
  boolean detectsDeadlocks() {
    return true;
  }

  /** The ranges from the last that starts at or before {@code start} on. */
  private static Iterable<OwnedLock> from(NavigableMap<Long, OwnedLock> ranges, long start) {
    Long first = ranges.floorKey(start);
    return first == null ? ranges.values() : ranges.tailMap(first, true).values();
  }
}
