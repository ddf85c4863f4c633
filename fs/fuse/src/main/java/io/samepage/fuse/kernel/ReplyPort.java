package io.samepage.fuse.kernel;

import io.samepage.posix.Pipe;

/** Where replies go: in operation a descriptor, in tests a stand-in. */
interface ReplyPort {
  /** Writes one whole reply; −errno if the kernel did not take it. */
  int write(long address, int length);

  /** Moves one whole reply out of a pipe; its length, or −errno if the kernel did not take it. */
  int splice(Pipe pipe, int length);

  /** Keeps the port open for a reply that comes later, until {@link #release}. */
  void retain();

  void release();
}
