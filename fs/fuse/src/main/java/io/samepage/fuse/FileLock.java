package io.samepage.fuse;

/**
 * A lock on a range of a file, as F_GETLK and F_SETLK speak of it.
 *
 * @param start first byte
 * @param end last byte, {@link Long#MAX_VALUE} for all there is and will be
 * @param type F_RDLCK, F_WRLCK or F_UNLCK of fcntl.h
 * @param pid the process that holds it
 */
public record FileLock(long start, long end, int type, int pid) {
  public static final int F_RDLCK = 0;
  public static final int F_WRLCK = 1;
  public static final int F_UNLCK = 2;
}
