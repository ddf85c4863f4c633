package io.samepage.overlay;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * What a directory's default ACL means for a file that is created in it (fs/posix_acl.c,
 * posix_acl_create_masq), on the form of linux/posix_acl_xattr.h: a version (2), then entries of
 * tag, permissions and ID.
 */
final class DefaultAcl {
  static final byte[] DEFAULT = Names.ascii("system.posix_acl_default");
  static final byte[] ACCESS = Names.ascii("system.posix_acl_access");

  private static final int HEADER = 4;
  private static final int ENTRY = 8;
  private static final int USER_OBJ = 1;
  private static final int USER = 2;
  private static final int GROUP_OBJ = 4;
  private static final int GROUP = 8;
  private static final int MASK = 0x10;
  private static final int OTHER = 0x20;

  private final int mode;
  private final byte @Nullable [] access;

  private DefaultAcl(int mode, byte @Nullable [] access) {
    this.mode = mode;
    this.access = access;
  }

  /**
   * Applies a default ACL.
   *
   * @param acl the value of the directory's system.posix_acl_default
   * @param mode as the creator gave it, the umask not applied
   */
  static DefaultAcl apply(byte[] acl, int mode) {
    byte[] result = acl.clone();
    ByteBuffer b = ByteBuffer.wrap(result).order(ByteOrder.LITTLE_ENDIAN);
    int left = mode;
    int group = -1;
    int mask = -1;
    boolean extended = false;
    for (int at = HEADER; at + ENTRY <= result.length; at += ENTRY) {
      int permissions = b.getShort(at + 2);
      switch (b.getShort(at)) {
        case USER_OBJ -> {
          permissions &= (mode >> 6) & 7;
          left = (left & ~0700) | (permissions << 6);
          b.putShort(at + 2, (short) permissions);
        }
        case OTHER -> {
          permissions &= mode & 7;
          left = (left & ~7) | permissions;
          b.putShort(at + 2, (short) permissions);
        }
        case GROUP_OBJ -> group = at;
        case MASK -> {
          mask = at;
          extended = true;
        }
        case USER, GROUP -> extended = true;
        default -> {
          // An entry that the kernel would not have accepted.
        }
      }
    }
    int masked = mask >= 0 ? mask : group;
    if (masked >= 0) {
      int permissions = b.getShort(masked + 2) & (mode >> 3) & 7;
      left = (left & ~070) | (permissions << 3);
      b.putShort(masked + 2, (short) permissions);
    }
    return new DefaultAcl(left, extended ? result : null);
  }

  /** The mode that the new file has. */
  int mode() {
    return mode;
  }

  /** The ACL that it has beyond its mode; null if the mode says it all. */
  byte @Nullable [] access() {
    return access;
  }
}
