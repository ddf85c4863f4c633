package io.samepage.overlay.lock;

import io.samepage.fuse.LockReply;

/**
 * A request for a lock that waits. Its life: it enters the queue of its space; it is decided
 * (granted, failed or interrupted), which takes it out of the queue, once and for ever; it is
 * answered. It cannot be answered before its {@link LockReply} has been told what to do on an
 * interrupt, so {@link LockTable#set} arms it after that; if it has been decided by then, {@code
 * set} itself answers it.
 *
 * <p>All fields that change are guarded by the {@link LockTable}.
 */
final class Waiter {
  /** The value of {@link #outcome} as long as there is none. */
  static final int UNDECIDED = -1;

  final OwnedLock wanted;
  final boolean flock;
  final LockReply reply;

  /** Where it waits. */
  final FileLocks file;

  /** The owner of the first lock in its way. It waits for that owner until that one lets go. */
  long blocker;

  /** 0 if it was granted, else an error number, or {@link #UNDECIDED}. */
  int outcome = UNDECIDED;

  /** Whether {@link #reply} may be answered by whoever decides. */
  boolean armed;

  Waiter(OwnedLock wanted, boolean flock, LockReply reply, FileLocks file, long blocker) {
    this.wanted = wanted;
    this.flock = flock;
    this.reply = reply;
    this.file = file;
    this.blocker = blocker;
  }

  LockSpace space() {
    return file.space(flock);
  }
}
