package io.samepage.fuse.kernel;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** How many threads of the machine want a processor at this moment, against how many there are. */
final class ProcessorLoad implements AutoCloseable {
  private static final byte[] FILE = "/proc/loadavg".getBytes(StandardCharsets.US_ASCII);
  private static final int NONE = -1;

  private final NativeBuffer text = NativeBuffer.allocate(128);
  private final int processors = Runtime.getRuntime().availableProcessors();
  private final int fd;

  ProcessorLoad() {
    int opened;
    try {
      opened = Files.open(Linux.AT_FDCWD, FILE, Linux.O_RDONLY | Linux.O_CLOEXEC, 0);
    } catch (ErrnoException e) {
      opened = NONE;
    }
    fd = opened;
  }

  /** Whether each thread that wants a processor has one, the caller's not counted. */
  boolean isLight() {
    if (fd == NONE) {
      return true;
    }
    try {
      int length = Files.pread(fd, text.address(), text.capacity(), 0);
      return runnable(text.bytes(), length) - 1 <= processors;
    } catch (ErrnoException e) {
      return true;
    }
  }

  /** The number before the slash: {@code 0.20 0.18 0.12 1/80 11206}. */
  static int runnable(ByteBuffer b, int length) {
    int number = 0;
    for (int i = 0; i < length; i++) {
      byte c = b.get(i);
      if (c == '/') {
        return number;
      }
      number = c >= '0' && c <= '9' ? 10 * number + c - '0' : 0;
    }
    return 0;
  }

  @Override
  public void close() {
    if (fd != NONE) {
      Files.close(fd);
    }
  }
}
