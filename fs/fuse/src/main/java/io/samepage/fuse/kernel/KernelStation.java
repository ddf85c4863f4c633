package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.workers.RequestKind;
import io.samepage.fuse.workers.Station;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import org.jspecify.annotations.Nullable;

/** What one worker works with: two descriptors of the connection, and an {@link Exchange}. */
final class KernelStation implements Station {
  private final Dispatcher dispatcher;
  private final Exchange x;
  private final boolean cached;
  private final Channel sleeping;
  private final @Nullable Channel polling;

  /** What the last request was read from. */
  private Channel from;

  /**
   * @param cached whether what is read from here goes into the kernel's page cache
   */
  KernelStation(Channel device, Dispatcher dispatcher, Exchange x, boolean cached) {
    this.cached = cached;
    this.dispatcher = dispatcher;
    this.x = x;
    Channel own = duplicate(device, 0);
    if (own == null) {
      // A kernel that does not clone: all share the first.
      device.retain();
      sleeping = device;
      polling = null;
    } else {
      sleeping = own;
      polling = duplicate(device, Linux.O_NONBLOCK);
    }
    from = sleeping;
  }

  private static @Nullable Channel duplicate(Channel device, int flags) {
    try {
      return device.duplicate(flags);
    } catch (ErrnoException e) {
      return null;
    }
  }

  @Override
  public boolean canPoll() {
    return polling != null;
  }

  @Override
  public int poll() {
    if (polling == null) {
      return -Errno.EAGAIN;
    }
    from = polling;
    return polling.read(x.requestAddress(), Exchange.requestRoom());
  }

  @Override
  public int sleep() {
    from = sleeping;
    return sleeping.read(x.requestAddress(), Exchange.requestRoom());
  }

  @Override
  public RequestKind kind(int length) {
    return RequestKind.of(x.in, Exchange.requestAt(), length, cached);
  }

  @Override
  public long unique(int length) {
    return length < InHeader.BYTES ? 0 : InHeader.unique(x.in, Exchange.requestAt());
  }

  @Override
  public int caller(int length) {
    return length < InHeader.BYTES ? 0 : InHeader.pid(x.in, Exchange.requestAt());
  }

  @Override
  public void answer(int length) {
    dispatcher.dispatch(x, from, length);
  }

  @Override
  public void close() {
    x.close();
    sleeping.release();
    if (polling != null) {
      polling.release();
    }
  }
}
