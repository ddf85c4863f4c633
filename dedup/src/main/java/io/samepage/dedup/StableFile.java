package io.samepage.dedup;

import io.samepage.posix.Fd;
import org.jspecify.annotations.Nullable;

/** A stable file, opened for reading in place of a file with the same content. */
public final class StableFile implements AutoCloseable {
  private final Place place;
  private @Nullable Fd fd;

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

  /**
   * A descriptor that can read, through a read-only mount; closed with this object.
   *
   * @throws IllegalStateException after {@link #take}
   */
  public int fd() {
    return open().number();
  }

  /**
   * The same, which is the caller's to close from now on.
   *
   * @throws IllegalStateException when it was taken before
   */
  public Fd take() {
    Fd taken = open();
    fd = null;
    return taken;
  }

  private Fd open() {
    Fd open = fd;
    if (open == null) {
      throw new IllegalStateException("its descriptor is another's");
    }
    return open;
  }

  @Override
  public void close() {
    Fd open = fd;
    if (open != null) {
      open.close();
    }
  }
}
