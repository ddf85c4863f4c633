package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.Errno;
import io.samepage.posix.Pipe;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/** Keeps replies instead of writing them to the kernel. */
final class CapturedReplies implements ReplyPort {
  private static final Runtime RUNTIME = Runtime.getSystemRuntime();

  private final List<Reply> replies = new ArrayList<>();

  /** What a write returns, if it is to fail. */
  private int failure;

  private int users;

  /** One reply. */
  record Reply(int length, int error, long unique, ByteBuffer body) {}

  /** Lets writes fail, as of now. */
  synchronized void failWith(int errno) {
    failure = -errno;
  }

  @Override
  public synchronized int write(long address, int length) {
    if (failure != 0) {
      return failure;
    }
    byte[] bytes = new byte[length];
    Pointer.wrap(RUNTIME, address).get(0, bytes, 0, length);
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    replies.add(
        new Reply(
            b.getInt(OutHeader.LEN),
            -b.getInt(OutHeader.ERROR),
            b.getLong(OutHeader.UNIQUE),
            b.slice(OutHeader.BYTES, length - OutHeader.BYTES).order(ByteOrder.LITTLE_ENDIAN)));
    if (b.getInt(OutHeader.LEN) != length) {
      throw new AssertionError("a reply of " + length + " bytes says " + b.getInt(OutHeader.LEN));
    }
    return length;
  }

  /** As if the kernel had no splice for the device; {@link MountedDataTest} has one that does. */
  @Override
  public synchronized int splice(Pipe pipe, int length) {
    return failure != 0 ? failure : -Errno.EINVAL;
  }

  @Override
  public synchronized void retain() {
    users++;
  }

  @Override
  public synchronized void release() {
    users--;
  }

  synchronized int users() {
    return users;
  }

  /** The replies since the last call. */
  synchronized List<Reply> take() {
    List<Reply> taken = new ArrayList<>(replies);
    replies.clear();
    return taken;
  }
}
