package io.samepage.fuse.workers;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Whether the threads of this machine that want a processor have one each. One thread {@link #look
 * looks}, every millisecond while there is work; all may ask.
 */
final class ProcessorLoad implements AutoCloseable {
  private static final byte[] FILE = "/proc/loadavg".getBytes(StandardCharsets.US_ASCII);
  private static final int NONE = -1;

  /** So many looks more of the one kind than of the other decide. */
  private static final int DECISIVE = 4;

  private static final int STEADFAST = 8;

  /**
   * For how long a look that found a light load is good. It is short, so that a looker who does not
   * get a processor himself has said by that what there is to say.
   */
  private static final long GOOD_NANOS = 4_000_000;

  private final NativeBuffer text = NativeBuffer.allocate(128);
  private final int processors = Runtime.getRuntime().availableProcessors();
  private final int fd;

  /** Positive: lately light; negative: lately heavy. Written by the looker. */
  private volatile int level;

  /** When the last look was. Written by the looker. */
  private volatile long lookedAt;

  ProcessorLoad() {
    int opened;
    try {
      opened = Files.open(Linux.AT_FDCWD, FILE, Linux.O_RDONLY | Linux.O_CLOEXEC, 0);
    } catch (ErrnoException e) {
      opened = NONE;
    }
    fd = opened;
    lookedAt = System.nanoTime();
  }

  /** Looks now. The calling thread does not count. */
  void look() {
    int now = level;
    boolean light = runnable() - 1 <= processors;
    level = light ? Math.min(now + 1, STEADFAST) : Math.max(now - 1, -STEADFAST);
    lookedAt = System.nanoTime();
  }

  /** Nobody looks for a time, and what was seen last will not be true then. */
  void pause() {
    level = 0;
  }

  /** Whether each thread has a processor. Not knowing is no. */
  boolean isLight(long now) {
    return level >= DECISIVE && now - lookedAt < GOOD_NANOS;
  }

  /** Whether threads have to wait for a processor. Not knowing is no. */
  boolean isHeavy() {
    return level <= -DECISIVE;
  }

  private int runnable() {
    if (fd == NONE) {
      return Integer.MAX_VALUE;
    }
    try {
      int length = Files.pread(fd, text.address(), text.capacity(), 0);
      return runnable(text.bytes(), length);
    } catch (ErrnoException e) {
      return Integer.MAX_VALUE;
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
    return Integer.MAX_VALUE;
  }

  @Override
  public void close() {
    if (fd != NONE) {
      Files.close(fd);
    }
  }
}
