package io.samepage.fuse.kernel;

import io.samepage.fuse.DataPieces;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Pipe;
import io.samepage.posix.Stat;
import org.jspecify.annotations.Nullable;

/**
 * Answers READs with pages of files instead of bytes: they go through a pipe (splice(2)), so that
 * the kernel copies the data once, to where they were asked for, and the daemon never touches them.
 * Belongs to one worker; the pipe is made when it is first wanted.
 */
final class PagePipe implements AutoCloseable {
  /** Smaller ones are read and written: to move pages takes four system calls in place of two. */
  static final int LEAST = 32 * 1024;

  private static final int PAGE = 4096;

  /** The usual /proc/sys/fs/pipe-max-size. */
  private static final int PAGES = 256;

  /**
   * The most that one READ is to ask for, so that it goes through the pipe: beside it there are the
   * header, and one page more if the data do not begin at a page.
   */
  static final int MOST = (PAGES - 2) * PAGE;

  private final Stat stat = new Stat();
  private @Nullable Pipe pipe;

  /** Whether this cannot be done here at all: no pipe, or a file system without splice. */
  private boolean useless;

  /** How many bytes there are for a READ, if they can go through the pipe; else 0. */
  int room(DataPieces pieces) {
    if (useless) {
      return 0;
    }
    int last = pieces.count() - 1;
    int all = 0;
    int slots = 1; // for the header
    for (int i = 0; i <= last; i++) {
      long offset = pieces.offset(i);
      int length = pieces.length(i);
      try {
        Files.stat(pieces.descriptor(i), stat);
      } catch (ErrnoException e) {
        return 0; // who reads it will find out
      }
      long there = Math.min(length, stat.size - offset);
      if (!stat.isRegular() || there <= 0 || (there < length && i < last)) {
        return 0;
      }
      all += (int) there;
      slots += (int) (((offset & (PAGE - 1)) + there + PAGE - 1) / PAGE);
    }
    if (all < LEAST) {
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
    return slots <= pipe.pages() ? all : 0;
  }

  /**
   * Sends a reply: a header, and after it the first {@code length} bytes of the pieces.
   *
   * @return whether the kernel has it, or wants it no longer; if not, it has to be read and written
   */
  boolean send(ReplyPort port, long header, DataPieces pieces, int length) {
    Pipe way = pipe;
    if (way == null || way.write(header, OutHeader.BYTES) != OutHeader.BYTES) {
      discard();
      return false;
    }
    int left = length;
    for (int i = 0; i < pieces.count() && left > 0; i++) {
      int wanted = Math.min(pieces.length(i), left);
      for (int done = 0; done < wanted; ) {
        int got = way.fill(pieces.descriptor(i), pieces.offset(i) + done, wanted - done);
        if (got <= 0) {
          useless = got == -Errno.EINVAL;
          discard(); // it has become shorter, or cannot be read: who reads it will find out
          return false;
        }
        done += got;
      }
      left -= wanted;
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
