package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.wire.Opcode;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From a request that has been read to the answer: finds what handles it, and turns failures into
 * errors.
 */
final class Dispatcher {
  private static final Logger log = LoggerFactory.getLogger(Dispatcher.class);

  /** How many requests have come, by {@link Opcode#index}. */
  private final LongAdder[] counters = new LongAdder[Opcode.COUNT];

  private final DistinctFailures failures = new DistinctFailures(log);

  Dispatcher() {
    for (int i = 0; i < counters.length; i++) {
      counters[i] = new LongAdder();
    }
  }

  /** The opcode of a request that has been read into {@code x}. */
  static Opcode opcode(Exchange x, int length) {
    return length < InHeader.BYTES
        ? Opcode.UNKNOWN
        : Opcode.of(InHeader.opcode(x.in, Exchange.requestAt()));
  }

  /**
   * Answers one request. Nothing that is in it, and nothing that the file system throws, gets past
   * this method.
   *
   * @param length of what was read to {@link Exchange#requestAddress}
   */
  void dispatch(Exchange x, ReplyPort port, int length) {
    if (length < InHeader.BYTES) {
      // Without a header there is nobody to answer. No kernel does this.
      failures.reportHeadless(length);
      return;
    }
    x.begin(port, length);
    Opcode opcode = opcode(x, length);
    counters[opcode.index()].increment();
    Handler handler = Disposition.of(opcode).handler();
    if (handler == null) {
      x.replyError(Errno.ENOSYS);
      return;
    }
    try {
      if (InHeader.len(x.in, Exchange.requestAt()) != length) {
        throw Exchange.malformed();
      }
      int reply = handler.handle(x);
      if (reply != Handler.NO_REPLY) {
        x.reply(reply);
      }
    } catch (ErrnoException e) {
      answer(x, opcode, errno(opcode, e.errno()));
    } catch (RuntimeException | Error e) {
      failures.report(opcode, e);
      answer(x, opcode, Errno.EIO);
    }
  }

  private void answer(Exchange x, Opcode opcode, int errno) {
    if (!opcode.repliesToErrors()) {
      return;
    }
    try {
      x.replyError(errno);
    } catch (RuntimeException | Error e) {
      failures.report(opcode, e);
    }
  }

  /**
   * ENOSYS would tell the kernel never to send this opcode again, on behalf of one file whose own
   * file system happens to lack an operation.
   */
  private static int errno(Opcode opcode, int errno) {
    if (errno != Errno.ENOSYS) {
      return errno;
    }
    return opcode == Opcode.IOCTL ? Errno.ENOTTY : Errno.EOPNOTSUPP;
  }

  /** Requests so far by name of opcode; those that never came are left out. */
  Map<String, Long> requests() {
    Map<String, Long> requests = new TreeMap<>();
    for (Opcode opcode : Opcode.values()) {
      long count = counters[opcode.index()].sum();
      if (count > 0) {
        requests.put(opcode.name(), count);
      }
    }
    return requests;
  }
}
