package io.samepage.posix;

import java.nio.charset.StandardCharsets;

/**
 * The page frame numbers of this process's own pages, from /proc/self/pagemap
 * (Documentation/admin-guide/mm/pagemap.rst). The kernel shows them to whoever has CAP_SYS_ADMIN in
 * the initial user namespace, and zeroes to others. Used by one thread at a time.
 */
public final class PageFrames implements AutoCloseable {
  /** In place of a number: the page is not present. */
  public static final long NOT_PRESENT = 0;

  private static final byte[] PATH = "/proc/self/pagemap".getBytes(StandardCharsets.US_ASCII);
  private static final long PRESENT = 1L << 63;
  private static final long NUMBER = (1L << 55) - 1;

  private final Fd fd;
  private final NativeBuffer entries;

  private PageFrames(Fd fd, NativeBuffer entries) {
    this.fd = fd;
    this.entries = entries;
  }

  /**
   * Opens the table.
   *
   * @param pages how many are asked for at a time, at most
   */
  public static PageFrames open(int pages) throws ErrnoException {
    Fd fd = new Fd(Files.open(Linux.AT_FDCWD, PATH, Linux.O_RDONLY, 0));
    return new PageFrames(fd, NativeBuffer.allocate(pages * Long.BYTES));
  }

  /** Whether this process is shown the numbers. */
  public boolean areShown() throws ErrnoException {
    // The buffer itself has been written, so that its first page is there.
    entries.bytes().putLong(0, 1);
    long entry = entry(entries.address() / FileMapping.PAGE);
    return (entry & PRESENT) != 0 && (entry & NUMBER) != 0;
  }

  private long entry(long pageNumber) throws ErrnoException {
    NativeBuffer one = NativeBuffer.allocate(Long.BYTES);
    int length = Files.pread(fd.number(), one.address(), Long.BYTES, pageNumber * Long.BYTES);
    return length == Long.BYTES ? one.bytes().getLong(0) : 0;
  }

  /** The frames of the pages of a mapping, from its first on; {@link #NOT_PRESENT} for some. */
  public void of(FileMapping mapping, long[] frames) throws ErrnoException {
    int wanted = mapping.pages() * Long.BYTES;
    int got = 0;
    while (got < wanted) {
      long at = mapping.pageNumber(0) * Long.BYTES + got;
      int length = Files.pread(fd.number(), entries.address() + got, wanted - got, at);
      if (length == 0) {
        throw ErrnoException.of(Errno.EIO, "/proc/self/pagemap ended");
      }
      got += length;
    }
    for (int i = 0; i < mapping.pages(); i++) {
      long entry = entries.bytes().getLong(i * Long.BYTES);
      frames[i] = (entry & PRESENT) == 0 ? NOT_PRESENT : entry & NUMBER;
    }
  }

  @Override
  public void close() {
    fd.close();
  }
}
