package io.samepage.fuse.libfuse;

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
  /** struct fuse_out_header: len, error, unique. */
  static final int HEADER = 16;

  private static final long NANOS = 1_000_000_000;

  private static final int GETATTR = 3;
  private static final int SETATTR = 4;
  private static final int OPEN = 14;
  private static final int OPENDIR = 27;
  private static final int CREATE = 35;

  /** LOOKUP, SYMLINK, MKNOD, MKDIR, LINK and CREATE are answered with an entry. */
  private static final long ENTRIES =
      1L << 1 | 1L << 6 | 1L << 8 | 1L << 9 | 1L << 13 | 1L << CREATE;

  /** struct fuse_entry_out: nodeid, generation, entry_valid, attr_valid, and their nanoseconds. */
  private static final int ENTRY_VALID = 16;

  private static final int ATTR_VALID = 24;
  private static final int ENTRY_VALID_NANOS = 32;
  private static final int ATTR_VALID_NANOS = 36;
  private static final int ENTRY_BYTES = 128;

  /** struct fuse_open_out: fh, open_flags. */
  private static final int OPEN_FLAGS = 8;

  private static final int FOPEN_CACHE_DIR = 1 << 3;

  /** struct fuse_init_out. */
  private static final int INIT_SHORT = 24;

  private static final int INIT_BYTES = 64;
  private static final int INIT_MINOR = HEADER + 4;
  private static final int INIT_FLAGS = HEADER + 12;
  private static final int INIT_TIME_GRAN = HEADER + 24;
  private static final int INIT_MAX_PAGES = HEADER + 28;

  private static final int POSIX_LOCKS = 1 << 1;
  private static final int FLOCK_LOCKS = 1 << 10;
  private static final int IOCTL_DIR = 1 << 11;
  private static final int PARALLEL_DIROPS = 1 << 18;
  private static final int POSIX_ACL = 1 << 20;
  private static final int MAX_PAGES = 1 << 22;
  private static final int CACHE_SYMLINKS = 1 << 23;
  private static final int HANDLE_KILLPRIV_V2 = 1 << 28;

  /**
   * What asks nothing of libfuse: the kernel does it, or {@link Requests} or {@link DirectRequests}
   * sees it.
   */
  private static final int MORE =
      POSIX_LOCKS
          | FLOCK_LOCKS
          | IOCTL_DIR
          | PARALLEL_DIROPS
          | POSIX_ACL
          | MAX_PAGES
          | CACHE_SYMLINKS
          | HANDLE_KILLPRIV_V2;

  /** Guarded by this, as the one below: what the kernel has offered in INIT. */
  private int offered;

  private String protocol = "7";

  /** Notes what the kernel offers in INIT, before libfuse answers it. */
  synchronized void offer(NativeBuffer request) {
    offered = request.bytes().getInt(Requests.HEADER + 12);
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
        Memory.IO.getLong(header + 8) == call.unique && Memory.IO.getInt(header + 4) == 0;
    if (success && count > 1) {
      long second = vector + Layouts.Iovec.BYTES;
      long body = Memory.IO.getAddress(second + Layouts.Iovec.BASE);
      if (call.opcode == Requests.INIT) {
        return sendInit(call.fd, header, body, Memory.IO.getLong(second + Layouts.Iovec.LEN));
      }
      amend(call, body);
    }
    int written = Files.tryWritev(call.fd, vector, count);
    return Math.min(written, 0);
  }

  private static void amend(Call call, long body) {
    switch (call.opcode) {
      case GETATTR, SETATTR -> {
        Memory.IO.putLong(body, call.attrValidNanos / NANOS);
        Memory.IO.putInt(body + 8, (int) (call.attrValidNanos % NANOS));
        KnownNode shown = call.shown;
        if (shown != null) {
          shown.shownAs = call.number;
        }
      }
      case OPEN -> flags(body, call.openFlags);
      case OPENDIR -> flags(body, FOPEN_CACHE_DIR | HandleCalls.FOPEN_KEEP_CACHE);
      default -> {
        if (call.opcode > 0 && call.opcode < 64 && (ENTRIES >>> call.opcode & 1) != 0) {
          entry(call, body);
        }
      }
    }
  }

  private static void entry(Call call, long body) {
    Memory.IO.putLong(body + ENTRY_VALID, call.entryValidNanos / NANOS);
    Memory.IO.putInt(body + ENTRY_VALID_NANOS, (int) (call.entryValidNanos % NANOS));
    Memory.IO.putLong(body + ATTR_VALID, call.attrValidNanos / NANOS);
    Memory.IO.putInt(body + ATTR_VALID_NANOS, (int) (call.attrValidNanos % NANOS));
    long number = Memory.IO.getLong(body);
    KnownNode shown = call.shown;
    if (number != 0 && shown != null) {
      shown.shownAs = number;
    }
    if (call.opcode == CREATE) {
      flags(body + ENTRY_BYTES, call.openFlags);
    }
  }

  private static void flags(long openOut, int flags) {
    int before = Memory.IO.getInt(openOut + OPEN_FLAGS);
    Memory.IO.putInt(openOut + OPEN_FLAGS, before | flags);
  }

  /**
   * Answers a request that libfuse has not had.
   *
   * @param errno 0: it is done
   * @param bytes how many there are in {@link Call#answer} behind the header
   */
  void reply(Call call, int errno, int bytes) {
    ByteBuffer out = call.answer(bytes);
    out.putInt(0, HEADER + bytes);
    out.putInt(4, -errno);
    out.putLong(8, call.unique);
    // A failure means that nobody waits for it any more.
    Files.tryWrite(call.fd, call.answerAddress(), HEADER + bytes);
  }

  private int sendInit(int fd, long header, long body, long length) {
    NativeBuffer answer = NativeBuffer.allocate(HEADER + INIT_BYTES);
    ByteBuffer out = answer.bytes();
    out.put(0, Memory.bytes(header, HEADER));
    out.put(HEADER, Memory.bytes(body, (int) Math.min(length, INIT_SHORT)));
    out.putInt(0, HEADER + INIT_BYTES);
    synchronized (this) {
      int flags = out.getInt(INIT_FLAGS) | (offered & MORE);
      out.putInt(INIT_FLAGS, flags);
      out.putInt(INIT_TIME_GRAN, 1);
      if ((flags & MAX_PAGES) != 0) {
        out.putShort(INIT_MAX_PAGES, (short) (Requests.MAX_DATA / 4096));
      }
      protocol = out.getInt(HEADER) + "." + out.getInt(INIT_MINOR);
    }
    return Math.min(Files.tryWrite(fd, answer.address(), HEADER + INIT_BYTES), 0);
  }
}
