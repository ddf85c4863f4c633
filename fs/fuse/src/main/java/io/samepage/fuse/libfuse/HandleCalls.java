package io.samepage.fuse.libfuse;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.DirectoryReply;
import io.samepage.fuse.FileLock;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.LockReply;
import io.samepage.fuse.Opened;
import io.samepage.fuse.wire.OpenOut;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.NativeBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The calls of libfuse that name a file by its handle, {@code fi.fh}: for these it computes no path
 * (flag_nopath), so that they go on working whatever becomes of the name.
 *
 * <p>A handle uses its node, which thereby stays known from open to release. Thread-safe.
 */
final class HandleCalls {
  private final FileSystem fs;
  private final KnownNodes nodes;
  private final Paths paths;
  private final KernelCache cache;
  private final Map<Long, OpenHandle> handles = new ConcurrentHashMap<>();
  private final AtomicLong last = new AtomicLong();

  /** Handles that stand for nodes without a name, by libfuse's numbers of these. */
  private final Map<Long, Long> orphans = new ConcurrentHashMap<>();

  HandleCalls(FileSystem fs, KnownNodes nodes, Paths paths, KernelCache cache) {
    this.fs = fs;
    this.nodes = nodes;
    this.paths = paths;
    this.cache = cache;
  }

  /**
   * A node has been opened into {@link Call#opened}: the handle takes over the caller's use of it.
   *
   * @param cached whether the pages that the kernel may hold are good
   */
  long opened(Call call, KnownNode node, boolean cached) {
    Opened opened = call.opened;
    opened.keepCache &= cached;
    call.openFlags = OpenOut.flags(opened);
    long number = last.incrementAndGet();
    handles.put(number, new OpenHandle(node, opened.handle));
    return number;
  }

  /**
   * Makes a handle of a node that has no name any more, until the kernel forgets it: to a number
   * without a path libfuse answers ENOENT, although the kernel asks about files that are open and
   * about somebody's working directory.
   */
  void orphan(KnownNode node) {
    if (!nodes.use(node)) {
      return;
    }
    long handle = last.incrementAndGet();
    handles.put(handle, new OpenHandle(node, Opened.NO_HANDLE));
    long number = node.shownAs;
    Long before = orphans.put(number, handle);
    if (before != null) {
      drop(before);
    }
    // It may be that of a name that went earlier, and be forgotten already: then nobody asks, and
    // the kernel will not tell us again.
    if (!cache.dropAttributes(number)) {
      forgotten(number);
    }
  }

  private void drop(long handle) {
    OpenHandle open = handles.remove(handle);
    if (open != null) {
      nodes.release(open.node());
    }
  }

  /** The handle of a node without a name by libfuse's number of it; 0: it is none that is known. */
  long orphanHandle(long number) {
    Long handle = orphans.isEmpty() ? null : orphans.get(number);
    return handle == null ? 0 : handle;
  }

  /**
   * The node without a name that has a number, used by the caller from now on; null: there is none.
   */
  @Nullable KnownNode useOrphan(long number) {
    OpenHandle open = handles.get(orphanHandle(number));
    return open != null && nodes.use(open.node()) ? open.node() : null;
  }

  /** The kernel has forgotten one of libfuse's numbers. */
  void forgotten(long number) {
    Long handle = orphans.isEmpty() ? null : orphans.remove(number);
    if (handle != null) {
      drop(handle);
    }
  }

  private OpenHandle get(long number) throws ErrnoException {
    OpenHandle open = handles.get(number);
    if (open == null) {
      throw ErrnoException.of(Errno.EBADF);
    }
    return open;
  }

  /** Whether a node is open; for {@link #release}. */
  private boolean isOpen(KnownNode node) {
    for (OpenHandle open : handles.values()) {
      if (open.node() == node && open.handle() != Opened.NO_HANDLE) {
        return true;
      }
    }
    return false;
  }

  Attributes getattr(Call call, PathCalls calls, long number) throws ErrnoException {
    OpenHandle open = get(number);
    Attributes attributes = calls.show(call, open.node(), open.handle());
    if (call.number != 0 && orphanHandle(call.number) == number) {
      // Another name may be left, by which they change.
      call.attrValidNanos = 0;
      call.shown = null;
    }
    return attributes;
  }

  void truncate(Call call, long number, long size) throws ErrnoException {
    OpenHandle open = get(number);
    AttributeChange change = PathCalls.change(call);
    change.handle = open.handle();
    change.setSize = true;
    change.size = size;
    change.killSuidgid = call.killSuidgid;
    PathCalls.set(fs, call, open.node());
    cache.changed(open.node(), call.number);
  }

