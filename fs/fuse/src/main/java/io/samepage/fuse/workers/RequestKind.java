package io.samepage.fuse.workers;

import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.ReadIn;
import java.nio.ByteBuffer;

/** What {@link Workers} have to know of a request, whatever it asks for. */
public enum RequestKind {
  /** It is short as a rule. */
  ORDINARY,

  /** To answer it takes long as a rule, so that another worker should read meanwhile. */
  LONG,

  /** RELEASE, whose sender does not wait for the answer. */
  RELEASE,

  /** Asks for or about a lock: GETLK and SETLK, but not SETLKW, which waits by itself. */
  LOCK,

  /** What the kernel seems to read ahead of who reads: nobody waits for it, as a rule. */
  READ_AHEAD;

  /** From this size on, in bytes, a read is for more than who reads has asked for. */
  private static final int AHEAD = 64 * 1024;

  /**
   * That of a request.
   *
   * @param at where in {@code b} it is
   * @param length of all of it, in bytes
   * @param cached whether the kernel reads into its page cache
   */
  public static RequestKind of(ByteBuffer b, int at, int length, boolean cached) {
    if (length < InHeader.BYTES) {
      return ORDINARY;
    }
    return switch (Opcode.of(InHeader.opcode(b, at))) {
      case FSYNC, FSYNCDIR, SYNCFS, COPY_FILE_RANGE, COPY_FILE_RANGE_64 -> LONG;
      case RELEASE -> RELEASE;
      case GETLK, SETLK -> LOCK;
      case READ ->
          cached
                  && length >= InHeader.BYTES + ReadIn.BYTES
                  && ReadIn.size(b, at + InHeader.BYTES) >= AHEAD
              ? READ_AHEAD
              : ORDINARY;
      default -> ORDINARY;
    };
  }
}
