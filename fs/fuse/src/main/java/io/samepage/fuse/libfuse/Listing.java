package io.samepage.fuse.libfuse;

import io.samepage.fuse.DirectoryReply;

/** The answer to one readdir: hands each entry to libfuse's function for that. */
final class Listing implements DirectoryReply, AutoCloseable {
  private static final int NAME_ROOM = 4096;

  /** One for each thread, since the memory is small and asked for often. */
  private static final ThreadLocal<Listing> OF_THREAD = ThreadLocal.withInitial(Listing::new);

  /** A {@code struct stat}, of which only number and type are used, and the name after it. */
  private final long stat = Memory.allocate(Layouts.StatOut.BYTES + NAME_ROOM);

  private final long name = stat + Layouts.StatOut.BYTES;
  private long buffer;
  private long filler;

  private Listing() {}

  /**
   * @param buffer what readdir was given to pass on
   * @param filler the address of the function
   */
  static Listing of(long buffer, long filler) {
    Listing listing = OF_THREAD.get();
    listing.buffer = buffer;
    listing.filler = filler;
    return listing;
  }

  @Override
  public boolean add(byte[] entry, long ino, int type, long nextOffset) {
    Memory.putString(name, entry);
    Memory.IO.putLong(stat + Layouts.StatOut.INO, ino);
    Memory.IO.putInt(stat + Layouts.StatOut.MODE, Operations.modeOf(type));
    return Libfuse.fill(filler, buffer, name, stat, nextOffset) == 0;
  }

  @Override
  public void close() {
    buffer = 0;
    filler = 0;
  }
}
