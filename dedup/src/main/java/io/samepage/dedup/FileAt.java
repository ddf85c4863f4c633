package io.samepage.dedup;

/**
 * A file as the …at(2) calls have it, by which it need not be opened to be asked about. It is good
 * as long as the descriptor is.
 *
 * @param dirfd a descriptor of its directory, O_PATH or not; it stays its owner's
 * @param name in that directory, of one component; empty if the descriptor is the file's own
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record FileAt(int dirfd, byte[] name) {
  private static final byte[] EMPTY = {};

  /** The file of a descriptor, O_PATH or not. */
  public static FileAt of(int fd) {
    return new FileAt(fd, EMPTY);
  }
}
