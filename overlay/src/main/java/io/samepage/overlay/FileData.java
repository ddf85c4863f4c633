package io.samepage.overlay;

import io.samepage.dedup.PagedFile;
import io.samepage.fuse.DataPieces;
import io.samepage.fuse.Request;
import io.samepage.overlay.Handles.Handle;
import io.samepage.overlay.OpenFile.Mode;
import io.samepage.overlay.Partials.Use;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * The data of open files, where they go through the daemon: from the partial copy, through a page
 * map, or from the one file that {@link DataDescriptors} opens. Thread-safe; callers hold none of
 * the locks of {@link Overlay}.
 */
final class FileData {
  private static final int PAGE_MASK = 4095;
  private static final int COPIED_AT_ONCE = 1 << 20;

  private final Overlay overlay;
  private final DataDescriptors descriptors;

  FileData(Overlay overlay, DataDescriptors descriptors) {
    this.overlay = overlay;
    this.descriptors = descriptors;
  }

  /** The partial copy that a handle reads; null if its data are in one file. */
  private @Nullable Use partial(Handle handle) {
    return overlay.partials.use(overlay.successors.current(handle.node()));
  }

  /** The partial copy that a handle is to write, begun if need be; null if there is none to be. */
  private @Nullable Use partialForWriting(Handle handle) throws ErrnoException {
    PartialCopies copies = overlay.partialCopies;
    Node now = overlay.successors.current(handle.node());
    return copies == null || now.hasUpper() || !handle.mayWrite() ? null : copies.forWriting(now);
  }

  /**
   * The node by which others have a handle's file mapped for writing, where that is a later one: it
   * is then in the kernel's cache of that one alone what they have stored. Null if nobody has.
   */
  private @Nullable Node mappedLater(Handle handle) {
    Node now = overlay.successors.current(handle.node());
    OpenFile file = now == handle.node() ? null : now.openFile;
    return file != null && file.mode == Mode.CACHED && now.isMappable() ? now : null;
  }

  /** A handle is to read what others have stored through their mappings of its file. */
  private void seeMappings(Handle handle, long offset, long length) {
    Node later = mappedLater(handle);
    if (later != null && length > 0) {
      overlay.connection.writeBack(later.nodeid, offset, length);
    }
  }

  /**
   * Reads as pread(2) does; EBADF if there is no such handle, EINVAL if direct I/O is not aligned.
   *
   * @param out gets the bytes, at its beginning
   */
  int read(Request request, long handle, long offset, int size, NativeBuffer out)
      throws ErrnoException {
    Handle open = overlay.handles.get(handle);
    seeMappings(open, offset, size);
    try (Use partial = partial(open)) {
      if (partial != null) {
        if (!open.isAligned(request, offset, size) && offset < partial.file().size()) {
          throw ErrnoException.of(Errno.EINVAL);
        }
        return partial.file().read(offset, size, out);
      }
    }
    int fd = descriptors.readable(open);
    if (!open.isAligned(request, offset, size)) {
      Stat stat = new Stat();
      Files.stat(fd, stat);
      if (offset >= stat.size) {
        return 0;
      }
      throw ErrnoException.of(Errno.EINVAL);
    }
    PagedFile paged = descriptors.paged(open);
    leaveNothing(open, offset, size);
    try {
      return paged != null ? paged.read(fd, offset, size, out) : read(fd, offset, size, out);
    } catch (ErrnoException e) {
      if (!descriptors.recover(open, e)) {
        throw e;
      }
      return read(descriptors.readable(open), offset, size, out);
    }
  }

  /** Whose pages are what a read would give: see {@link io.samepage.fuse.FileSystem#locate}. */
  boolean locate(Request request, long handle, long offset, int size, DataPieces pieces)
      throws ErrnoException {
    Handle open = overlay.handles.get(handle);
    if (!open.isAligned(request, offset, size)
        || overlay.successors.current(open.node()).isPartial()
        || mappedLater(open) != null) {
      return false;
    }
    int fd = descriptors.readable(open);
    PagedFile paged = descriptors.paged(open);
    leaveNothing(open, offset, size);
    return paged == null
        ? pieces.add(fd, offset, size)
        : paged.locate(fd, offset, size, pieces::add);
  }

  /**
   * A handle that reads past the kernel's cache does not do so in sendfile(2) and splice(2), which
   * fill it and read there (fuse_splice_read in fs/fuse/file.c). Where the file is written by way
   * of another nodeid, nobody would tell that cache: so it is to keep nothing that may have been
   * read for it, which is whole pages. It drops them when it has them, since it holds their locks
   * until then.
   */
  private void leaveNothing(Handle handle, long offset, int size) {
    Node node = handle.node();
    if (node.isSuperseded()
        && handle.file().mode == Mode.LOWER
        && ((offset | size) & PAGE_MASK) == 0) {
      overlay.connection.invalidateInode(node.nodeid, offset, size);
    }
  }

