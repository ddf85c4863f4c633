package io.samepage.dedup;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ObjLongConsumer;

/**
 * From a stable file to its users: which mappings use its pages. A user is a number that means
 * something to the caller, and may use a stable file several times over. Every operation takes a
 * time that does not depend on how many users there are.
 *
 * <p>Thread-safe; what is counted is right whenever no operation is under way. The only locks are
 * those of a map's entries, and nothing is called under them.
 */
final class ReverseMap {
  private static final int STABLE_FILE_BYTES = 32 + 8 + 56 + 16 + 48 + 32;
  private static final int USER_BYTES = 32 + 24;

  /** Those who use one stable file. Guarded by the lock of its entry. */
  private static final class Users {
    final Map<Long, Integer> uses = new HashMap<>(4);
  }

  private final ConcurrentHashMap<FileKey, Users> stableFiles = new ConcurrentHashMap<>();
  private final AtomicLong shared = new AtomicLong();
  private final AtomicLong sharing = new AtomicLong();
  private final AtomicLong unshared = new AtomicLong();
  private final AtomicLong allUsers = new AtomicLong();

  /** A user uses a stable file, once more. */
  void use(long user, FileKey stable) {
    stableFiles.compute(
        stable,
        (key, found) -> {
          Users users = found == null ? new Users() : found;
          int before = users.uses.size();
          users.uses.merge(user, 1, Integer::sum);
          count(key.pages(), before, users.uses.size());
          return users;
        });
  }

  /**
   * A user uses a stable file once less.
   *
   * @throws IllegalStateException if it did not use it
   */
  void release(long user, FileKey stable) {
    stableFiles.compute(
        stable,
        (key, users) -> {
          Integer uses = users == null ? null : users.uses.get(user);
          if (users == null || uses == null) {
            throw new IllegalStateException("user " + user + " does not use " + stable);
          }
          int before = users.uses.size();
          if (uses == 1) {
            users.uses.remove(user);
          } else {
            users.uses.put(user, uses - 1);
          }
          count(key.pages(), before, users.uses.size());
          return users.uses.isEmpty() ? null : users;
        });
  }

  private void count(long pages, int before, int after) {
    if (before == after) {
      return;
    }
    allUsers.addAndGet((long) after - before);
    if ((before == 1) != (after == 1)) {
      unshared.addAndGet(after == 1 ? pages : -pages);
    }
    if ((before >= 2) != (after >= 2)) {
      shared.addAndGet(after >= 2 ? pages : -pages);
    }
    sharing.addAndGet(pages * (Math.max(0, after - 1) - Math.max(0, before - 1)));
  }

  /** The users of a stable file, in ascending order. */
  long[] users(FileKey stable) {
    long[][] users = {{}};
    stableFiles.computeIfPresent(
        stable,
        (key, found) -> {
          users[0] = found.uses.keySet().stream().mapToLong(Long::longValue).toArray();
          return found;
        });
    Arrays.sort(users[0]);
    return users[0];
  }

  /** Hands out every stable file that is in use, with how many users it has. */
  void forEach(ObjLongConsumer<FileKey> visitor) {
    stableFiles.forEach((key, users) -> visitor.accept(key, userCount(key)));
  }

  /**
   * What it takes of the heap, in bytes, as objects are laid out with compressed references: a map
   * entry, a key and a map of users for each stable file; an entry and a number for each user.
   */
  long heapBytes() {
    return stableFiles.mappingCount() * STABLE_FILE_BYTES + allUsers.get() * USER_BYTES;
  }

  /** How many users a stable file has. */
  int userCount(FileKey stable) {
    int[] count = {0};
    stableFiles.computeIfPresent(
        stable,
        (key, found) -> {
          count[0] = found.uses.size();
          return found;
        });
    return count[0];
  }

  /** How many users there are in all, counted once for each stable file. */
  long userCount() {
    return allUsers.get();
  }

  long pagesShared() {
    return shared.get();
  }

  long pagesSharing() {
    return sharing.get();
  }

  long pagesUnshared() {
    return unshared.get();
  }
}
