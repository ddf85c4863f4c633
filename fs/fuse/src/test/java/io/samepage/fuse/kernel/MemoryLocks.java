package io.samepage.fuse.kernel;

import io.samepage.fuse.FileLock;
import io.samepage.fuse.LockReply;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.util.ArrayList;
import java.util.List;

/**
 * The locks of one file of a {@link MemoryFileSystem}, and who waits for them. The file system
 * guards it.
 */
final class MemoryLocks {
  private final List<Held> held = new ArrayList<>();
  private final List<Waiting> waiting = new ArrayList<>();

  private record Held(long owner, boolean flock, FileLock lock) {}

  private record Waiting(long owner, boolean flock, FileLock lock, LockReply reply) {}

  /** What stands against a lock of fcntl(2); the lock itself, as F_UNLCK, if nothing does. */
  FileLock test(long owner, FileLock lock) {
    Held found = conflict(owner, false, lock);
    return found != null
        ? found.lock()
        : new FileLock(lock.start(), lock.end(), FileLock.F_UNLCK, lock.pid());
  }

  /**
   * Grants or releases a lock, or lets it wait; EAGAIN if it is not to.
   *
   * @param guard the monitor that is held
   */
  void set(Object guard, long owner, boolean flock, FileLock lock, boolean wait, LockReply reply)
      throws ErrnoException {
    if (lock.type() != FileLock.F_UNLCK && conflict(owner, flock, lock) != null) {
      if (!wait) {
        throw ErrnoException.of(Errno.EAGAIN);
      }
      Waiting one = new Waiting(owner, flock, lock, reply);
      waiting.add(one);
      reply.onInterrupt(
          () -> {
            synchronized (guard) {
              if (waiting.remove(one)) {
                reply.failed(Errno.EINTR);
              }
            }
          });
      return;
    }
    apply(owner, flock, lock);
    reply.granted();
    grant();
  }

  /** An owner is gone, and with it its locks of one kind. */
  void release(long owner, boolean flock) {
    if (held.removeIf(one -> one.flock() == flock && one.owner() == owner)) {
      grant();
    }
  }

  private static boolean overlap(FileLock a, FileLock b) {
    return a.start() <= b.end() && b.start() <= a.end();
  }

  private Held conflict(long owner, boolean flock, FileLock lock) {
    for (Held one : held) {
      if (one.flock() == flock
          && one.owner() != owner
          && overlap(one.lock(), lock)
          && (one.lock().type() == FileLock.F_WRLCK || lock.type() == FileLock.F_WRLCK)) {
        return one;
      }
    }
    return null;
  }

  private void apply(long owner, boolean flock, FileLock lock) {
    List<Held> rest = new ArrayList<>();
    held.removeIf(
        one -> {
          FileLock old = one.lock();
          if (one.owner() != owner || one.flock() != flock || !overlap(old, lock)) {
            return false;
          }
          if (old.start() < lock.start()) {
            rest.add(
                new Held(
                    owner,
                    flock,
                    new FileLock(old.start(), lock.start() - 1, old.type(), old.pid())));
          }
          if (old.end() > lock.end()) {
            rest.add(
                new Held(
                    owner, flock, new FileLock(lock.end() + 1, old.end(), old.type(), old.pid())));
          }
          return true;
        });
    held.addAll(rest);
    if (lock.type() != FileLock.F_UNLCK) {
      held.add(new Held(owner, flock, lock));
    }
  }

  private void grant() {
    for (Waiting one : new ArrayList<>(waiting)) {
      if (conflict(one.owner(), one.flock(), one.lock()) == null) {
        waiting.remove(one);
        apply(one.owner(), one.flock(), one.lock());
        one.reply().granted();
      }
    }
  }
}
