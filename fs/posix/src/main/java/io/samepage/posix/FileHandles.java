package io.samepage.posix;

import static io.samepage.posix.LibC.C;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Persistent names of files: name_to_handle_at(2) and open_by_handle_at(2). */
public final class FileHandles {
  private static final int MAX_HANDLE = 128;

  /** A handle as the file system encodes it. */
  public static final class FileHandle {
    private final int type;
    private final byte[] bytes;

    /**
     * Takes over an encoded handle.
     *
     * @param type the file system's own tag for the form of the bytes
     * @param bytes at most 128
     */
    public FileHandle(int type, byte[] bytes) {
      this.type = type;
      this.bytes = bytes;
    }

    public int type() {
      return type;
    }

    public byte[] bytes() {
      return bytes;
    }
  }

  private FileHandles() {}

  /** The handle of a name itself; null where the file system gives none. */
  public static @Nullable FileHandle of(int dirfd, byte[] name) throws ErrnoException {
    Scratch scratch = Scratch.current();
    ByteBuffer b = scratch.bytes();
    int at = scratch.structAt();
    b.putInt(at, MAX_HANDLE);
    b.putInt(at + 4, 0);
    long mountId = scratch.struct() + 8 + MAX_HANDLE;
    int flags = name.length == 0 ? Linux.AT_EMPTY_PATH : 0;
    if (C.name_to_handle_at(dirfd, scratch.first(name), scratch.struct(), mountId, flags) < 0) {
      int errno = LibC.errno();
      if (errno == Errno.EOPNOTSUPP || errno == Errno.EOVERFLOW) {
        return null;
      }
      throw ErrnoException.of(errno);
    }
    byte[] bytes = new byte[b.getInt(at)];
    b.get(at + 8, bytes);
    return new FileHandle(b.getInt(at + 4), bytes);
  }

  /**
   * Opens a handle; returns −errno where it fails (ESTALE: the file is gone).
   *
   * @param mountFd any descriptor on a mount of the file system; not an O_PATH one
   */
  public static int tryOpen(int mountFd, FileHandle handle, int flags) {
    Scratch scratch = Scratch.current();
    ByteBuffer b = scratch.bytes();
    int at = scratch.structAt();
    if (handle.bytes().length > MAX_HANDLE) {
      return -Errno.EINVAL;
    }
    b.putInt(at, handle.bytes().length);
    b.putInt(at + 4, handle.type());
    b.put(at + 8, handle.bytes());
    int fd = C.open_by_handle_at(mountFd, scratch.struct(), flags | Linux.O_CLOEXEC);
    return fd >= 0 ? fd : -LibC.errno();
  }
}
