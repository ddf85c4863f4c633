package io.samepage.fuse;

/** Takes the entries of a readdirplus reply. */
public interface DirectoryPlusReply {
  /** Whether an entry of this name would still fit; asked before the look-up is counted. */
  boolean fits(byte[] name);

  /** The entry to fill for the next {@link #add}. */
  Entry entry();

  /**
   * Adds {@link #entry}. With a nodeid of 0 only its ino and type are used, no look-up is counted,
   * and the kernel asks when it needs more; "." and ".." are always added so.
   *
   * @param nextOffset where to go on after this entry; not 0
   */
  void add(byte[] name, long nextOffset);
}
