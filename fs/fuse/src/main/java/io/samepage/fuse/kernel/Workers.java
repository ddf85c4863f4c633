package io.samepage.fuse.kernel;

import io.samepage.fuse.FileSystem;
import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The threads that read requests and answer them. */
final class Workers {
  private static final Logger log = LoggerFactory.getLogger(Workers.class);

  private final Channel device;
  private final Dispatcher dispatcher;
  private final FileSystem fs;
  private final Interrupts interrupts;
  private final boolean longSetxattr;
  private final int most;
  private final Runnable onEnd;

  /** Guarded by this, as all below: how many threads there are. */
  private int all;

  /** How many of them wait for a request. */
  private int waiting;

  private int started;

  Workers(
      Channel device,
      Dispatcher dispatcher,
      FileSystem fs,
      Interrupts interrupts,
      boolean longSetxattr,
      int most,
      Runnable onEnd) {
    this.device = device;
    this.dispatcher = dispatcher;
    this.fs = fs;
    this.interrupts = interrupts;
    this.longSetxattr = longSetxattr;
    this.most = most;
    this.onEnd = onEnd;
  }

  synchronized void start() {
    all++;
    waiting++;
    Thread thread = new Thread(this::work, "fuse-" + ++started);
    thread.setDaemon(true);
    thread.start();
  }

  private synchronized void taken() {
    waiting--;
    if (waiting == 0 && all < most) {
      start();
    }
  }

  private synchronized void answered() {
    waiting++;
  }

  private void work() {
    Channel channel = device;
    try {
      channel = device.duplicate(0);
    } catch (ErrnoException e) {
      channel.retain();
    }
    try {
      Credentials.unshareFileSystemState();
      Credentials.umask(0);
    } catch (ErrnoException e) {
      log.error("unshare: {}", e.getMessage());
    }
    Exchange x = new Exchange(fs, interrupts, longSetxattr);
    while (true) {
      int length = channel.read(x.requestAddress(), Exchange.requestRoom());
      if (length == -Errno.EINTR || length == -Errno.EAGAIN || length == -Errno.ENOENT) {
        continue;
      }
      if (length < 0) {
        break;
      }
      taken();
      dispatcher.dispatch(x, channel, length);
      answered();
    }
    channel.release();
    boolean last;
    synchronized (this) {
      all--;
      last = all == 0;
    }
    if (last) {
      onEnd.run();
    }
  }
}
