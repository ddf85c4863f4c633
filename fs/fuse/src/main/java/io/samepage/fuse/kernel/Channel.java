package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.DeviceIoctls;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Pipe;
import io.samepage.posix.Stat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A descriptor of /dev/fuse that belongs to a connection. A reply must go through the descriptor
 * that its request was read from, and closing a descriptor fails the requests that were read from
 * it and not answered; hence the count of those who still need it.
 */
final class Channel implements ReplyPort {
  private static final byte[] DEVICE = "/dev/fuse".getBytes(StandardCharsets.US_ASCII);

  private final Fd fd;
  private final AtomicInteger users = new AtomicInteger(1);

  private Channel(Fd fd) {
    this.fd = fd;
  }

  /** Opens the device; its connection comes with mount(2). */
  static Channel open() throws ErrnoException {
    return new Channel(new Fd(openDevice(0)));
  }

  /**
   * One more descriptor of the same connection, with a list of its own of requests in work, so that
   * threads do not contend for one (FUSE_DEV_IOC_CLONE).
   *
   * @param flags O_NONBLOCK or 0
   */
  Channel duplicate(int flags) throws ErrnoException {
    Fd clone = new Fd(openDevice(flags));
    try {
      byte[] original =
          ByteBuffer.allocate(4).order(ByteOrder.nativeOrder()).putInt(fd.number()).array();
      Files.ioctl(clone.number(), DeviceIoctls.CLONE, original);
      return new Channel(clone);
    } catch (ErrnoException e) {
      clone.close();
      throw e;
    }
  }

  /** Whether it is open on character device 10:229 (FUSE_MINOR in linux/miscdevice.h). */
  boolean isFuse() throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(number(), stat);
    return stat.type() == Linux.S_IFCHR && stat.rdevMajor == 10 && stat.rdevMinor == 229;
  }

  private static int openDevice(int flags) throws ErrnoException {
    return Files.open(Linux.AT_FDCWD, DEVICE, Linux.O_RDWR | Linux.O_CLOEXEC | flags, 0);
  }

  int number() {
    return fd.number();
  }

  /** Reads one request; its length, or −errno. */
  int read(long address, int room) {
    return Files.tryRead(fd.number(), address, room);
  }

  @Override
  public int write(long address, int length) {
    int result;
    do {
      result = Files.tryWrite(fd.number(), address, length);
    } while (result == -Errno.EINTR);
    return result;
  }

  @Override
  public int splice(Pipe pipe, int length) {
    int result;
    do {
      result = pipe.drain(fd.number(), length);
    } while (result == -Errno.EINTR);
    return result;
  }

  @Override
  public void retain() {
    users.incrementAndGet();
  }

  @Override
  public void release() {
    if (users.decrementAndGet() == 0) {
      fd.close();
    }
  }
}
