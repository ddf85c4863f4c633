package io.samepage.overlay;

import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import java.util.concurrent.atomic.AtomicInteger;

/** The connection to a kernel that grants passthrough and is told nothing. */
final class GrantingKernel implements Connection, BackingFiles {
  private final AtomicInteger ids = new AtomicInteger();

  @Override
  public BackingFiles backingFiles() {
    return this;
  }

  @Override
  public int register(int fd) {
    return ids.incrementAndGet();
  }

  @Override
  public void close(int backingId) {}

  @Override
  public void invalidateInode(long nodeid, long offset, long length) {}

  @Override
  public void invalidateAttributes(long nodeid) {}

  @Override
  public void invalidateEntry(long parent, byte[] name) {}
}
