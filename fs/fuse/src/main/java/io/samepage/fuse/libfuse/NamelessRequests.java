package io.samepage.fuse.libfuse;

import io.samepage.fuse.Attributes;
import io.samepage.fuse.Opened;
import io.samepage.fuse.wire.AttrOut;
import io.samepage.fuse.wire.GetxattrIn;
import io.samepage.fuse.wire.GetxattrOut;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.fuse.wire.SetattrIn;
import io.samepage.fuse.wire.SetxattrIn;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.nio.ByteBuffer;

/**
 * SETATTR and the requests about extended attributes, for a node without a name: a removed
 * directory or fifo that is open, say. libfuse has no call for these but by path, and answers
 * ENOENT itself. What it has hidden has a path, and is not our business; GETATTR goes by a handle.
 */
final class NamelessRequests {
  /** What {@link #perform} returns where the request is another one. */
  static final int NOT_NAMELESS = -1;

  private final KnownNodes nodes;
  private final HandleCalls handles;
  private final PathCalls calls;

  NamelessRequests(KnownNodes nodes, HandleCalls handles, PathCalls calls) {
    this.nodes = nodes;
    this.handles = handles;
    this.calls = calls;
  }

  /**
   * Does what a request asks for.
   *
   * @return how many bytes of answer have been put into {@link Call#answer}, or {@link
   *     #NOT_NAMELESS}: libfuse can answer it
   */
  int perform(Call call, ByteBuffer request, int length) throws ErrnoException {
    KnownNode node = handles.useOrphan(call.number);
    if (node == null) {
      return NOT_NAMELESS;
    }
    try {
      int at = Requests.BODY;
      return switch (call.opcode) {
        case SETATTR -> setattr(call, node, request, length);
        case SETXATTR -> {
          int first = SetxattrIn.COMPAT_SETXATTR_IN_SIZE;
          structure(length, first);
          byte[] name = string(request, at + first, length);
          int from = at + first + name.length + 1;
          int size = SetxattrIn.size(request, at);
          if (size < 0 || size > length - from) {
            throw ErrnoException.of(Errno.EINVAL);
          }
          byte[] value = new byte[size];
          request.get(from, value);
          calls.setxattr(call, node, name, value, SetxattrIn.flags(request, at));
          yield 0;
        }
        case GETXATTR -> {
          structure(length, GetxattrIn.BYTES);
          byte[] name = string(request, at + GetxattrIn.BYTES, length);
          yield value(call, calls.getxattr(call, node, name), GetxattrIn.size(request, at));
        }
        case LISTXATTR -> {
          structure(length, GetxattrIn.BYTES);
          yield value(call, calls.listxattr(call, node), GetxattrIn.size(request, at));
        }
        case REMOVEXATTR -> {
          calls.removexattr(call, node, string(request, at, length));
          yield 0;
        }
        default -> NOT_NAMELESS;
      };
    } finally {
      nodes.release(node);
    }
  }

  private static void structure(int length, int bytes) throws ErrnoException {
    if (!Requests.has(length, bytes)) {
      throw ErrnoException.of(Errno.EINVAL);
    }
  }

  /** The string that begins somewhere and ends with NUL. */
  private static byte[] string(ByteBuffer request, int from, int length) throws ErrnoException {
    int to = from;
    while (to < length && request.get(to) != 0) {
      to++;
    }
    if (to >= length || to == from) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    byte[] bytes = new byte[to - from];
    request.get(from, bytes);
    return bytes;
  }

  private static int value(Call call, byte[] value, int room) throws ErrnoException {
    int length = GetxattrOut.length(value, room);
    GetxattrOut.put(call.answer(length), OutHeader.BYTES, value, room);
    return length;
  }

  private int setattr(Call call, KnownNode node, ByteBuffer in, int length) throws ErrnoException {
    structure(length, SetattrIn.BYTES);
    if (SetattrIn.byHandle(in, Requests.BODY)) {
      return NOT_NAMELESS; // by a handle libfuse can do it
    }
    SetattrIn.get(in, Requests.BODY, call.change);
    call.emptyChange = false;
    calls.set(call, node);
    ByteBuffer out = call.answer(AttrOut.BYTES);
    Attributes attributes = calls.show(call, node, Opened.NO_HANDLE);
    // Another name may be left, by which they change, and under which the kernel may keep them.
    AttrOut.put(out, OutHeader.BYTES, attributes, 0);
    calls.changedElsewhere(call, node);
    return AttrOut.BYTES;
  }
}
