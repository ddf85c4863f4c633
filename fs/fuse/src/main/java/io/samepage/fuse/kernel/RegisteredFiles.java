package io.samepage.fuse.kernel;

import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.wire.BackingMap;
import io.samepage.fuse.wire.DeviceIoctls;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files registered with a connection for passthrough. */
final class RegisteredFiles implements BackingFiles {
  private static final Logger log = LoggerFactory.getLogger(RegisteredFiles.class);

  /** A regular file that every process has. */
  private static final byte[] PROBE = "/proc/self/exe".getBytes(StandardCharsets.US_ASCII);

  private final Channel device;

  private final ThreadLocal<NativeBuffer> argument =
      ThreadLocal.withInitial(() -> NativeBuffer.allocate(BackingMap.BYTES));

  RegisteredFiles(Channel device) {
    this.device = device;
  }

  @Override
  public int register(int fd) throws ErrnoException {
    NativeBuffer map = argument.get();
    BackingMap.fd(map.bytes(), 0, fd);
    BackingMap.flags(map.bytes(), 0, 0);
    return Files.ioctl(device.number(), DeviceIoctls.BACKING_OPEN, map.address());
  }

  @Override
  public void close(int backingId) {
    NativeBuffer id = argument.get();
    id.bytes().putInt(0, backingId);
    try {
      Files.ioctl(device.number(), DeviceIoctls.BACKING_CLOSE, id.address());
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENODEV && e.errno() != Errno.EPERM) {
        log.error("backing file {} could not be closed: {}", backingId, e.getMessage());
      }
    }
  }

  /**
   * Whether the kernel lets this process register files at all. It checks the capability before it
   * looks at the file, so that any other error than EPERM is about the file alone.
   */
  boolean allowed() throws ErrnoException {
    int fd = Files.open(Linux.AT_FDCWD, PROBE, Linux.O_PATH | Linux.O_CLOEXEC, 0);
    try {
      close(register(fd));
      return true;
    } catch (ErrnoException e) {
      return e.errno() != Errno.EPERM;
    } finally {
      Files.close(fd);
    }
  }
}
