package io.samepage.fuse.kernel;

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
final class LinkIn {
  static final int OLDNODEID = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private LinkIn() {}

  static long oldnodeid(ByteBuffer b, int at) {
    return b.getLong(at + OLDNODEID);
  }
}
