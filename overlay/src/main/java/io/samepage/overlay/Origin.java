package io.samepage.overlay;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.FileHandles;
import io.samepage.posix.FileHandles.FileHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The origin of a copied-up file: a handle of its lower file in the form that the kernel's
 * overlayfs keeps in {@code overlay.origin} and in names of its index (fs/overlayfs/overlayfs.h,
 * struct ovl_fb).
 *
 * <pre>
 *   0        1        2        3        4        5                    21
 *  +--------+--------+--------+--------+--------+---- 16 bytes ------+-----------------+
 *  |version |magic   |length  |flags   |type    | UUID of the file   | the handle of   |
 *  |0       |0xfb    |of all  |        |        | system             | the file system |
 *  +--------+--------+--------+--------+--------+--------------------+-----------------+
 * </pre>
 */
final class Origin {
  private static final int MAGIC = 0xfb;
  private static final int FLAG_BIG_ENDIAN = 1;
  private static final int FLAG_ANY_ENDIAN = 2;
  private static final int HEADER = 21;
  private static final byte[] NO_UUID = new byte[16];

  private final byte[] uuid;
  private final FileHandle handle;

  private Origin(byte[] uuid, FileHandle handle) {
    this.uuid = uuid;
    this.handle = handle;
  }

  /** Encodes a file; empty, as the kernel writes it, where its file system gives no handles. */
  static byte[] encode(Layer layer, int dirfd, byte[] name) throws ErrnoException {
    FileHandle handle = FileHandles.of(dirfd, name);
    if (handle == null || handle.type() > 254 || handle.bytes().length > 128) {
      return Names.EMPTY;
    }
    int length = HEADER + handle.bytes().length;
    ByteBuffer b = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    b.put((byte) 0).put((byte) MAGIC).put((byte) length).put((byte) 0);
    b.put((byte) handle.type()).put(layer.uuid()).put(handle.bytes());
    return b.array();
  }

  /** Reads an encoded origin; null if it is empty, of a form that is not known, or damaged. */
  static @Nullable Origin decode(byte[] bytes) {
    if (bytes.length <= HEADER
        || bytes[0] != 0
        || (bytes[1] & 0xff) != MAGIC
        || (bytes[2] & 0xff) != bytes.length
        || (bytes[3] & ~(FLAG_BIG_ENDIAN | FLAG_ANY_ENDIAN)) != 0
        || bytes[3] == FLAG_BIG_ENDIAN) {
      return null;
    }
    return new Origin(
        Arrays.copyOfRange(bytes, 5, HEADER),
        new FileHandle(bytes[4] & 0xff, Arrays.copyOfRange(bytes, HEADER, bytes.length)));
  }

  /** Whether it may be of a layer's file system. */
  boolean mayBeOf(Layer layer) {
    return Arrays.equals(uuid, layer.uuid())
        || Arrays.equals(uuid, NO_UUID)
        || Arrays.equals(layer.uuid(), NO_UUID);
  }

  FileHandle handle() {
    return handle;
  }
}
