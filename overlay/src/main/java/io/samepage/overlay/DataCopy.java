package io.samepage.overlay;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.lang.ref.Reference;

/**
 * The data of a file copied into another, with its holes: by a clone (FICLONE) where the file
 * systems can, else range by range, by copy_file_range(2) where that can, else by reading and
 * writing.
 */
final class DataCopy {
  private static final int CHUNK = 64 << 20;

  private DataCopy() {}

  /**
   * Copies all of a file; the other one has no data before, and is as long after.
   *
   * @param in a descriptor that reads
   * @param out a descriptor that writes
   * @param size in bytes; less is copied if the file is shorter by now
   */
  static void copy(int in, int out, long size) throws ErrnoException {
    if (Files.tryClone(in, out)) {
      return;
    }
    long at = 0;
    while (at < size) {
      long data;
      long end;
      try {
        data = Files.seek(in, at, Linux.SEEK_DATA);
        end = Math.min(size, Files.seek(in, data, Linux.SEEK_HOLE));
      } catch (ErrnoException e) {
        if (e.errno() == Errno.ENXIO) {
          break; // a hole up to the end
        }
        data = at;
        end = size;
      }
      if (data >= size) {
        break;
      }
      copyRange(in, out, data, Math.max(end, data + 1), size);
      at = Math.max(end, data + 1);
    }
    Stat copied = new Stat();
    Files.stat(out, copied);
    if (copied.size != size) {
      Files.truncate(out, size); // sets the time, as nothing does where a metacopy is all hole
    }
  }

  private static void copyRange(int in, int out, long start, long end, long size)
      throws ErrnoException {
    long at = start;
    while (at < end && at < size) {
      long copied;
      try {
        copied = Files.copyRange(in, at, out, at, Math.min(CHUNK, end - at));
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EXDEV
            && e.errno() != Errno.EINVAL
            && e.errno() != Errno.EOPNOTSUPP
            && e.errno() != Errno.ENOSYS) {
          throw e;
        }
        copyByHand(in, out, at, end);
        return;
      }
      if (copied == 0) {
        return; // shorter than it was: copied as far as it goes
      }
      at += copied;
    }
  }

  private static void copyByHand(int in, int out, long start, long end) throws ErrnoException {
    NativeBuffer buffer = NativeBuffer.allocate(256 * 1024);
    try {
      long at = start;
      while (at < end) {
        int size = (int) Math.min(buffer.capacity(), end - at);
        int got = Files.pread(in, buffer.address(), size, at);
        if (got == 0) {
          return;
        }
        int put = 0;
        while (put < got) {
          put += Files.pwrite(out, buffer.address() + put, got - put, at + put);
        }
        at += got;
      }
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }
}
