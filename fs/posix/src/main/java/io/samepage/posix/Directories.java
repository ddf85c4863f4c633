package io.samepage.posix;

import static io.samepage.posix.LibC.C;

import java.nio.ByteBuffer;

/** Reading directories with getdents64(2). */
public final class Directories {
  private static final long SYS_GETDENTS64 = Linux.IS_ARM64 ? 61 : 217;
  private static final int ROOM = 64 * 1024;
  private static final ThreadLocal<NativeBuffer> BUFFER =
      ThreadLocal.withInitial(() -> NativeBuffer.allocate(ROOM));

  /** Takes the entries. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * One entry, other than "." and "..".
     *
     * @param type DT_*, DT_UNKNOWN where the file system does not tell
     */
    void entry(byte[] name, long ino, int type) throws ErrnoException;
  }

  private Directories() {}

  /** Reads a directory from where its descriptor stands to its end. Visitors do not nest. */
  public static void list(int fd, Visitor visitor) throws ErrnoException {
    NativeBuffer buffer = BUFFER.get();
    ByteBuffer b = buffer.bytes();
    while (true) {
      long length = C.syscall(SYS_GETDENTS64, fd, buffer.address(), ROOM, 0, 0);
      if (length < 0) {
        throw ErrnoException.of(LibC.errno());
      }
      if (length == 0) {
        return;
      }
      int at = 0;
      while (at < length) {
        long ino = b.getLong(at);
        int recordLength = b.getShort(at + 16) & 0xffff;
        int type = b.get(at + 18);
        int nameAt = at + 19;
        int end = nameAt;
        while (b.get(end) != 0) {
          end++;
        }
        int nameLength = end - nameAt;
        boolean dots =
            b.get(nameAt) == '.'
                && (nameLength == 1 || (nameLength == 2 && b.get(nameAt + 1) == '.'));
        if (!dots) {
          byte[] name = new byte[nameLength];
          b.get(nameAt, name);
          visitor.entry(name, ino, type);
        }
        at += recordLength;
      }
    }
  }
}
