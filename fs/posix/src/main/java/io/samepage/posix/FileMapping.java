package io.samepage.posix;

import static io.samepage.posix.LibC.C;

/**
 * Some pages of a file, mapped for reading: mmap(2) with PROT_READ and MAP_SHARED. Nothing of it is
 * read from here, so that no fault ever comes as a signal: {@link #populate} makes the pages
 * present, and tells what cannot be.
 */
public final class FileMapping implements AutoCloseable {
  /** How many bytes the kernel's pages have. */
  public static final int PAGE = C.getpagesize();

  private static final int PROT_READ = 1;
  private static final int MAP_SHARED = 1;
  private static final int MADV_RANDOM = 1;
  private static final int MADV_POPULATE_READ = 22;

  private final long address;
  private final int pages;

  private FileMapping(long address, int pages) {
    this.address = address;
    this.pages = pages;
  }

  /**
   * Maps pages. The descriptor may be closed afterwards.
   *
   * @throws ErrnoException ENODEV if files of its file system cannot be mapped
   */
  public static FileMapping of(int fd, long firstPage, int pages) throws ErrnoException {
    long length = (long) pages * PAGE;
    long address = C.mmap(0, length, PROT_READ, MAP_SHARED, fd, firstPage * PAGE);
    if (address == -1) {
      throw ErrnoException.of(LibC.errno());
    }
    return new FileMapping(address, pages);
  }

  /** How many there are. */
  public int pages() {
    return pages;
  }

  /** The address of a page, in pages, as /proc/self/pagemap counts them. */
  public long pageNumber(int page) {
    return address / PAGE + page;
  }

  /** Lets a fault of one page bring in no others. */
  public void expectRandom() {
    C.madvise(address, (long) pages * PAGE, MADV_RANDOM);
  }

  /**
   * Makes pages present, reading the file where they are not in memory yet.
   *
   * @return 0, or an errno: EFAULT where a page is beyond the file's end by now or cannot be read;
   *     EINVAL before Linux 5.14
   */
  public int populate(int from, int count) {
    long begin = address + (long) from * PAGE;
    while (C.madvise(begin, (long) count * PAGE, MADV_POPULATE_READ) != 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINTR && errno != Errno.EAGAIN) {
        return errno;
      }
    }
    return 0;
  }

  /**
   * Which pages are in the page cache: mincore(2).
   *
   * @param into gets a byte for each page, whose lowest bit tells
   */
  public void residency(NativeBuffer into) throws ErrnoException {
    if (into.capacity() < pages) {
      throw new IllegalArgumentException("no room for " + pages + " pages");
    }
    Files.check(C.mincore(address, (long) pages * PAGE, into.address()));
  }

  @Override
  public void close() {
    C.munmap(address, (long) pages * PAGE);
  }
}
