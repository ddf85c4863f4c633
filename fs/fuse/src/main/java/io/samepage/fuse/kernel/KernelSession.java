package io.samepage.fuse.kernel;

import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.Session;
import io.samepage.fuse.wire.InitFlags;
import io.samepage.fuse.workers.Workers;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A mount that stands, from the answer to INIT to the end of its connection. */
final class KernelSession implements Session, Connection {
  private static final Logger log = LoggerFactory.getLogger(KernelSession.class);

  private final Channel device;
  private final MountPoint mountPoint;
  private final FileSystem fs;
  private final Handshake.Agreement agreement;
  private final @Nullable RegisteredFiles files;
  private final String passthroughReason;
  private final Dispatcher dispatcher = new Dispatcher();
  private final Interrupts interrupts = new Interrupts();
  private final Notifier notifier;
  private final Workers workers;
  private final CountDownLatch end = new CountDownLatch(1);

  KernelSession(
      Channel device,
      MountPoint mountPoint,
      FileSystem fs,
      Handshake.Agreement agreement,
      KernelMountOptions options)
      throws ErrnoException {
    this.device = device;
    this.mountPoint = mountPoint;
    this.fs = fs;
    this.agreement = agreement;
    RegisteredFiles registered =
        agreement.has(InitFlags.PASSTHROUGH) ? new RegisteredFiles(device) : null;
    if (registered == null || registered.allowed()) {
      files = registered;
      passthroughReason = agreement.passthroughReason();
    } else {
      files = null;
      passthroughReason =
          "the kernel offers it, but only to CAP_SYS_ADMIN in the initial user namespace, which"
              + " this process lacks";
    }
    notifier = new Notifier(device, "fuse-notify", options.maxWorkers());
    workers =
        new Workers(
            () ->
                new KernelStation(
                    device,
                    dispatcher,
                    new Exchange(fs, interrupts, agreement.has(InitFlags.SETXATTR_EXT)),
                    files == null),
            options.maxWorkers(),
            options.pollNanos(),
            0,
            () -> {},
            this::ended);
  }

  /** Lets requests in. */
  void start() throws ErrnoException {
    fs.init(this);
    notifier.start();
    workers.start();
  }

  /** The last worker has ended. */
  private void ended() {
    try {
      notifier.end();
      interrupts.cancelAll();
      // After an abort, or umount -f of what is in use, the mount is still there, and answers
      // ENOTCONN to everybody.
      mountPoint.detach(workers.isUnmounted());
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EINVAL) {
        log.error("unmounting failed: {}; unmount with umount -l", e.getMessage());
      }
    } finally {
      try {
        fs.destroy();
      } finally {
        device.release();
        end.countDown();
      }
    }
  }

  @Override
  public String transport() {
    return "kernel";
  }

  @Override
  public boolean passthrough() {
    return files != null;
  }

  @Override
  public String passthroughReason() {
    return passthroughReason;
  }

  @Override
  public String protocol() {
    return agreement.protocol();
  }

  @Override
  public Map<String, Long> requests() {
    return dispatcher.requests();
  }

  @Override
  public void awaitEnd() throws InterruptedException {
    end.await();
  }

  @Override
  public void unmount() {
    try {
      mountPoint.detach(false);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EINVAL) {
        log.error("unmounting failed: {}; unmount with umount -l", e.getMessage());
      }
    }
  }

  @Override
  public @Nullable BackingFiles backingFiles() {
    return files;
  }

  @Override
  public void invalidateInode(long nodeid, long offset, long length) {
    notifier.invalidateInode(nodeid, offset, length);
  }

  @Override
  public void invalidateAttributes(long nodeid) {
    notifier.invalidateAttributes(nodeid);
  }

  @Override
  public void writeBack(long nodeid, long offset, long length) {
    notifier.writeBack(nodeid, offset, length);
  }

  @Override
  public void invalidateEntry(long parent, byte[] name) {
    notifier.invalidateEntry(parent, name);
  }
}
