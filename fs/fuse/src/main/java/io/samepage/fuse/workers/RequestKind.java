package io.samepage.fuse.workers;

/** What {@link Workers} have to know of a request, whatever it asks for. */
public enum RequestKind {
  /** It is short as a rule. */
  ORDINARY,

  /** To answer it takes long as a rule, so that another worker should read meanwhile. */
  LONG,

  /** RELEASE, whose sender does not wait for the answer. */
  RELEASE,

  /** Asks for or about a lock: GETLK and SETLK, but not SETLKW, which waits by itself. */
  LOCK
}
