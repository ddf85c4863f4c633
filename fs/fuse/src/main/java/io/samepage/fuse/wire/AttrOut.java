package io.samepage.fuse.wire;

import io.samepage.fuse.Attributes;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_attr_out}: the answer to GETATTR and SETATTR.
 *
 * <pre>
 *       +-------------------------------+
 *     0 |          attr_valid           |
 *       +---------------+---------------+
 *     8 |attr_valid_nsec|     dummy     |
 *       +---------------+---------------+
 *    16 |   attr, 88 bytes: {@link Attr}
 *       +-------------------------------+
 * </pre>
 */
public final class AttrOut {
  public static final int ATTR_VALID = 0;
  public static final int ATTR_VALID_NSEC = 8;
  static final int DUMMY = 12;
  public static final int ATTR = 16;

  /** The size of the whole. */
  public static final int BYTES = 104;

  private AttrOut() {}

  public static void put(ByteBuffer b, int at, Attributes attributes) {
    put(b, at, attributes, attributes.validNanos);
  }

  /**
   * Puts attributes that may be kept for another time than {@link Attributes#validNanos}.
   *
   * @param validNanos that time
   */
  public static void put(ByteBuffer b, int at, Attributes attributes, long validNanos) {
    b.putLong(at + ATTR_VALID, Duration.seconds(validNanos));
    b.putInt(at + ATTR_VALID_NSEC, Duration.nanos(validNanos));
    b.putInt(at + DUMMY, 0);
    Attr.put(b, at + ATTR, attributes);
  }
}
