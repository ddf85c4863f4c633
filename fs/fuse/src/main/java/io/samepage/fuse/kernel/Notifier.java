package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.InvalEntryOut;
import io.samepage.fuse.wire.InvalInodeOut;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.Errno;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Threads;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the kernel what it keeps in vain. A notification takes locks of the inode or the directory,
 * which a request in work may hold while it waits for a worker; so they go out from a thread that
 * answers no requests. The one exception is {@link #writeBack}, whose caller has to wait for it.
 *
 * <p>What waits to go out already is not queued again, so that the queue is no longer than the
 * number of different things there are to say.
 */
final class Notifier {
  private static final Logger log = LoggerFactory.getLogger(Notifier.class);

  private static final int MAX_NAME = 4096;

  private final ReplyPort device;
  private final Thread thread;

  /** For what is told at once; its monitor guards it. */
  private final NativeBuffer urgent = NativeBuffer.allocate(OutHeader.BYTES + InvalInodeOut.BYTES);

  /** Guarded by this, as all below; in the order in which they go out. */
  private final Queue<Notification> queue = new ArrayDeque<>();

  private final Set<Notification> queued = new HashSet<>();
  private boolean ended;

  /** How many workers may wait for what the kernel writes back, which others have to answer. */
  private final Semaphore waiting;

  /**
   * For one connection.
   *
   * @param workers how many requests can be worked on at once
   */
  Notifier(ReplyPort device, String name, int workers) {
    this.device = device;
    waiting = new Semaphore(workers / 2);
    thread = new Thread(this::run, name);
    thread.setDaemon(true);
  }

  /** One thing to tell: of an inode if there is no name, else of that name in a directory. */
  private static final class Notification {
    final long nodeid;
    final long offset;
    final long length;
    final byte @Nullable [] name;

    Notification(long nodeid, long offset, long length, byte @Nullable [] name) {
      this.nodeid = nodeid;
      this.offset = offset;
      this.length = length;
      this.name = name;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Notification that
          && nodeid == that.nodeid
          && offset == that.offset
          && length == that.length
          && Arrays.equals(name, that.name);
    }

    @Override
    public int hashCode() {
      return Objects.hash(nodeid, offset, length, Arrays.hashCode(name));
    }
  }

  void start() {
    thread.start();
  }

  void invalidateInode(long nodeid, long offset, long length) {
    add(new Notification(nodeid, offset, length, null));
  }

  /**
   * Tells at once. With no data to drop the kernel looks the inode up, marks its attributes and
   * takes only a spin lock for that (fuse_reverse_inval_inode).
   */
  void invalidateAttributes(long nodeid) {
    synchronized (urgent) {
      send(urgent, new Notification(nodeid, -1, 0, null));
    }
  }

  /** {@link io.samepage.fuse.Connection#writeBack}; from the thread of the caller, who waits. */
  void writeBack(long nodeid, long offset, long length) {
    if (!waiting.tryAcquire()) {
      return;
    }
    try {
      NativeBuffer message = NativeBuffer.allocate(OutHeader.BYTES + InvalInodeOut.BYTES);
      send(message, new Notification(nodeid, offset, length, null));
    } finally {
      waiting.release();
    }
  }

  void invalidateEntry(long parent, byte[] name) {
    if (name.length == 0 || name.length > MAX_NAME) {
      throw new IllegalArgumentException("a name of " + name.length + " bytes");
    }
    add(new Notification(parent, 0, 0, name.clone()));
  }

  private synchronized void add(Notification notification) {
    if (!ended && queued.add(notification)) {
      queue.add(notification);
      notifyAll();
    }
  }

  private void run() {
    NativeBuffer message =
        NativeBuffer.allocate(OutHeader.BYTES + InvalInodeOut.BYTES + MAX_NAME + 1);
    while (true) {
      Notification notification = next();
      if (notification == null) {
        return;
      }
      send(message, notification);
    }
  }

  private void send(NativeBuffer message, Notification notification) {
    int length = put(message.bytes(), notification);
    int result = device.write(message.address(), length);
    // ENOENT: the kernel does not know it (any more). ENOTDIR, ENODEV and the like: the same.
    if (result == -Errno.EINVAL) {
      log.error("the kernel does not understand a notification of {} bytes", length);
    }
  }

  private synchronized @Nullable Notification next() {
    while (!ended) {
      Notification notification = queue.poll();
      if (notification != null) {
        queued.remove(notification);
        return notification;
      }
      try {
        wait();
      } catch (InterruptedException e) {
        return null;
      }
    }
    return null;
  }

  private static int put(ByteBuffer b, Notification notification) {
    int at = OutHeader.BYTES;
    int code;
    int length;
    byte[] name = notification.name;
    if (name == null) {
      code = InvalInodeOut.NOTIFY_INVAL_INODE;
      length = InvalInodeOut.BYTES;
      InvalInodeOut.ino(b, at, notification.nodeid);
      InvalInodeOut.off(b, at, notification.offset);
      InvalInodeOut.len(b, at, notification.length);
    } else {
      code = InvalEntryOut.NOTIFY_INVAL_ENTRY;
      length = InvalEntryOut.BYTES + name.length + 1;
      InvalEntryOut.parent(b, at, notification.nodeid);
      InvalEntryOut.namelen(b, at, name.length);
      InvalEntryOut.flags(b, at, 0);
      b.put(at + InvalEntryOut.BYTES, name);
      b.put(at + InvalEntryOut.BYTES + name.length, (byte) 0);
    }
    OutHeader.put(b, 0, length, code, 0);
    return OutHeader.BYTES + length;
  }

  /** Ends the thread; what has not gone out is of no use to anybody. */
  void end() {
    synchronized (this) {
      ended = true;
      notifyAll();
    }
    Threads.awaitEnd(thread);
  }
}
