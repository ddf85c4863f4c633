package io.samepage.fuse.kernel;

import io.samepage.fuse.DataPieces;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Pipe;
import org.jspecify.annotations.Nullable;

/**
 * Answers READs with pages of files instead of bytes: they go through a pipe (splice(2)), so that
 * the kernel copies the data once, to where they were asked for, and the daemon never touches them.
 * Belongs to one worker; the pipe is made when it is first wanted.
 */
final class PagePipe implements AutoCloseable {
  /** Smaller ones are read and written: to move pages takes three system calls in place of two. */
  static final int LEAST = 32 * 1024;

  private static final int PAGE = 4096;

  /** The usual /proc/sys/fs/pipe-max-size. */
  private static final int PAGES = 256;

  /**
   * The most that one READ is to ask for, so that it goes through the pipe: beside it there are the
   * header, and one page more if the data do not begin at a page.
   */
  static final int MOST = (PAGES - 2) * PAGE;

  /** A reply whose data cannot be moved. */
  static final int NOT_MOVED = -1;

  private @Nullable Pipe pipe;

  /** Whether this cannot be done here at all: no pipe, or a file system without splice. */
  private boolean useless;

  /**
   * Takes the pages that a READ asks for.
   *
   * @param header address of the header of the answer, which comes before them: it is read by
   *     {@link #send}, and may be written until then
   * @return how many bytes they have, as they would be read: fewer than asked for only at the end
   *     of a file; or {@link #NOT_MOVED}: they have to be read and written
   */
  int take(long header, DataPieces pieces) {
    Pipe way = pipeFor(pieces);
    if (way == null) {
      return NOT_MOVED;
    }
    int lent = way.lend(header, OutHeader.BYTES);
    if (lent != OutHeader.BYTES) {
      useless = lent < 0;
      discard();
      return NOT_MOVED;
    }
    int all = 0;
    int last = pieces.count() - 1;
    for (int i = 0; i <= last; i++) {
      int taken = take(way, pieces.descriptor(i), pieces.offset(i), pieces.length(i));
      if (taken < 0 || (taken < pieces.length(i) && i < last)) {
        useless = taken == -Errno.EINVAL;
        discard(); // what is wrong is found out by who reads it
        return NOT_MOVED;
      }
      all += taken;
    }
    return all;
  }

  /** Bytes, fewer than wanted only at the end of the file; or −errno. */
  private static int take(Pipe way, int fd, long offset, int wanted) {
    int done = 0;
    while (done < wanted) {
      int got = way.fill(fd, offset + done, wanted - done);
      if (got < 0) {
        return got;
      }
      done += got;
      if (got == 0 || ((offset + done) & (PAGE - 1)) != 0) {
        break; // nothing but the end of a file stops it within a page
      }
    }
    return done;
  }

  /** The pipe, if that is the way for them: neither too few nor too many. */
  private @Nullable Pipe pipeFor(DataPieces pieces) {
    if (useless) {
      return null;
    }
    int all = 0;
    int slots = 1; // for the header
    for (int i = 0; i < pieces.count(); i++) {
      all += pieces.length(i);
      slots += (int) (((pieces.offset(i) & (PAGE - 1)) + pieces.length(i) + PAGE - 1) / PAGE);
    }
    if (all < LEAST) {
      return null;
    }
    Pipe way = pipe;
    if (way == null) {
      try {
        way = Pipe.open(PAGES);
      } catch (ErrnoException e) {
        useless = true;
        return null;
      }
      pipe = way;
    }
    return slots <= way.pages() ? way : null;
  }

  /**
   * Sends what was taken, with its header, which says how long both are.
   *
   * @param length of the data
   * @return whether the kernel has it, or wants it no longer; if not, it has to be read and written
   */
  boolean send(ReplyPort port, int length) {
    Pipe way = pipe;
    if (way == null) {
      return false;
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