  int read(Call call, long number, long offset, int size, NativeBuffer out) throws ErrnoException {
    OpenHandle open = get(number);
    int read = fs.read(call.request, open.node().nodeid, open.handle(), offset, size, out);
    if (read < 0 || read > size) {
      throw new IllegalStateException("read returned " + read + " of " + size + " bytes");
    }
    open.node().readUnder(call.number);
    return read;
  }

  int write(Call call, long number, long offset, long address, int size, boolean writeback)
      throws ErrnoException {
    OpenHandle open = get(number);
    int written =
        fs.write(
            call.request,
            open.node().nodeid,
            open.handle(),
            offset,
            address,
            size,
            call.killSuidgid,
            writeback);
    if (written < 0 || written > size) {
      throw new IllegalStateException("write returned " + written + " of " + size + " bytes");
    }
    cache.changed(open.node(), call.number);
    return written;
  }

  /**
   * Writes at the end of a file that is open with O_APPEND. Where that is the kernel takes from the
   * size that it has last seen under this number (generic_write_checks() in its fs/read_write.c),
   * and another name may have changed that.
   *
   * @param expected where the kernel takes the end to be
   */
  int append(Call call, long number, long expected, long address, int size) throws ErrnoException {
    OpenHandle open = get(number);
    KnownNode node = open.node();
    synchronized (node.appending) {
      fs.getattr(call.request, node.nodeid, open.handle(), call.attributes);
      long end = call.attributes.size;
      int written = write(call, number, end, address, size, false);
      if (end != expected) {
        // The kernel has put the data into its own pages already, where they do not belong.
        cache.dropPages(call.number);
      }
      return written;
    }
  }

  void flush(Call call, long number, long lockOwner) throws ErrnoException {
    OpenHandle open = get(number);
    fs.flush(call.request, open.node().nodeid, open.handle(), lockOwner);
  }

  /**
   * Ends a handle.
   *
   * @param flockOwner whose flock(2) lock goes with it, or 0
   */
  void release(Call call, long number, long flockOwner) {
    OpenHandle open = handles.remove(number);
    if (open == null) {
      return;
    }
    if (open.handle() != Opened.NO_HANDLE) {
      fs.release(call.request, open.node().nodeid, open.handle(), flockOwner);
      if (paths.anyHidden() && !isOpen(open.node())) {
        paths.unhide(open.node());
      }
    }
    nodes.release(open.node());
  }

  void fsync(Call call, long number, boolean dataOnly) throws ErrnoException {
    OpenHandle open = get(number);
    fs.fsync(call.request, open.node().nodeid, open.handle(), dataOnly);
  }

  void fsyncdir(Call call, long number, boolean dataOnly) throws ErrnoException {
    fs.fsyncdir(call.request, get(number).node().nodeid, dataOnly);
  }

  void readdir(Call call, long number, long offset, DirectoryReply reply) throws ErrnoException {
    fs.readdir(call.request, get(number).node().nodeid, offset, reply);
  }

  void fallocate(Call call, long number, int mode, long offset, long length) throws ErrnoException {
    OpenHandle open = get(number);
    fs.fallocate(call.request, open.node().nodeid, open.handle(), offset, length, mode);
    cache.changed(open.node(), call.number);
  }

  FileLock getlk(Call call, long number, long owner, FileLock lock) throws ErrnoException {
    OpenHandle open = get(number);
    return fs.getlk(call.request, open.node().nodeid, open.handle(), owner, lock);
  }

  void setlk(
      Call call,
      long number,
      long owner,
      FileLock lock,
      boolean flock,
      boolean wait,
      LockReply reply)
      throws ErrnoException {
    OpenHandle open = get(number);
    fs.setlk(call.request, open.node().nodeid, open.handle(), owner, lock, flock, wait, reply);
  }

  byte[] ioctl(Call call, long number, boolean directory, int command, byte[] in, int outSize)
      throws ErrnoException {
    OpenHandle open = get(number);
    return fs.ioctl(
        call.request, open.node().nodeid, open.handle(), directory, command, in, outSize);
  }

  /** Gives everything back, when no request will come any more; handles end with the mount. */
  void clear() {
    for (OpenHandle open : handles.values()) {
      nodes.release(open.node());
    }
    handles.clear();
    orphans.clear();
  }
}
