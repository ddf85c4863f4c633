package io.samepage.posix;

import static io.samepage.posix.Files.check;
import static io.samepage.posix.LibC.C;

import java.nio.ByteBuffer;

/**
 * A pipe as a way for pages from one file to another (splice(2)): what goes in and out are
 * references to pages of the page cache, not their bytes. It never blocks for want of room or of
 * data. Not thread-safe.
 */
public final class Pipe implements AutoCloseable {
  private static final int F_SETPIPE_SZ = 1031;
  private static final int SPLICE_F_NONBLOCK = 2;
  private static final int PAGE = 4096;

  private final Fd readEnd;
  private final Fd writeEnd;
  private final int pages;

  private Pipe(Fd readEnd, Fd writeEnd, int pages) {
    this.readEnd = readEnd;
    this.writeEnd = writeEnd;
    this.pages = pages;
  }

  /**
   * Opens a pipe for that many pages, or for as many as the host allows (pipe(7),
   * /proc/sys/fs/pipe-max-size).
   */
  public static Pipe open(int pages) throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(C.pipe2(scratch.struct(), Linux.O_CLOEXEC | Linux.O_NONBLOCK));
    ByteBuffer b = scratch.bytes();
    Fd readEnd = new Fd(b.getInt(scratch.structAt()));
    Fd writeEnd = new Fd(b.getInt(scratch.structAt() + 4));
    int bytes = C.fcntl(writeEnd.number(), F_SETPIPE_SZ, (long) pages * PAGE);
    return new Pipe(readEnd, writeEnd, bytes < 0 ? 16 : bytes / PAGE);
  }

  /** How many pages, or parts of pages, it holds. */
  public int pages() {
    return pages;
  }

  /**
   * Puts the memory itself in (vmsplice(2)): what comes out at the other end is what stands there
   * then. It takes at least one page.
   *
   * @param address of memory that has been written since it was allocated (else the zero page is
   *     lent, which a later write does not change) and stays as long as it is in the pipe
   * @return the number of bytes, or −errno
   */
  public int lend(long address, int length) {
    Scratch scratch = Scratch.current();
    scratch.bytes().putLong(scratch.structAt(), address);
    scratch.bytes().putLong(scratch.structAt() + 8, length);
    long result = C.vmsplice(writeEnd.number(), scratch.struct(), 1, SPLICE_F_NONBLOCK);
    return result < 0 ? -LibC.errno() : (int) result;
  }

  /**
   * Puts pages of a file in: from an offset on, at most {@code length} bytes. Reads them into the
   * page cache if they are not there.
   *
   * @return bytes, 0 at the end of the file, or −errno: EINVAL if the file cannot be spliced
   */
  public int fill(int fd, long offset, int length) {
    Scratch scratch = Scratch.current();
    scratch.bytes().putLong(scratch.structAt(), offset);
    long result = C.splice(fd, scratch.struct(), writeEnd.number(), length, SPLICE_F_NONBLOCK);
    return result < 0 ? -LibC.errno() : (int) result;
  }

  /** Writes to a descriptor what is in it, in one call; the number of bytes, or −errno. */
  public int drain(int fd, int length) {
    long result = C.splice(readEnd.number(), 0, fd, length, SPLICE_F_NONBLOCK);
    return result < 0 ? -LibC.errno() : (int) result;
  }

  @Override
  public void close() {
    readEnd.close();
    writeEnd.close();
  }
}
