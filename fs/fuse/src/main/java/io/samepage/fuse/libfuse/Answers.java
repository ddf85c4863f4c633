package io.samepage.fuse.libfuse;

import io.samepage.fuse.wire.AttrOut;
import io.samepage.fuse.wire.Duration;
import io.samepage.fuse.wire.EntryOut;
import io.samepage.fuse.wire.InitFlags;
import io.samepage.fuse.wire.InitIn;
import io.samepage.fuse.wire.InitOut;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OpenOut;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;

/**
 * Sends libfuse's answers to the kernel, and says in them what libfuse has no words for. libfuse
 * knows one timeout for the attributes of all files and one for all names; here each answer gets
 * that of its file. The flags of an opened file are those of today's protocol, of which libfuse
 * knows the oldest. To the answer to INIT come those flags that ask nothing of libfuse.
 */
final class Answers {
  /**
   * What asks nothing of libfuse: the kernel does it, or {@link Requests} or {@link DirectRequests}
   * sees it.
   */
  private static final int MORE =
      (int)
          (InitFlags.POSIX_LOCKS
              | InitFlags.FLOCK_LOCKS
              | InitFlags.HAS_IOCTL_DIR
              | InitFlags.PARALLEL_DIROPS
              | InitFlags.POSIX_ACL
              | InitFlags.MAX_PAGES
              | InitFlags.CACHE_SYMLINKS
              | InitFlags.HANDLE_KILLPRIV_V2);

  /** Guarded by this, as the one below: what the kernel has offered in INIT. */
  private int offered;

  private String protocol = "7";

  /** Notes what the kernel offers in INIT, before libfuse answers it. */
  synchronized void offer(NativeBuffer request) {
    offered = InitIn.flags(request.bytes(), Requests.BODY);
  }

  /** The version of the protocol that was agreed on. */
  synchronized String protocol() {
    return protocol;
  }

  /** Sends what a vector of memory holds: an answer, or something that the kernel is told. */
  int send(Call call, long vector, int count) {
    if (vector == 0) {
      return 0;
    }
    long header = Memory.IO.getAddress(vector + Layouts.Iovec.BASE);
    boolean success =
        Memory.IO.getLong(header + OutHeader.UNIQUE) == call.unique
            && Memory.IO.getInt(header + OutHeader.ERROR) == 0;
    if (success && count > 1) {
      long second = vector + Layouts.Iovec.BYTES;
      long body = Memory.IO.getAddress(second + Layouts.Iovec.BASE);
      if (call.opcode == Opcode.INIT) {
        return sendInit(call, body, Memory.IO.getLong(second + Layouts.Iovec.LEN));
      }
      amend(call, body);
    }
    int written = Files.tryWritev(call.fd, vector, count);
    return Math.min(written, 0);
  }

  private static void amend(Call call, long body) {
    switch (call.opcode) {
      case LOOKUP, SYMLINK, MKNOD, MKDIR, LINK, CREATE -> entry(call, body);
      case GETATTR, SETATTR -> {
        long valid = call.attrValidNanos;
        Memory.IO.putLong(body + AttrOut.ATTR_VALID, Duration.seconds(valid));
        Memory.IO.putInt(body + AttrOut.ATTR_VALID_NSEC, Duration.nanos(valid));
        KnownNode shown = call.shown;
        if (shown != null) {
          shown.shownAs = call.number;
        }
      }
      case OPEN -> flags(body, call.openFlags);
      case OPENDIR -> flags(body, OpenOut.FOPEN_CACHE_DIR | OpenOut.FOPEN_KEEP_CACHE);
      default -> {}
    }
  }

  private static void entry(Call call, long body) {
    long entryValid = call.entryValidNanos;
    Memory.IO.putLong(body + EntryOut.ENTRY_VALID, Duration.seconds(entryValid));
    Memory.IO.putInt(body + EntryOut.ENTRY_VALID_NSEC, Duration.nanos(entryValid));
    long attrValid = call.attrValidNanos;
    Memory.IO.putLong(body + EntryOut.ATTR_VALID, Duration.seconds(attrValid));
    Memory.IO.putInt(body + EntryOut.ATTR_VALID_NSEC, Duration.nanos(attrValid));
    long number = Memory.IO.getLong(body + EntryOut.NODEID);
    KnownNode shown = call.shown;
    if (number != 0 && shown != null) {
      shown.shownAs = number;
    }
    if (call.opcode == Opcode.CREATE) {
      flags(body + EntryOut.BYTES, call.openFlags);
    }
  }

  private static void flags(long openOut, int flags) {
    int before = Memory.IO.getInt(openOut + OpenOut.OPEN_FLAGS);
    Memory.IO.putInt(openOut + OpenOut.OPEN_FLAGS, before | flags);
  }

  /**
   * Answers a request that libfuse has not had.
   *
   * @param errno 0: it is done
   * @param bytes how many there are in {@link Call#answer} behind the header
   */
  void reply(Call call, int errno, int bytes) {
    ByteBuffer out = call.answer(bytes);
    OutHeader.put(out, 0, bytes, -errno, call.unique);
    // A failure means that nobody waits for it any more.
    Files.tryWrite(call.fd, call.answerAddress(), OutHeader.BYTES + bytes);
  }

  private int sendInit(Call call, long body, long length) {
    int at = OutHeader.BYTES;
    NativeBuffer answer = NativeBuffer.allocate(at + InitOut.BYTES);
    ByteBuffer out = answer.bytes();
    out.put(at, Memory.bytes(body, (int) Math.min(length, InitOut.COMPAT_22_INIT_OUT_SIZE)));
    OutHeader.put(out, 0, InitOut.BYTES, 0, call.unique);
    synchronized (this) {
      int flags = InitOut.flags(out, at) | (offered & MORE);
      InitOut.flags(out, at, flags);
      InitOut.timeGran(out, at, 1);
      if ((flags & InitFlags.MAX_PAGES) != 0) {
        InitOut.maxPages(out, at, Requests.MAX_DATA / 4096);
      }
      protocol = InitOut.major(out, at) + "." + InitOut.minor(out, at);
    }
    return Math.min(Files.tryWrite(call.fd, answer.address(), at + InitOut.BYTES), 0);
  }
}
