package io.samepage.fuse.kernel;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Pipe;
import io.samepage.posix.Stat;
import org.jspecify.annotations.Nullable;

/**
 * Answers READs with pages of a file instead of bytes: they go through a pipe (splice(2)), so that
 * the kernel copies the data once, to where they were asked for, and the daemon never touches them.
 * Belongs to one worker; the pipe is made when it is first wanted.
 */
final class PagePipe implements AutoCloseable {
  /** Smaller ones are read and written: to move pages takes four system calls in place of two. */
  static final int LEAST = 32 * 1024;

  private static final int PAGE = 4096;

  /** The usual /proc/sys/fs/pipe-max-size. */
  private static final int PAGES = 256;

  private final Stat stat = new Stat();
  private @Nullable Pipe pipe;

  /** Whether this cannot be done here at all: no pipe, or a file system without splice. */
  private boolean useless;

  /**
   * How many bytes of a file there are for a READ, if they can go through the pipe; else 0.
   *
   * @param size what was asked for
   */
  int room(int fd, long offset, int size) {
    if (useless || size < LEAST) {
      return 0;
    }
    try {
      Files.stat(fd, stat);
    } catch (ErrnoException e) {
      return 0; // who reads it will find out
    }
    long there = Math.min(size, stat.size - offset);
    if (there < LEAST || !stat.isRegular()) {
      return 0;
    }
    if (pipe == null) {
      try {
        pipe = Pipe.open(PAGES);
      } catch (ErrnoException e) {
        useless = true;
        return 0;
      }
    }
    // One for the header, one more if the data do not begin at a page.
    long pages = (there + (offset & (PAGE - 1)) + PAGE - 1) / PAGE + 1;
    return pages <= pipe.pages() ? (int) there : 0;
  }

  /**
   * Sends a reply: a header, and {@code length} bytes of a file after it.
   *
   * @return whether the kernel has it, or wants it no longer; if not, it has to be read and written
   */
  boolean send(ReplyPort port, long header, int fd, long offset, int length) {
    Pipe way = pipe;
    if (way == null || way.write(header, OutHeader.BYTES) != OutHeader.BYTES) {
      discard();
      return false;
    }
    for (int done = 0; done < length; ) {
      int got = way.fill(fd, offset + done, length - done);
      if (got <= 0) {
        useless = got == -Errno.EINVAL;
        discard(); // it has become shorter, or cannot be read: who reads it will find out
        return false;
      }
      done += got;
    }
    int sent = port.splice(way, OutHeader.BYTES + length);
    if (sent == OutHeader.BYTES + length) {
      return true;
    }
    discard();
    return sent == -Errno.ENOENT; // the request was aborted
  }

  /** With whatever is still in it. */
  private void discard() {
    if (pipe != null) {
      pipe.close();
      pipe = null;
    }
  }

  @Override
  public void close() {
    discard();
  }
}
