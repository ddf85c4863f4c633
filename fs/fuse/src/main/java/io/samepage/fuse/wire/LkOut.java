package io.samepage.fuse.wire;

import io.samepage.fuse.FileLock;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_lk_out}: the answer to GETLK.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |             start             |
 *       +-------------------------------+
 *     8 |              end              |
 *       +---------------+---------------+
 *    16 |      type     |      pid      |
 *       +---------------+---------------+
 * </pre>
 */
public final class LkOut {
  static final int START = 0;
  static final int END = 8;
  public static final int TYPE = 16;
  public static final int PID = 20;

  /** The size of the whole. */
  public static final int BYTES = 24;

  private LkOut() {}

  public static void put(ByteBuffer b, int at, FileLock lock) {
    b.putLong(at + START, lock.start());
    b.putLong(at + END, lock.end());
    b.putInt(at + TYPE, lock.type());
    b.putInt(at + PID, lock.pid());
  }
}
