package io.samepage.posix;

import java.nio.ByteBuffer;

/**
 * A thread's native area for the arguments and results of one call. Nothing in it outlives the
 * call, and no call is made within another.
 */
final class Scratch {
  private static final int PATH_ROOM = 4096 + 64;
  private static final int FIRST = 0;
  private static final int SECOND = PATH_ROOM;
  private static final int STRUCT = 2 * PATH_ROOM;
  private static final int STRUCT_ROOM = 512;
  private static final int VALUE = STRUCT + STRUCT_ROOM;
  static final int VALUE_ROOM = 64 * 1024;

  private static final ThreadLocal<Scratch> CURRENT = ThreadLocal.withInitial(Scratch::new);

  private final NativeBuffer memory = NativeBuffer.allocate(VALUE + VALUE_ROOM);
  private final ByteBuffer bytes = memory.bytes();

  static Scratch current() {
    return CURRENT.get();
  }

  ByteBuffer bytes() {
    return bytes;
  }

  /** Copies a path in, NUL-ended; ENAMETOOLONG if it cannot be one. */
  long first(byte[] path) throws ErrnoException {
    return put(FIRST, path);
  }

  /** Like {@link #first}, beside it. */
  long second(byte[] path) throws ErrnoException {
    return put(SECOND, path);
  }

  /** The empty path. */
  long empty() {
    bytes.put(FIRST, (byte) 0);
    return memory.address() + FIRST;
  }

  private long put(int at, byte[] path) throws ErrnoException {
    if (path.length >= 4096 + 32) {
      throw ErrnoException.of(Errno.ENAMETOOLONG);
    }
    bytes.put(at, path, 0, path.length);
    bytes.put(at + path.length, (byte) 0);
    return memory.address() + at;
  }

  /** Room for a structure. */
  long struct() {
    return memory.address() + STRUCT;
  }

  /** Where {@link #struct} is in {@link #bytes}. */
  int structAt() {
    return STRUCT;
  }

  /** Room for {@link #VALUE_ROOM} bytes. */
  long value() {
    return memory.address() + VALUE;
  }

  byte[] value(int length) {
    byte[] copy = new byte[length];
    bytes.get(VALUE, copy);
    return copy;
  }

  /** Copies a value in; E2BIG if it is larger than any the kernel takes. */
  long value(byte[] value) throws ErrnoException {
    if (value.length > VALUE_ROOM) {
      throw ErrnoException.of(Errno.E2BIG);
    }
    bytes.put(VALUE, value, 0, value.length);
    return memory.address() + VALUE;
  }

  int valueAt() {
    return VALUE;
  }

  /** {@code /proc/self/fd/N}, or {@code /proc/self/fd/N/name}, NUL-ended, in the first place. */
  long procPath(int fd, byte[] name) throws ErrnoException {
    int at = FIRST;
    bytes.put(at, PROC_SELF_FD, 0, PROC_SELF_FD.length);
    at += PROC_SELF_FD.length;
    int digits = 1;
    for (int rest = fd; rest >= 10; rest /= 10) {
      digits++;
    }
    int rest = fd;
    for (int i = digits - 1; i >= 0; i--) {
      bytes.put(at + i, (byte) ('0' + rest % 10));
      rest /= 10;
    }
    at += digits;
    if (name.length > 0) {
      if (name.length >= 4096) {
        throw ErrnoException.of(Errno.ENAMETOOLONG);
      }
      bytes.put(at++, (byte) '/');
      bytes.put(at, name, 0, name.length);
      at += name.length;
    }
    bytes.put(at, (byte) 0);
    return memory.address() + FIRST;
  }

  private static final byte[] PROC_SELF_FD =
      "/proc/self/fd/".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
}
