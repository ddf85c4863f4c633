package io.samepage.dedup;

import io.samepage.posix.Fd;

/** A stable file, opened for reading in place of a file with the same content. */
public final class StableFile implements AutoCloseable {
  private final FileKey key;
  private final Fd fd;

  StableFile(FileKey key, Fd fd) {
    this.key = key;
    this.fd = fd;
  }

  /** Which file it is; what {@link StableFiles#use} takes. */
  public FileKey key() {
    return key;
  }

  /** A descriptor that can read, through a read-only mount; closed with this object. */
  public int fd() {
    return fd.number();
  }

  @Override
  public void close() {
    fd.close();
  }
}
