package io.samepage.fuse;

import org.jspecify.annotations.Nullable;

/**
 * The answer to an open. A mutable record of a reply: filled by the file system, read by the
 * transport, used again.
 */
public final class Opened {
  /** No handle: the request came without one. */
  public static final long NO_HANDLE = -1;

  /** No backing file: data go through the daemon. */
  public static final int NO_BACKING = 0;

  /** What can be filled before the open is answered; null where the transport has no way to. */
  public final @Nullable PageCache pageCache;

  public long handle;

  /** FOPEN_DIRECT_IO: read and write come to the file system, past the page cache. */
  public boolean directIo;

  /** FOPEN_KEEP_CACHE: what the page cache holds of this inode is still good. */
  public boolean keepCache;

  /** FOPEN_NOFLUSH: close(2) need not be told. */
  public boolean noFlush;

  /** FOPEN_PARALLEL_DIRECT_WRITES: direct writes need not be serialised by the kernel. */
  public boolean parallelDirectWrites;

  /** What {@link BackingFiles#register} gave, or {@link #NO_BACKING}. */
  public int backingId;

  public Opened() {
    this(null);
  }

  public Opened(@Nullable PageCache pageCache) {
    this.pageCache = pageCache;
  }

  /** Back to a plain handle; called by the transport before each open. */
  public void clear() {
    handle = 0;
    directIo = false;
    keepCache = false;
    noFlush = false;
    parallelDirectWrites = false;
    backingId = NO_BACKING;
  }
}
