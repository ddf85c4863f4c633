package io.samepage.fuse.wire;

import java.nio.ByteBuffer;

/**
 * {@code struct fuse_link_in}: the request LINK, before the new name; the header names the new
 * parent.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |           oldnodeid           |
 *       +-------------------------------+
 * </pre>
 */
public final class LinkIn {
  static final int OLDNODEID = 0;

  /** The size of the whole. */
  public static final int BYTES = 8;

  private LinkIn() {}

  public static long oldnodeid(ByteBuffer b, int at) {
    return b.getLong(at + OLDNODEID);
  }
}
