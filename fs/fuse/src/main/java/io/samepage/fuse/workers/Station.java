package io.samepage.fuse.workers;

/**
 * What one worker works with: descriptors to read requests from, and memory for a request and its
 * answer, used for one after the other. Confined to the thread of its worker.
 */
public interface Station extends AutoCloseable {
  /** Whether there is a descriptor for {@link #poll}. */
  boolean canPoll();

  /**
   * Reads a request if there is one.
   *
   * @return its length, −EAGAIN if there is none, or −errno
   */
  int poll();

  /**
   * Waits for a request and reads it.
   *
   * @return its length, or −errno
   */
  int sleep();

  /** What the request is that has just been read. */
  RequestKind kind(int length);

  /** The number that the kernel gave to the request that has just been read; 0 without a header. */
  long unique(int length);

  /**
   * The thread that has sent the request which has just been read, in the PID namespace of this
   * process; 0 if the kernel does not say.
   */
  int caller(int length);

  /** Answers the request that has just been read. Nothing that goes wrong gets past this method. */
  void answer(int length);

  /** Closes the descriptors. */
  @Override
  void close();
}
