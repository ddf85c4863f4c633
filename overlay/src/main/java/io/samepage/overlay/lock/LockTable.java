package io.samepage.overlay.lock;

import io.samepage.fuse.FileLock;
import io.samepage.fuse.LockReply;
import io.samepage.posix.Errno;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The advisory locks of all files of a mount; see the package's text for the rules.
 *
 * <p>A file is named by a key: any object whose {@code equals} is identity. Who calls this class
 * sees to it that all who mean the same file use the same key as long as the file has locks. No
 * method waits for a lock of a file; but {@link #set} calls replies, which may do I/O.
 *
 * <p>Lock order: {@link #guard} is the only lock here and guards everything that is reached from
 * {@link #files} and {@link #waiting}. Nothing outside this package is called while it is held, so
 * it comes after every other lock. {@link #files} may be read without it, for {@link #isEmpty} and
 * for those who would find nothing to do.
 */
public final class LockTable {
  /** How many locks and waiters one file may have, and no more than that: ENOLCK. */
  static final int FILE_LIMIT = 100_000;

  /** The same for all files together; some 35 MB. */
  static final int TABLE_LIMIT = 250_000;

  private static final Logger LOG = LoggerFactory.getLogger(LockTable.class);

  private final int fileLimit;
  private final int tableLimit;

  private final ReentrantLock guard = new ReentrantLock();

  /** The files that have locks or waiters, and no others. Changed only with {@link #guard}. */
  private final ConcurrentHashMap<Object, FileLocks> files = new ConcurrentHashMap<>();

  /** Who waits for record locks, by owner. Guarded by {@link #guard}. */
  private final Map<Long, Set<Waiter>> waiting = new HashMap<>();

  /** Locks and waiters of all files. Guarded by {@link #guard}. */
  private int size;

  /** Set with {@link #guard}; never taken back. */
  private volatile boolean hadRecords;

  /** Guarded by {@link #guard}. */
  private boolean closed;

  public LockTable() {
    this(FILE_LIMIT, TABLE_LIMIT);
  }

  LockTable(int fileLimit, int tableLimit) {
    this.fileLimit = fileLimit;
    this.tableLimit = tableLimit;
  }

  /** Whether a file has neither locks nor waiters. Takes no lock. */
  public boolean isEmpty(Object file) {
    return !files.containsKey(file);
  }

  /** Whether anybody has ever asked for a record lock. */
  public boolean hadRecords() {
    return hadRecords;
  }

  /**
   * Tests for a record lock (F_GETLK).
   *
   * @return the first lock in the way of {@code lock}, or {@code lock} with type F_UNLCK
   */
  public FileLock test(Object file, long owner, FileLock lock) {
    OwnedLock conflict = null;
    if (!isEmpty(file)) {
      guard.lock();
      try {
        FileLocks locks = files.get(file);
        if (locks != null) {
          conflict = locks.records.conflict(new OwnedLock(owner, 0, lock));
        }
      } finally {
        guard.unlock();
      }
    }
    return conflict != null
        ? conflict.lock()
        : new FileLock(lock.start(), lock.end(), FileLock.F_UNLCK, 0);
  }

  /**
   * Sets, changes or releases a lock (F_SETLK, F_SETLKW, flock(2)). The answer goes to {@code
   * reply}: at once, or later if {@code wait} is set and there is a conflict. Errors are EAGAIN for
   * a conflict, EDEADLK, EINTR, ENOLCK where there are too many locks, EINVAL.
   *
   * @param flock whether it is a lock of flock(2), on the whole file
   */
  public void set(
      Object file,
      long handle,
      long owner,
      FileLock lock,
      boolean flock,
      boolean wait,
      LockReply reply) {
    if (!isValid(lock, flock)) {
      answer(reply, Errno.EINVAL);
      return;
    }
    OwnedLock wanted = new OwnedLock(owner, handle, lock);
    if (wanted.isUnlock() && isEmpty(file)) {
      answer(reply, 0);
      return;
    }

    Answers answers = new Answers();
    Waiter waiter = null;
    int outcome;
    guard.lock();
    try {
      hadRecords |= !flock;
      FileLocks locks = files.computeIfAbsent(file, FileLocks::new);
      LockSpace space = locks.space(flock);
      OwnedLock conflict = space.conflict(wanted);
      if (conflict == null) {
        outcome = grant(locks, space, wanted, answers);
      } else {
        if (space.surrender(wanted)) {
          size--;
          serve(space, Set.of(owner), answers);
        }
        if (!wait) {
          outcome = Errno.EAGAIN;
        } else {
          waiter = new Waiter(wanted, flock, reply, locks, conflict.owner());
          outcome = enqueue(waiter);
        }
      }
      dropIfEmpty(locks);
    } finally {
      guard.unlock();
    }
    answers.send();
    if (waiter == null || outcome != Waiter.UNDECIDED) {
      answer(reply, outcome);
    } else {
      arm(waiter);
    }
  }

  /** Releases the record locks of an owner on a file: it has closed a descriptor of it (FLUSH). */
  public void releaseOwner(Object file, long owner) {
    if (isEmpty(file)) {
      return;
    }
    Answers answers = new Answers();
    guard.lock();
    try {
      FileLocks locks = files.get(file);
      if (locks == null) {
        return;
      }
      release(locks, locks.records, owner, answers);
      dropIfEmpty(locks);
    } finally {
      guard.unlock();
    }
    answers.send();
  }

  /**
   * Releases what an open file leaves behind when its last descriptor is closed (RELEASE): the
   * flock lock of {@code flockOwner}, and whatever else was set through {@code handle}, which
   * includes the locks of open file descriptions, whose end no FLUSH tells. Nobody can wait through
   * a closed handle; should one do it nevertheless, it is told EINTR, lest it be granted a lock
   * that nothing would release.
   */
  public void releaseHandle(Object file, long handle, long flockOwner) {
    if (isEmpty(file)) {
      return;
    }
    Answers answers = new Answers();
    guard.lock();
    try {
      FileLocks locks = files.get(file);
      if (locks == null) {
        return;
      }
      for (boolean flock : new boolean[] {false, true}) {
        LockSpace space = locks.space(flock);
        for (Waiter waiter : List.copyOf(space.waiters)) {
          if (waiter.wanted.handle() == handle) {
            decide(waiter, Errno.EINTR, answers);
          }
        }
        int before = space.size();
        Set<Long> weakened = space.releaseHandle(handle);
        size -= before - space.size();
        serve(space, weakened, answers);
      }
      release(locks, locks.flocks, flockOwner, answers);
      dropIfEmpty(locks);
    } finally {
      guard.unlock();
    }
    answers.send();
  }

  /**
   * Forgets all locks. Whoever waits is told EINTR, and so is whoever would have to from now on.
   */
  public void close() {
    Answers answers = new Answers();
    guard.lock();
    try {
      closed = true;
      for (FileLocks locks : files.values()) {
        for (boolean flock : new boolean[] {false, true}) {
          for (Waiter waiter : List.copyOf(locks.space(flock).waiters)) {
            decide(waiter, Errno.EINTR, answers);
          }
        }
      }
      files.clear();
      size = 0;
    } finally {
      guard.unlock();
    }
    answers.send();
  }

  /** Locks and waiters, of all files. */
  int size() {
    guard.lock();
    try {
      return size;
    } finally {
      guard.unlock();
    }
  }

  private static boolean isValid(FileLock lock, boolean flock) {
    boolean type =
        switch (lock.type()) {
          case FileLock.F_RDLCK, FileLock.F_WRLCK, FileLock.F_UNLCK -> true;
          default -> false;
        };
    return type && (flock || (lock.start() >= 0 && lock.start() <= lock.end()));
  }

  // What follows, as far as it is not said otherwise, is called with the guard held.

  /**
   * Sets a lock that nothing stands against, and serves those who waited for what it replaced.
   *
   * @return 0 or an error number
   */
  private int grant(FileLocks locks, LockSpace space, OwnedLock wanted, Answers answers) {
    LockSpace.Change change = space.plan(wanted);
    if (!hasRoom(locks, change.growth())) {
      return Errno.ENOLCK;
    }
    space.commit(change);
    size += change.growth();
    if (change.weakened()) {
      serve(space, Set.of(wanted.owner()), answers);
    }
    return 0;
  }

  /** Whether so many more fit. Who does not want more is never refused. */
  private boolean hasRoom(FileLocks locks, int growth) {
    return growth <= 0 || (locks.size() + growth <= fileLimit && size + growth <= tableLimit);
  }

  private void release(FileLocks locks, LockSpace space, long owner, Answers answers) {
    int before = locks.held();
    if (space.releaseOwner(owner)) {
      size -= before - locks.held();
      serve(space, Set.of(owner), answers);
    }
  }

  /**
   * Lets a request wait.
   *
   * @return an error number if it may not, else {@link Waiter#UNDECIDED}
   */
  private int enqueue(Waiter waiter) {
    if (closed) {
      return Errno.EINTR;
    }
    if (isDeadlock(waiter)) {
      return Errno.EDEADLK;
    }
    if (!hasRoom(waiter.file, 1)) {
      return Errno.ENOLCK;
    }
    waiter.space().waiters.add(waiter);
    size++;
    if (waiter.space().detectsDeadlocks()) {
      waiting.computeIfAbsent(waiter.wanted.owner(), owner -> new LinkedHashSet<>()).add(waiter);
    }
    return Waiter.UNDECIDED;
  }

  /** Ends the waiting of one who waits; the lock itself has been set if it is granted. */
  private void decide(Waiter waiter, int outcome, Answers answers) {
    waiter.space().waiters.remove(waiter);
    size--;
    if (waiter.space().detectsDeadlocks()) {
      Set<Waiter> ofOwner = waiting.get(waiter.wanted.owner());
      if (ofOwner != null) {
        ofOwner.remove(waiter);
        if (ofOwner.isEmpty()) {
          waiting.remove(waiter.wanted.owner());
        }
      }
    }
    waiter.outcome = outcome;
    if (waiter.armed) {
      answers.add(waiter);
    }
  }

  /**
   * Looks again at those who wait for owners that have let go of something: they are granted their
   * locks or wait for somebody else from now on. What they are granted may be less than they had (a
   * range that was locked for writing and is for reading now), so it goes on until nobody has let
   * go of anything.
   */
  private void serve(LockSpace space, Collection<Long> weakened, Answers answers) {
    if (weakened.isEmpty() || space.waiters.isEmpty()) {
      return;
    }
    List<Waiter> redirected = new ArrayList<>();
    Deque<Long> owners = new ArrayDeque<>(weakened);
    while (!owners.isEmpty()) {
      long owner = owners.remove();
      for (Waiter waiter : List.copyOf(space.waiters)) {
        if (waiter.blocker != owner) {
          continue;
        }
        OwnedLock conflict = space.conflict(waiter.wanted);
        if (conflict != null) {
          if (conflict.owner() != owner) {
            waiter.blocker = conflict.owner();
            redirected.add(waiter);
          }
          continue;
        }
        LockSpace.Change change = space.plan(waiter.wanted);
        // The waiter's own room becomes the lock's.
        if (!hasRoom(waiter.file, change.growth() - 1)) {
          decide(waiter, Errno.ENOLCK, answers);
          continue;
        }
        space.commit(change);
        size += change.growth();
        decide(waiter, 0, answers);
        if (change.weakened()) {
          owners.add(waiter.wanted.owner());
        }
      }
    }
    // Only now, when no waiter waits any more for one who has let go.
    for (Waiter waiter : redirected) {
      if (waiter.outcome == Waiter.UNDECIDED && isDeadlock(waiter)) {
        decide(waiter, Errno.EDEADLK, answers);
      }
    }
  }

  /**
   * Whether the one for whom {@code waiter} waits, waits in turn, over any number of others, for
   * the owner of {@code waiter}. As in the kernel a waiter waits for the owner of the first lock in
   * its way, and is looked at again when that owner lets go; so a circle that runs through a second
   * lock is found then. An owner with several threads may wait and yet be able to release: it gets
   * EDEADLK, as from the kernel.
   */
  private boolean isDeadlock(Waiter waiter) {
    if (!waiter.space().detectsDeadlocks()) {
      return false;
    }
    Set<Long> seen = new HashSet<>();
    Deque<Long> open = new ArrayDeque<>();
    open.add(waiter.blocker);
    seen.add(waiter.blocker);
    while (!open.isEmpty()) {
      Long owner = open.remove();
      if (owner == waiter.wanted.owner()) {
        return true;
      }
      for (Waiter next : waiting.getOrDefault(owner, Set.of())) {
        if (seen.add(next.blocker)) {
          open.add(next.blocker);
        }
      }
    }
    return false;
  }

  private void dropIfEmpty(FileLocks locks) {
    if (locks.size() == 0) {
      files.remove(locks.key, locks);
    }
  }

  /** Lets a waiter be answered. Called without the guard. */
  private void arm(Waiter waiter) {
    // An interrupt that has come already is told within this call; it decides, and is answered
    // below.
    waiter.reply.onInterrupt(() -> interrupt(waiter));
    int outcome;
    guard.lock();
    try {
      waiter.armed = true;
      outcome = waiter.outcome;
    } finally {
      guard.unlock();
    }
    if (outcome != Waiter.UNDECIDED) {
      answer(waiter.reply, outcome);
    }
  }

  /** Ends the waiting with EINTR if it has not ended. Called without the guard. */
  private void interrupt(Waiter waiter) {
    Answers answers = new Answers();
    guard.lock();
    try {
      if (waiter.outcome == Waiter.UNDECIDED) {
        decide(waiter, Errno.EINTR, answers);
        dropIfEmpty(waiter.file);
      }
    } finally {
      guard.unlock();
    }
    answers.send();
  }

  /**
   * Gives one answer. Called without the guard. One answer that cannot be given must not keep
   * others from theirs.
   */
  private static void answer(LockReply reply, int outcome) {
    try {
      if (outcome == 0) {
        reply.granted();
      } else {
        reply.failed(outcome);
      }
    } catch (RuntimeException e) {
      LOG.error("A request for a file lock could not be answered; its caller may hang", e);
    }
  }

  /** Answers that are decided while the guard is held, and sent when it is not. */
  private final class Answers {
    private @Nullable List<Waiter> decided;

    void add(Waiter waiter) {
      if (decided == null) {
        decided = new ArrayList<>();
      }
      decided.add(waiter);
    }

    /** Called without the guard. An outcome does not change any more once it stands. */
    void send() {
      assert !guard.isHeldByCurrentThread();
      if (decided != null) {
        for (Waiter waiter : decided) {
          answer(waiter.reply, waiter.outcome);
        }
      }
    }
  }
}
