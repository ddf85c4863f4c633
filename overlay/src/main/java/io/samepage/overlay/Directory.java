package io.samepage.overlay;

import io.samepage.posix.Linux;
import org.jspecify.annotations.Nullable;

/**
 * A directory of the overlay: an upper directory, lower ones, or both merged. Its monitor guards
 * its names: who looks a name up in it, adds or removes one, holds it, as the kernel holds i_rwsem.
 */
final class Directory extends Node {
  private static final LayerDirectory[] NONE = {};

  /** The lower directories that shine through, topmost first. */
  private final LayerDirectory[] lowers;

  /** Names in it that are known; guarded by the {@link NodeTable}. */
  int names;

  /** Whether entries of the upper part may have come from below, so that inode numbers differ. */
  private volatile boolean impure;

  Directory(@Nullable Directory parent, byte[] name, long ino, LayerDirectory[] lowers) {
    super(parent, name, Linux.S_IFDIR, ino);
    this.lowers = lowers.length == 0 ? NONE : lowers;
  }

  LayerDirectory[] lowers() {
    return lowers;
  }

  /** Whether anything lower shines through. */
  boolean hasLowers() {
    return lowers.length > 0;
  }

  /** Whether it is an upper directory and a lower one in one. */
  boolean isMerged() {
    return hasUpper() ? lowers.length > 0 : lowers.length > 1;
  }

  boolean isImpure() {
    return impure;
  }

  void setImpure() {
    impure = true;
  }
}
