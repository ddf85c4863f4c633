package io.samepage.fuse.wire;

import io.samepage.fuse.Entry;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_entry_out}: the answer to LOOKUP and to whatever makes a name, and the first
 * part of those to CREATE and TMPFILE and of each entry of READDIRPLUS.
 *
 * <pre>
 *       +---------------------------------+
 *     0 |             nodeid              |
 *       +---------------------------------+
 *     8 |           generation            |
 *       +---------------------------------+
 *    16 |           entry_valid           |
 *       +---------------------------------+
 *    24 |           attr_valid            |
 *       +----------------+----------------+
 *    32 |entry_valid_nsec|attr_valid_nsec |
 *       +----------------+----------------+
 *    40 |    attr, 88 bytes: {@link Attr}
 *       +---------------------------------+
 * </pre>
 */
public final class EntryOut {
  public static final int NODEID = 0;
  static final int GENERATION = 8;
  public static final int ENTRY_VALID = 16;
  public static final int ATTR_VALID = 24;
  public static final int ENTRY_VALID_NSEC = 32;
  public static final int ATTR_VALID_NSEC = 36;
  static final int ATTR = 40;

  /** The size of the whole. */
  public static final int BYTES = 128;

  private EntryOut() {}

  public static void put(ByteBuffer b, int at, Entry entry) {
    b.putLong(at + NODEID, entry.nodeid);
    b.putLong(at + GENERATION, entry.generation);
    b.putLong(at + ENTRY_VALID, Duration.seconds(entry.entryValidNanos));
    b.putLong(at + ATTR_VALID, Duration.seconds(entry.attributes.validNanos));
    b.putInt(at + ENTRY_VALID_NSEC, Duration.nanos(entry.entryValidNanos));
    b.putInt(at + ATTR_VALID_NSEC, Duration.nanos(entry.attributes.validNanos));
    Attr.put(b, at + ATTR, entry.attributes);
  }

  /** An answer without a node: there is no such name, or nothing is said of it. */
  public static void putNone(ByteBuffer b, int at, long entryValidNanos) {
    for (int i = 0; i < BYTES; i += 8) {
      b.putLong(at + i, 0);
    }
    b.putLong(at + ENTRY_VALID, Duration.seconds(entryValidNanos));
    b.putInt(at + ENTRY_VALID_NSEC, Duration.nanos(entryValidNanos));
  }

  public static long nodeid(ByteBuffer b, int at) {
    return b.getLong(at + NODEID);
  }
}
