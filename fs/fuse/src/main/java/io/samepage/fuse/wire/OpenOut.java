package io.samepage.fuse.wire;

import io.samepage.fuse.Opened;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_open_out}: the answer to OPEN, and the second part of those to CREATE and
 * TMPFILE.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |               fh              |
 *       +---------------+---------------+
 *     8 |   open_flags  |   backing_id  |
 *       +---------------+---------------+
 * </pre>
 */
public final class OpenOut {
  public static final int FH = 0;
  public static final int OPEN_FLAGS = 8;
  static final int BACKING_ID = 12;

  /** The size of the whole. */
  public static final int BYTES = 16;

  static final int FOPEN_DIRECT_IO = 1;
  public static final int FOPEN_KEEP_CACHE = 1 << 1;
  public static final int FOPEN_CACHE_DIR = 1 << 3;
  static final int FOPEN_NOFLUSH = 1 << 5;
  static final int FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6;
  static final int FOPEN_PASSTHROUGH = 1 << 7;

  private OpenOut() {}

  public static void put(ByteBuffer b, int at, Opened opened) {
    b.putLong(at + FH, opened.handle);
    b.putInt(at + OPEN_FLAGS, flags(opened));
    b.putInt(at + BACKING_ID, opened.backingId);
  }

  /** The kernel fails an open that asks for passthrough and for the page cache in one. */
  public static int flags(Opened opened) {
    int flags = 0;
    if (opened.backingId != Opened.NO_BACKING) {
      flags |= FOPEN_PASSTHROUGH;
    } else if (opened.keepCache) {
      flags |= FOPEN_KEEP_CACHE;
    }
    if (opened.directIo) {
      flags |= FOPEN_DIRECT_IO;
    }
    if (opened.noFlush) {
      flags |= FOPEN_NOFLUSH;
    }
    if (opened.parallelDirectWrites) {
      flags |= FOPEN_PARALLEL_DIRECT_WRITES;
    }
    return flags;
  }
}
