package io.samepage.overlay;

import io.samepage.fuse.Request;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The open handles of a mount, by the numbers that the kernel has for them. Thread-safe. */
final class Handles {
  /**
   * One open file description.
   *
   * @param mayWrite whether it was opened for writing
   * @param mappable whether it can be mapped for writing
   * @param alignment what offsets and lengths of what the daemon reads and writes must be multiples
   *     of
   */
  record Handle(Node node, OpenFile file, boolean mayWrite, boolean mappable, int alignment) {
    /** Whether direct I/O can be done so. */
    boolean isAligned(Request request, long offset, int size) {
      return alignment <= 1 || !request.isDirect() || ((offset | size) & (alignment - 1)) == 0;
    }
  }

  private final ConcurrentHashMap<Long, Handle> handles = new ConcurrentHashMap<>();
  private final AtomicLong next = new AtomicLong(1);

  long add(Handle handle) {
    long number = next.getAndIncrement();
    handles.put(number, handle);
    return number;
  }

  /** EBADF if the kernel names a handle that it was not given. */
  Handle get(long number) throws ErrnoException {
    Handle handle = handles.get(number);
    if (handle == null) {
      throw ErrnoException.of(Errno.EBADF);
    }
    return handle;
  }

  @Nullable Handle remove(long number) {
    return handles.remove(number);
  }

  int size() {
    return handles.size();
  }

  /** Takes all out; for the end of a mount. */
  java.util.List<Handle> drain() {
    java.util.List<Handle> all = java.util.List.copyOf(handles.values());
    handles.clear();
    return all;
  }
}
