package io.samepage.fuse;

/**
 * The answer to a request for a lock, which may come later and from another thread. Exactly one of
 * {@link #granted} and {@link #failed} is called, once.
 */
public interface LockReply {
  void granted();

  /** The lock is not granted: EAGAIN, EINTR, EDEADLK, … */
  void failed(int errno);

  /**
   * Says what to do when the caller is interrupted while it waits. {@code action} runs on a thread
   * of the transport, at once if the interrupt has come already, and should lead to {@link #failed}
   * with EINTR unless the lock has been granted meanwhile.
   */
  void onInterrupt(Runnable action);
}
