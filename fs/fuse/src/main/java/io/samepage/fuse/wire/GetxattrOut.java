package io.samepage.fuse.wire;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.nio.ByteBuffer;

/**
 * {@code struct fuse_getxattr_out}: the answer to GETXATTR and LISTXATTR with a size of 0; to those
 * with another it is the value itself.
 *
 * <pre>
 *       +---------------+---------------+
 *     0 |      size     |    padding    |
 *       +---------------+---------------+
 * </pre>
 */
public final class GetxattrOut {
  static final int SIZE = 0;

  /** The size of the whole. */
  static final int BYTES = 8;

  private GetxattrOut() {}

  /**
   * How long the answer is: as long as the value, or as this if only its length is asked for.
   *
   * @param room {@link GetxattrIn#size}
   * @throws ErrnoException E2BIG: the kernel takes no such value; ERANGE: the caller has no room
   */
  public static int length(byte[] value, int room) throws ErrnoException {
    int most = 65536; // XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h
    if (value.length > most) {
      throw ErrnoException.of(Errno.E2BIG);
    }
    if (room == 0) {
      return BYTES;
    }
    if (room > 0 && value.length > room) {
      throw ErrnoException.of(Errno.ERANGE);
    }
    return value.length;
  }

  /** Puts a value, or its length if there is no room for more. */
  public static void put(ByteBuffer b, int at, byte[] value, int room) {
    if (room == 0) {
      b.putInt(at + SIZE, value.length);
      b.putInt(at + SIZE + 4, 0);
    } else {
      b.put(at, value);
    }
  }
}
