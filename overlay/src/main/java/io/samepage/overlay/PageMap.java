package io.samepage.overlay;

import io.samepage.dedup.FileKey;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which pages the mapping of a file uses, as it is at one time: in extents, one after the other. If
 * the file is not open, it is what a read-only open would get now.
 *
 * @param ino the inode number that the mount shows
 * @param size of the file, in bytes
 * @param open whether it is open or mapped
 * @param passthrough whether it is open so that its pages are those of the layer's file, and not
 *     copies of them under the mount's own inode
 */
public record PageMap(
    long ino, long size, boolean open, boolean passthrough, List<Extent> extents) {
  public PageMap {
    extents = List.copyOf(extents);
  }

  /** What an extent uses. */
  public enum State {
    /** The lower file itself. */
    OWN,
    /** A stable file in its place. */
    SHARED,
    /** The upper file: it has been broken, or never was below. */
    PRIVATE,
    /** Nothing: it reads as zeros. */
    HOLE
  }

  /**
   * A range of pages of 4 KiB.
   *
   * @param firstPage offset of the first one in the file, in pages
   * @param layer directory of the layer that holds the file used; null if the index has forgotten
   * @param path that file's path in the layer; null if it is to be found by its inode number, or
   *     has no name any more
   * @param ino that file's inode number in its layer
   * @param source offset of the first one in that file, in pages
   * @param key that file, as users of its pages are counted by; null if they are not
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Extent(
      long firstPage,
      long pages,
      State state,
      byte @Nullable [] layer,
      byte @Nullable [] path,
      long size,
      long ino,
      long source,
      @Nullable FileKey key) {}
}
