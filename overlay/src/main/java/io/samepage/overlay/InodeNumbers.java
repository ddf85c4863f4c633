package io.samepage.overlay;

import java.util.ArrayList;
import java.util.List;

/**
 * Inode numbers that are unique over all layers and stay the same over copy-up and remounts. Where
 * all layers are on one file system, its own numbers are that. Otherwise the number of the file
 * system goes into the upper bits, as with {@code xino} of the kernel's overlayfs; a number that
 * needs those bits itself is spread by a hash, which is as stable, and unique but for chance.
 *
 * <p>Immutable.
 */
final class InodeNumbers {
  private static final int FS_BITS = 15;
  private static final int INO_BITS = 63 - FS_BITS;

  private final List<Long> devices = new ArrayList<>();

  /**
   * Numbers for layers.
   *
   * @param layerDevices the device of each layer, in their order
   */
  InodeNumbers(long... layerDevices) {
    for (long dev : layerDevices) {
      if (!devices.contains(dev)) {
        devices.add(dev);
      }
    }
  }

  /** The number that users see for an inode of a file system below. */
  long number(long dev, long ino) {
    if (devices.size() == 1) {
      return ino;
    }
    // A layer may hold further devices (btrfs subvolumes): they share the last number.
    int fs = devices.indexOf(dev);
    long id = fs < 0 ? devices.size() : fs;
    if (ino >>> INO_BITS == 0) {
      return id << INO_BITS | ino;
    }
    long h = (ino ^ (dev * 0x9e3779b97f4a7c15L)) * 0xff51afd7ed558ccdL;
    h ^= h >>> 33;
    return 1L << 62 | (h & ((1L << 62) - 1));
  }
}
