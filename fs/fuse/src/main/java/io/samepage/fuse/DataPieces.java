package io.samepage.fuse;

/**
 * Where the data of a READ are: ranges of open files, one after the other. A mutable record, filled
 * by the file system, read by the transport, used again.
 */
public final class DataPieces {
  /** More would be no faster than to read them: each is a system call. */
  public static final int MOST = 16;

  private final int[] descriptors = new int[MOST];
  private final long[] offsets = new long[MOST];
  private final int[] lengths = new int[MOST];
  private int count;

  public void clear() {
    count = 0;
  }

  /**
   * Adds what comes next.
   *
   * @param fd stays open until the request has been answered
   * @param length in bytes; if it is the last one, the file may end before
   * @return whether there was room for it
   */
  public boolean add(int fd, long offset, int length) {
    if (count == MOST) {
      return false;
    }
    descriptors[count] = fd;
    offsets[count] = offset;
    lengths[count] = length;
    count++;
    return true;
  }

  public int count() {
    return count;
  }

  public int descriptor(int index) {
    return descriptors[index];
  }

  public long offset(int index) {
    return offsets[index];
  }

  public int length(int index) {
    return lengths[index];
  }
}