  private static int read(int fd, long offset, int size, NativeBuffer out) throws ErrnoException {
    int done = 0;
    while (done < size) {
      int got = Files.pread(fd, out.address() + done, size - done, offset + done);
      if (got == 0) {
        break;
      }
      done += got;
      if ((got & PAGE_MASK) != 0) {
        break; // nothing but the end of a file stops a read within a page
      }
    }
    return done;
  }

  /**
   * Writes as pwrite(2) does; EBADF if the handle cannot write.
   *
   * @param killSuidgid whether set-user-ID and set-group-ID bits go with it
   */
  int write(Request request, long handle, long offset, long address, int size, boolean killSuidgid)
      throws ErrnoException {
    Handle open = overlay.handles.get(handle);
    if (!open.isAligned(request, offset, size)) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    try (Use partial = partialForWriting(open)) {
      if (partial != null) {
        return partial.file().write(offset, size, address); // of a file without set-id bits
      }
    }
    int fd = descriptors.writable(open);
    int written = Files.pwrite(fd, address, size, offset);
    if (killSuidgid && open.node().maySetIds()) {
      Privileges.dropSetIds(request, fd);
      overlay.modeChanged(open.node());
    }
    return written;
  }

  /** fallocate(2). */
  void allocate(Request request, long handle, long offset, long length, int mode)
      throws ErrnoException {
    Handle open = overlay.handles.get(handle);
    Protection.checkAllocation(open.node(), mode);
    int fd = descriptors.writable(open);
    Files.fallocate(fd, mode, offset, length);
    if (open.node().maySetIds()) {
      Privileges.dropSetIdsUnlessPrivileged(request, fd);
      overlay.modeChanged(open.node());
    }
  }

  /** lseek(2), for SEEK_DATA and SEEK_HOLE. */
  long seek(long handle, long offset, int whence) throws ErrnoException {
    Handle open = overlay.handles.get(handle);
    try (Use partial = partial(open)) {
      if (partial != null) {
        return partial.file().seek(offset, whence);
      }
    }
    return Files.seek(descriptors.readable(open), offset, whence);
  }

  /** copy_file_range(2); it may copy less than it is asked for. */
  long copyRange(
      Request request, long handleIn, long offsetIn, long handleOut, long offsetOut, long length)
      throws ErrnoException {
    Handle in = overlay.handles.get(handleIn);
    Handle out = overlay.handles.get(handleOut);
    Protection.checkAllocation(out.node(), 0);
    seeMappings(in, offsetIn, length);
    try (Use from = partial(in);
        Use to = partialForWriting(out)) {
      if (from != null || to != null) {
        long pages = copyPages(in, from, offsetIn, out, to, offsetOut, length);
        if (to == null && out.node().maySetIds()) {
          Privileges.dropSetIdsUnlessPrivileged(request, descriptors.writable(out));
          overlay.modeChanged(out.node());
        }
        return pages;
      }
    }
    int fd = descriptors.writable(out);
    long copied;
    try {
      copied = Files.copyRange(descriptors.readable(in), offsetIn, fd, offsetOut, length);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EIO || !descriptors.recover(in, e)) {
        throw e;
      }
      copied = Files.copyRange(descriptors.readable(in), offsetIn, fd, offsetOut, length);
    }
    if (out.node().maySetIds()) {
      Privileges.dropSetIdsUnlessPrivileged(request, fd);
      overlay.modeChanged(out.node());
    }
    return copied;
  }

  /** Copies some bytes where at least one of the files is not whole in one place. */
  private long copyPages(
      Handle in,
      @Nullable Use from,
      long offsetIn,
      Handle out,
      @Nullable Use to,
      long offsetOut,
      long length)
      throws ErrnoException {
    NativeBuffer buffer = NativeBuffer.allocate((int) Math.min(length, COPIED_AT_ONCE));
    try {
      int got =
          from != null
              ? from.file().read(offsetIn, buffer.capacity(), buffer)
              : read(descriptors.readable(in), offsetIn, buffer.capacity(), buffer);
      if (got == 0) {
        return 0;
      }
      return to != null
          ? to.file().write(offsetOut, got, buffer.address())
          : Files.pwrite(descriptors.writable(out), buffer.address(), got, offsetOut);
    } finally {
      Reference.reachabilityFence(buffer);
    }
  }
}
