package io.samepage.daemon;

import io.samepage.overlay.options.MountOptionParser.Form;
import io.samepage.overlay.options.MountRefusedException;
import io.samepage.overlay.options.MountTarget;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.MountTable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The mount point of a request, and the right to mount on it. A container engine may run its helper
 * twice for one mount, the second time before the first is done: the second waits for the first by
 * a lock (flock(2)) on the directory that is mounted on, and then finds that its mount stands.
 */
final class TargetLock implements AutoCloseable {
  private static final byte[] SELF = {'.'};
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final int RETRY_MILLIS = 10;

  private final MountTarget directory;
  private final @Nullable Fd lock;
  private final boolean served;

  private TargetLock(MountTarget directory, @Nullable Fd lock, boolean served) {
    this.directory = directory;
    this.lock = lock;
    this.served = served;
  }

  /** Opens the mount point of a request, and waits for others that mount there just now. */
  static TargetLock take(MountRequest request, ControlClient daemons)
      throws MountRefusedException, InterruptedException {
    MountTarget first = MountTarget.open(request.target());
    boolean repeatable = request.form() != Form.STRICT;
    if (first.mounted()) {
      return new TargetLock(first, null, repeatable && serves(first, request, daemons));
    }
    Fd lock = lock(first);
    MountTarget now;
    try {
      now = MountTarget.open(request.target());
    } catch (MountRefusedException e) {
      release(lock);
      throw e;
    } finally {
      first.close();
    }
    return new TargetLock(now, lock, repeatable && now.mounted() && serves(now, request, daemons));
  }

  /** Null if there is no lock to be had here, which is not worth failing for. */
  private static @Nullable Fd lock(MountTarget target) throws InterruptedException {
    Fd fd = null;
    try {
      fd = new Fd(Files.open(target.fd(), SELF, Linux.O_RDONLY | Linux.O_DIRECTORY, 0));
      long deadline = System.nanoTime() + PATIENCE_NANOS;
      while (!Files.tryLockExclusively(fd.number()) && System.nanoTime() - deadline < 0) {
        Thread.sleep(RETRY_MILLIS);
      }
      return fd;
    } catch (ErrnoException e) {
      release(fd);
      return null;
    }
  }

  /**
   * Whether a daemon serves just what is asked for there. One that has just mounted may not have
   * its control socket yet, so it is given a moment.
   */
  private static boolean serves(MountTarget target, MountRequest request, ControlClient daemons)
      throws InterruptedException {
    try {
      MountTable.Mount mount = MountTable.read().on(target.path().toBytes());
      if (mount == null || !mount.type().equals(MountedOverlay.TYPE)) {
        return false;
      }
      long deadline = System.nanoTime() + ANSWER_NANOS;
      byte @Nullable [] status = daemons.status(mount.device());
      while (status == null && System.nanoTime() - deadline < 0) {
        Thread.sleep(RETRY_MILLIS);
        status = daemons.status(mount.device());
      }
      return status != null
          && request.optionText().equals(StatusDocument.parse(status).text("options"));
    } catch (ErrnoException | CommandFailure e) {
      return false;
    }
  }

  MountTarget directory() {
    return directory;
  }

  /** Whether what is asked for stands already. */
  boolean served() {
    return served;
  }

  private static void release(@Nullable Fd fd) {
    if (fd != null) {
      fd.close();
    }
  }

  /**
   * Lets go of the directory. It is done before the caller is told that the mount stands, since a
   * descriptor of what is mounted there would keep him from unmounting it.
   */
  @Override
  public void close() {
    directory.close();
    release(lock);
  }
}
