package io.samepage.fuse.libfuse;

import io.samepage.fuse.wire.BatchForgetIn;
import io.samepage.fuse.wire.ForgetOne;
import io.samepage.fuse.wire.GetattrIn;
import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OpenIn;
import io.samepage.fuse.wire.ReadIn;
import io.samepage.fuse.wire.SetattrIn;
import io.samepage.fuse.wire.WriteIn;
import io.samepage.fuse.workers.RequestKind;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;

/**
 * What is read of a request before libfuse gets it: what it is about and on whose behalf it comes.
 */
final class Requests {
  /** Where in a request the part after the header begins. */
  static final int BODY = InHeader.BYTES;

  /** The most data of a request or an answer, which is what a kernel grants by default. */
  static final int MAX_DATA = 1 << 20;

  /** Room for a request: data, and one page for what is before them. */
  static final int ROOM = MAX_DATA + 4096;

  /** How many requests have come, by {@link Opcode#index}. */
  private final LongAdder[] counters = new LongAdder[Opcode.COUNT];

  Requests() {
    for (int i = 0; i < counters.length; i++) {
      counters[i] = new LongAdder();
    }
  }

  /**
   * Takes up a request.
   *
   * @return false if it is too short to have a header, which no kernel does
   */
  boolean begin(Call call, NativeBuffer request, int length) {
    if (length < InHeader.BYTES) {
      return false;
    }
    ByteBuffer in = request.bytes();
    Opcode opcode = Opcode.of(InHeader.opcode(in, 0));
    counters[opcode.index()].increment();
    call.begin(
        InHeader.unique(in, 0),
        opcode,
        InHeader.nodeid(in, 0),
        InHeader.uid(in, 0),
        InHeader.gid(in, 0),
        InHeader.pid(in, 0));
    call.killSuidgid = false;
    call.emptyChange = false;
    switch (opcode) {
      case SETATTR -> {
        if (has(length, SetattrIn.BYTES)) {
          call.killSuidgid = SetattrIn.killSuidgid(in, BODY);
          call.emptyChange = SetattrIn.namesNone(in, BODY);
        }
      }
      case OPEN -> call.killSuidgid = has(length, OpenIn.BYTES) && OpenIn.killSuidgid(in, BODY);
      case READ -> {
        if (has(length, ReadIn.BYTES)) {
          call.request.setDirect((ReadIn.flags(in, BODY) & Linux.O_DIRECT) != 0);
        }
      }
      case WRITE -> {
        if (has(length, WriteIn.BYTES)) {
          call.killSuidgid = WriteIn.killSuidgid(in, BODY);
          call.request.setDirect((WriteIn.flags(in, BODY) & Linux.O_DIRECT) != 0);
        }
      }
      case RENAME -> call.lastName = lastName(in, length);
      default -> {}
    }
    return true;
  }

  /** Whether a request is so long that a structure of so many bytes follows the header. */
  static boolean has(int length, int bytes) {
    return length >= BODY + bytes;
  }

  /** What the workers have to know of a request. */
  static RequestKind kind(NativeBuffer request, int length) {
    return RequestKind.of(request.bytes(), 0, length, true);
  }

  /** The number that the kernel gave to a request; 0 if it has no header. */
  static long unique(NativeBuffer request, int length) {
    return length < InHeader.BYTES ? 0 : InHeader.unique(request.bytes(), 0);
  }

  /** The thread that a request came from; 0 if the kernel does not say. */
  static int caller(NativeBuffer request, int length) {
    return length < InHeader.BYTES ? 0 : InHeader.pid(request.bytes(), 0);
  }

  /** What the kernel forgets: FORGET names one number, BATCH_FORGET many. */
  static void forEachForgotten(Call call, NativeBuffer request, int length, LongConsumer visitor) {
    if (call.opcode == Opcode.FORGET) {
      visitor.accept(call.number);
      return;
    }
    ByteBuffer in = request.bytes();
    int first = BODY + BatchForgetIn.BYTES;
    for (int at = first; at + ForgetOne.BYTES <= length; at += ForgetOne.BYTES) {
      visitor.accept(ForgetOne.nodeid(in, at));
    }
  }

  /** Has GETATTR ask by a handle, as fstat(2) of other systems does. */
  static void askByHandle(NativeBuffer request, int length, long handle) {
    if (has(length, GetattrIn.BYTES)) {
      GetattrIn.handle(request.bytes(), BODY, handle);
    }
  }

  /** The last NUL-ended string of a request. */
  private static byte[] lastName(ByteBuffer in, int length) {
    int from = length - 1;
    while (from > BODY && in.get(from - 1) != 0) {
      from--;
    }
    byte[] name = new byte[length - 1 - from];
    in.get(from, name);
    return name;
  }

  /** Requests so far by the name of their opcode; those that never came are left out. */
  Map<String, Long> counts() {
    Map<String, Long> counts = new TreeMap<>();
    for (Opcode opcode : Opcode.values()) {
      long count = counters[opcode.index()].sum();
      if (count > 0) {
        counts.put(opcode.name(), count);
      }
    }
    return counts;
  }
}
