package io.samepage.fuse.workers;

import io.samepage.fuse.wire.Opcode;

/** What {@link Workers} have to know of a request, whatever it asks for. */
public enum RequestKind {
  /** It is short as a rule. */
  ORDINARY,

  /** To answer it takes long as a rule, so that another worker should read meanwhile. */
  LONG,

  /** RELEASE, whose sender does not wait for the answer. */
  RELEASE,

  /** Asks for or about a lock: GETLK and SETLK, but not SETLKW, which waits by itself. */
  LOCK;

  /** That of a request with this opcode. */
  public static RequestKind of(Opcode opcode) {
    return switch (opcode) {
      case FSYNC, FSYNCDIR, SYNCFS, COPY_FILE_RANGE, COPY_FILE_RANGE_64 -> LONG;
      case RELEASE -> RELEASE;
      case GETLK, SETLK -> LOCK;
      default -> ORDINARY;
    };
  }
}
