package io.samepage.dedup;

import io.samepage.posix.Fd;

/** A stable file, opened for reading in place of a file with the same content. */
public final class StableFile implements AutoCloseable {
  private final Place place;
  private final Fd fd;

  StableFile(Place place, Fd fd) {
    this.place = place;
    this.fd = fd;
  }

  /** Which file it is; what {@link StableFiles#use} takes. */
  public FileKey key() {
    return place.key();
  }

  /** Where it is; what {@link StableFiles#open(LayerTree, Place)} takes. */
  public Place place() {
    return place;
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
