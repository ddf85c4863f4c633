package io.samepage.overlay.partial;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;

/**
 * Which pages of a partial copy-up have been broken: a bit each, in memory and in the map file,
 * behind its record. A bit is written when the data are, so that a process that dies in between has
 * an old page and not half a new one.
 *
 * <p>Thread-safe: the monitor of this object, a leaf, guards everything.
 */
final class PageBitmap {
  private static final int CHUNK = 1 << 16;

  private final Fd file;
  private final long pages;
  private final byte[] bits;
  private final NativeBuffer buffer = NativeBuffer.allocate(CHUNK);

  /** Of a map file that stays the caller's. */
  PageBitmap(Fd file, long pages) {
    this.file = file;
    this.pages = pages;
    this.bits = new byte[Math.toIntExact((pages + 7) / 8)];
  }

  /** Reads what is in the file; what it is too short for has not been broken. */
  synchronized void load() throws ErrnoException {
    int at = 0;
    while (at < bits.length) {
      int want = Math.min(CHUNK, bits.length - at);
      int got =
          Files.pread(file.number(), buffer.address(), want, (long) PartialRecord.LENGTH + at);
      if (got <= 0) {
        return;
      }
      ByteBuffer read = buffer.bytes().duplicate();
      read.position(0);
      read.get(bits, at, got);
      at += got;
    }
  }

  synchronized boolean get(long page) {
    return (bits[(int) (page >> 3)] & 1 << (page & 7)) != 0;
  }

  /** Sets the bits of a range, here and in the file. */
  synchronized void set(long first, long end) throws ErrnoException {
    change(first, end, true);
  }

  /** Clears the bits of a range, here and in the file. */
  synchronized void clear(long first, long end) throws ErrnoException {
    change(first, end, false);
  }

  private void change(long first, long end, boolean on) throws ErrnoException {
    if (first >= end) {
      return;
    }
    if (end > pages) {
      throw new IndexOutOfBoundsException("page " + end + " of " + pages);
    }
    int from = (int) (first >> 3);
    int to = (int) ((end + 7) >> 3);
    byte[] changed = java.util.Arrays.copyOfRange(bits, from, to);
    for (long page = first; page < end; page++) {
      int i = (int) (page >> 3) - from;
      int bit = 1 << (page & 7);
      changed[i] = (byte) (on ? changed[i] | bit : changed[i] & ~bit);
    }
    int at = 0;
    while (at < changed.length) {
      int count = Math.min(CHUNK, changed.length - at);
      ByteBuffer write = buffer.bytes().duplicate();
      write.position(0);
      write.put(changed, at, count);
      writeAll(file.number(), buffer, count, PartialRecord.LENGTH + (long) from + at);
      at += count;
    }
    System.arraycopy(changed, 0, bits, from, changed.length);
  }

  /** Writes a whole buffer; EIO where the file system takes nothing and says nothing. */
  static void writeAll(int fd, NativeBuffer buffer, int count, long offset) throws ErrnoException {
    int done = 0;
    while (done < count) {
      int put = Files.pwrite(fd, buffer.address() + done, count - done, offset + done);
      if (put <= 0) {
        throw ErrnoException.of(Errno.EIO);
      }
      done += put;
    }
  }
}
