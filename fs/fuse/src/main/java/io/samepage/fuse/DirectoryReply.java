package io.samepage.fuse;

/** Takes the entries of a readdir reply. */
public interface DirectoryReply {
  /**
   * Adds an entry.
   *
   * @param type DT_* of dirent.h
   * @param nextOffset where to go on after this entry; not 0
   * @return false if there is no room for it, which ends the reply
   */
  boolean add(byte[] name, long ino, int type, long nextOffset);
}
