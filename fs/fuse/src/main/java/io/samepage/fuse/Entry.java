package io.samepage.fuse;

/**
 * What a name leads to. A mutable record of a reply: filled by the file system, read by the
 * transport, used again.
 */
public final class Entry {
  /** The node, or 0: there is no such name. */
  public long nodeid;

  /** Tells uses of one nodeid apart, should it be handed out again. */
  public long generation;

  /** For how long the kernel may keep the name, in nanoseconds. */
  public long entryValidNanos;

  public final Attributes attributes = new Attributes();
}
