package io.samepage.fuse.libfuse;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;

/**
 * The requests that libfuse does not get, since it would answer them wrongly: those about locks,
 * and those about a node that has no name any more. Thread-safe.
 */
final class DirectRequests {
  private final LockRequests locks;
  private final NamelessRequests nameless;
  private final Answers answers;
  private final Callbacks callbacks;

  DirectRequests(
      LockRequests locks, NamelessRequests nameless, Answers answers, Callbacks callbacks) {
    this.locks = locks;
    this.nameless = nameless;
    this.answers = answers;
    this.callbacks = callbacks;
  }

  /**
   * Answers a request if it is one of these.
   *
   * @return false if libfuse is to have it
   */
  boolean answer(Call call, NativeBuffer request, int length) {
    int errno = 0;
    int bytes = 0;
    try {
      ByteBuffer in = request.bytes();
      bytes =
          switch (call.opcode) {
            case GETLK, SETLK, SETLKW -> locks.perform(call, in, length);
            case SETATTR, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR ->
                nameless.perform(call, in, length);
            default -> NamelessRequests.NOT_NAMELESS;
          };
      if (bytes == NamelessRequests.NOT_NAMELESS) {
        return false;
      }
    } catch (ErrnoException e) {
      errno = Callbacks.errno(call, e.errno());
    } catch (RuntimeException | Error e) {
      callbacks.report(call, e);
      errno = Errno.EIO;
    }
    answers.reply(call, errno, errno == 0 ? bytes : 0);
    return true;
  }
}
