package io.samepage.fuse.kernel;

import io.samepage.posix.ErrnoException;

/** Answers one kind of request. */
@FunctionalInterface
interface Handler {
  /** No reply is due, or it comes later. */
  int NO_REPLY = -1;

  /**
   * Decodes the request that {@code x} holds, has the file system do it and leaves the answer in
   * {@code x}.
   *
   * @return the length of the answer without its header, or {@link #NO_REPLY}
   */
  int handle(Exchange x) throws ErrnoException;
}
