package io.samepage.overlay;

import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import org.jspecify.annotations.Nullable;

/**
 * The connection of an overlay that nobody has mounted: there is no kernel that keeps anything of
 * it. Immutable.
 */
final class Unmounted implements Connection {
  @Override
  public @Nullable BackingFiles backingFiles() {
    return null;
  }

  @Override
  public void invalidateInode(long nodeid, long offset, long length) {}

  @Override
  public void invalidateAttributes(long nodeid) {}

  @Override
  public void invalidateEntry(long parent, byte[] name) {}
}
