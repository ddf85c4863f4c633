package io.samepage.fuse.libfuse;

import io.samepage.fuse.workers.RequestKind;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;

/**
 * What is read of a request before libfuse gets it: the header, which says what it is about and on
 * whose behalf it comes. The protocol is that of linux/fuse.h.
 *
 * <pre>
 *   0        4        8                16               24       28       32       36       40
 *   | len    | opcode | unique         | nodeid         | uid    | gid    | pid    |        |
 * </pre>
 */
final class Requests {
  static final int FORGET = 2;
  static final int GETATTR = 3;
  static final int SETATTR = 4;
  static final int SETXATTR = 21;
  static final int GETXATTR = 22;
  static final int LISTXATTR = 23;
  static final int REMOVEXATTR = 24;
  static final int INIT = 26;
  static final int GETLK = 31;
  static final int SETLK = 32;
  static final int SETLKW = 33;
  static final int INTERRUPT = 36;
  static final int BATCH_FORGET = 42;

  static final int HEADER = 40;

  /** The most data of a request or an answer, which is what a kernel grants by default. */
  static final int MAX_DATA = 1 << 20;

  /** Room for a request: data, and one page for what is before them. */
  static final int ROOM = MAX_DATA + 4096;

  private static final int GETATTR_FH = 1;

  private static final int OPEN = 14;
  private static final int WRITE = 16;
  private static final int RELEASE = 18;
  private static final int FSYNC = 20;
  private static final int FSYNCDIR = 30;

  /** In fuse_setattr_in.valid, fuse_write_in.write_flags and fuse_open_in.open_flags. */
  private static final int FATTR_KILL_SUIDGID = 1 << 11;

  /** Mode, owner, group, size and times. */
  private static final int FATTR_CHANGES = 0x3f;

  private static final int WRITE_KILL_SUIDGID = 1 << 2;
  private static final int OPEN_KILL_SUIDGID = 1;

  private static final String[] NAMES = {
    "UNKNOWN",
    "LOOKUP",
    "FORGET",
    "GETATTR",
    "SETATTR",
    "READLINK",
    "SYMLINK",
    "",
    "MKNOD",
    "MKDIR",
    "UNLINK",
    "RMDIR",
    "RENAME",
    "LINK",
    "OPEN",
    "READ",
    "WRITE",
    "STATFS",
    "RELEASE",
    "",
    "FSYNC",
    "SETXATTR",
    "GETXATTR",
    "LISTXATTR",
    "REMOVEXATTR",
    "FLUSH",
    "INIT",
    "OPENDIR",
    "READDIR",
    "RELEASEDIR",
    "FSYNCDIR",
    "GETLK",
    "SETLK",
    "SETLKW",
    "ACCESS",
    "CREATE",
    "INTERRUPT",
    "BMAP",
    "DESTROY",
    "IOCTL",
    "POLL",
    "NOTIFY_REPLY",
    "BATCH_FORGET",
    "FALLOCATE",
    "READDIRPLUS",
    "RENAME2",
    "LSEEK",
    "COPY_FILE_RANGE",
    "SETUPMAPPING",
    "REMOVEMAPPING",
    "SYNCFS",
    "TMPFILE",
    "STATX",
    "COPY_FILE_RANGE_64",
  };

  private final LongAdder[] counters = new LongAdder[NAMES.length];

  Requests() {
    for (int i = 0; i < counters.length; i++) {
      counters[i] = new LongAdder();
    }
  }

  /** The name of an opcode. */
  static String name(int opcode) {
    return opcode > 0 && opcode < NAMES.length ? NAMES[opcode] : NAMES[0];
  }

  /**
   * Takes up a request.
   *
   * @return false if it is too short to have a header, which no kernel does
   */
  boolean begin(Call call, NativeBuffer request, int length) {
    if (length < HEADER) {
      return false;
    }
    ByteBuffer in = request.bytes();
    int opcode = in.getInt(4);
    counters[opcode > 0 && opcode < counters.length ? opcode : 0].increment();
    call.begin(in.getLong(8), opcode, in.getLong(16), in.getInt(24), in.getInt(28), in.getInt(32));
    call.killSuidgid =
        length >= HEADER + 24
            && switch (opcode) {
              case SETATTR -> (in.getInt(HEADER) & FATTR_KILL_SUIDGID) != 0;
              case WRITE -> (in.getInt(HEADER + 20) & WRITE_KILL_SUIDGID) != 0;
              default -> false;
            };
    call.emptyChange =
        opcode == SETATTR && length >= HEADER + 8 && (in.getInt(HEADER) & FATTR_CHANGES) == 0;
    if (opcode == OPEN && length >= HEADER + 8) {
      call.killSuidgid = (in.getInt(HEADER + 4) & OPEN_KILL_SUIDGID) != 0;
    } else if (opcode == PathCalls.OPCODE_RENAME) {
      call.lastName = lastName(in, length);
    }
    return true;
  }

  /** What the workers have to know of a request. */
  static RequestKind kind(NativeBuffer request, int length) {
    if (length < HEADER) {
      return RequestKind.ORDINARY;
    }
    return switch (request.bytes().getInt(4)) {
      case FSYNC, FSYNCDIR -> RequestKind.LONG;
      case RELEASE -> RequestKind.RELEASE;
      case GETLK, SETLK -> RequestKind.LOCK;
      default -> RequestKind.ORDINARY;
    };
  }

  /** The number that the kernel gave to a request; 0 if it has no header. */
  static long unique(NativeBuffer request, int length) {
    return length < HEADER ? 0 : request.bytes().getLong(8);
  }

  /** What the kernel forgets: FORGET names one number, BATCH_FORGET many. */
  static void forEachForgotten(Call call, NativeBuffer request, int length, LongConsumer visitor) {
    if (call.opcode == FORGET) {
      visitor.accept(call.number);
      return;
    }
    ByteBuffer in = request.bytes();
    int first = HEADER + 8;
    for (int at = first; at + 16 <= length; at += 16) {
      visitor.accept(in.getLong(at));
    }
  }

  /** Has GETATTR ask by a handle, as fstat(2) of other systems does. */
  static void askByHandle(NativeBuffer request, int length, long handle) {
    if (length >= HEADER + 16) {
      request.bytes().putInt(HEADER, GETATTR_FH);
      request.bytes().putLong(HEADER + 8, handle);
    }
  }

  /** The last NUL-ended string of a request. */
  private static byte[] lastName(ByteBuffer in, int length) {
    int from = length - 1;
    while (from > HEADER && in.get(from - 1) != 0) {
      from--;
    }
    byte[] name = new byte[length - 1 - from];
    in.get(from, name);
    return name;
  }

  /** Requests so far by the name of their opcode; those that never came are left out. */
  Map<String, Long> counts() {
    Map<String, Long> counts = new TreeMap<>();
    for (int i = 0; i < counters.length; i++) {
      long count = counters[i].sum();
      if (count > 0) {
        counts.put(NAMES[i], count);
      }
    }
    return counts;
  }
}
