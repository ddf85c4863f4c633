package io.samepage.fuse.libfuse;

import io.samepage.fuse.wire.DeviceIoctls;
import io.samepage.fuse.workers.RequestKind;
import io.samepage.fuse.workers.Station;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * What one worker works with: memory for a request, libfuse's descriptor, on which it sleeps, and
 * one more of the same connection for looking without sleeping, where this user may open the
 * device. An answer must go through the descriptor that its request was read from: {@link Call#fd}.
 */
final class LibfuseStation implements Station {
  private static final byte[] DEVICE = "/dev/fuse".getBytes(StandardCharsets.US_ASCII);

  private final int sleeping;
  private final @Nullable Fd polling;
  private final Handler handler;
  private final Call call;
  private final NativeBuffer request = NativeBuffer.allocate(Requests.ROOM);

  /** What is done with a request. */
  interface Handler {
    void handle(Call call, NativeBuffer request, int length);
  }

  /**
   * @param fd of the connection; stays open longer than this is used
   * @param call that of this thread
   */
  LibfuseStation(int fd, Call call, Handler handler) {
    sleeping = fd;
    this.call = call;
    this.handler = handler;
    polling = duplicate(fd);
    call.fd = fd;
  }

  private static @Nullable Fd duplicate(int fd) {
    try {
      Fd clone =
          new Fd(
              Files.open(
                  Linux.AT_FDCWD, DEVICE, Linux.O_RDWR | Linux.O_CLOEXEC | Linux.O_NONBLOCK, 0));
      try {
        byte[] original = ByteBuffer.allocate(4).order(ByteOrder.nativeOrder()).putInt(fd).array();
        Files.ioctl(clone.number(), DeviceIoctls.CLONE, original);
        return clone;
      } catch (ErrnoException e) {
        clone.close();
        return null;
      }
    } catch (ErrnoException e) {
      return null; // the device is fusermount's alone
    }
  }

  @Override
  public boolean canPoll() {
    return polling != null;
  }

  @Override
  public int poll() {
    return polling == null ? -Errno.EAGAIN : read(polling.number());
  }

  @Override
  public int sleep() {
    return read(sleeping);
  }

  private int read(int fd) {
    call.fd = fd;
    return Files.tryRead(fd, request.address(), Requests.ROOM);
  }

  @Override
  public RequestKind kind(int length) {
    return Requests.kind(request, length);
  }

  @Override
  public long unique(int length) {
    return Requests.unique(request, length);
  }

  @Override
  public int caller(int length) {
    return Requests.caller(request, length);
  }

  @Override
  public void answer(int length) {
    handler.handle(call, request, length);
  }

  @Override
  public void close() {
    if (polling != null) {
      polling.close();
    }
  }
}
