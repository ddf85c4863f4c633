package io.samepage.fuse;

import org.jspecify.annotations.Nullable;

/**
 * A {@link LockReply} that a transport can interrupt: what the file system wants to be done and the
 * interrupt may come in either order. The monitor of this object guards both, and nothing is called
 * while it is held.
 */
public abstract class InterruptibleLockReply implements LockReply {
  private boolean interrupted;
  private @Nullable Runnable action;

  @Override
  public void onInterrupt(Runnable newAction) {
    synchronized (this) {
      action = newAction;
      if (!interrupted) {
        return;
      }
    }
    newAction.run();
  }

  /** The caller wants to wait no longer. Called by the transport, from any thread. */
  public void interrupt() {
    Runnable known;
    synchronized (this) {
      interrupted = true;
      known = action;
    }
    if (known != null) {
      known.run();
    }
  }
}
