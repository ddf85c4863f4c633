package io.samepage.dedup;

import io.samepage.posix.FileHandles.FileHandle;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Where some content is. Nobody outside of this package makes one.
 *
 * @param key which file, and as it was when it was read
 * @param handle what opens it, whatever its name is by now
 * @param layer number of the path of the tree it was found in ({@link ContentIndex#layer})
 */
public record Place(FileKey key, FileHandle handle, long layer) {
  private static final int FIXED = 6 * Long.BYTES + 2;
  static final int MAX_LENGTH = FIXED + 128;

  /*
   *  0        8     16     24      32      40      48      49       50
   *  +--------+-----+------+-------+-------+-------+-------+--------+---------
   *  | filesys| ino | size | mtime | ctime | layer | type  | length | handle …
   *  +--------+-----+------+-------+-------+-------+-------+--------+---------
   */

  int length() {
    return FIXED + handle.bytes().length;
  }

  void write(ByteBuffer to) {
    to.putLong(key.fileSystem()).putLong(key.ino()).putLong(key.size());
    to.putLong(key.mtime()).putLong(key.ctime()).putLong(layer);
    to.put((byte) handle.type()).put((byte) handle.bytes().length).put(handle.bytes());
  }

  /** Null if it is none. */
  static @Nullable Place read(ByteBuffer from) {
    try {
      FileKey key =
          new FileKey(
              from.getLong(), from.getLong(), from.getLong(), from.getLong(), from.getLong());
      long layer = from.getLong();
      int type = from.get() & 0xff;
      byte[] handle = new byte[from.get() & 0xff];
      from.get(handle);
      return new Place(key, new FileHandle(type, handle), layer);
    } catch (BufferUnderflowException e) {
      return null;
    }
  }

  /** Whether it is the same file, as it is now or as it was. */
  boolean isSameFile(FileKey other) {
    return key.fileSystem() == other.fileSystem() && key.ino() == other.ino();
  }
}
