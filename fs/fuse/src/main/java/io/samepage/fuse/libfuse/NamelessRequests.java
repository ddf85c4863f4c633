package io.samepage.fuse.libfuse;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.Opened;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.nio.ByteBuffer;

/**
 * SETATTR and the requests about extended attributes, for a node without a name: a removed
 * directory or fifo that is open, say. libfuse has no call for these but by path, and answers
 * ENOENT itself. What it has hidden has a path, and is not our business; GETATTR goes by a handle.
 *
 * <p>The structures are those of linux/fuse.h.
 */
final class NamelessRequests {
  /** What {@link #perform} returns where the request is another one. */
  static final int NOT_NAMELESS = -1;

  /** In fuse_setattr_in.valid. */
  private static final int FATTR_MODE = 1;

  private static final int FATTR_UID = 1 << 1;
  private static final int FATTR_GID = 1 << 2;
  private static final int FATTR_SIZE = 1 << 3;
  private static final int FATTR_ATIME = 1 << 4;
  private static final int FATTR_MTIME = 1 << 5;
  private static final int FATTR_FH = 1 << 6;
  private static final int FATTR_ATIME_NOW = 1 << 7;
  private static final int FATTR_MTIME_NOW = 1 << 8;

  /** Offsets in fuse_setattr_in. */
  private static final int SIZE = 16;

  private static final int ATIME = 32;
  private static final int MTIME = 40;
  private static final int ATIMENSEC = 56;
  private static final int MTIMENSEC = 60;
  private static final int MODE = 68;
  private static final int UID = 76;
  private static final int GID = 80;
  private static final int SETATTR_BYTES = 88;

  /** fuse_attr_out: how long it is valid, and struct fuse_attr. */
  private static final int ATTR = 16;

  private static final int ATTR_OUT_BYTES = 104;

  /** fuse_getxattr_in, fuse_getxattr_out and fuse_setxattr_in (the short one): size first. */
  private static final int XATTR_BYTES = 8;

  /** The most that a value or a list of names may be (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
  private static final int XATTR_MAX = 65536;

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
      int at = Requests.HEADER;
      return switch (call.opcode) {
        case Requests.SETATTR -> setattr(call, node, request, length);
        case Requests.SETXATTR -> {
          structure(length, XATTR_BYTES);
          byte[] name = string(request, at + XATTR_BYTES, length);
          int from = at + XATTR_BYTES + name.length + 1;
          int size = request.getInt(at);
          if (size < 0 || size > length - from) {
            throw ErrnoException.of(Errno.EINVAL);
          }
          byte[] value = new byte[size];
          request.get(from, value);
          calls.setxattr(call, node, name, value, request.getInt(at + 4));
          yield 0;
        }
        case Requests.GETXATTR -> {
          structure(length, XATTR_BYTES);
          byte[] name = string(request, at + XATTR_BYTES, length);
          yield value(call, calls.getxattr(call, node, name), request.getInt(at));
        }
        case Requests.LISTXATTR -> {
          structure(length, XATTR_BYTES);
          yield value(call, calls.listxattr(call, node), request.getInt(at));
        }
        case Requests.REMOVEXATTR -> {
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
    if (length < Requests.HEADER + bytes) {
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
    if (room == 0) {
      ByteBuffer out = call.answer(XATTR_BYTES);
      out.putLong(Answers.HEADER, 0);
      out.putInt(Answers.HEADER, value.length);
      return XATTR_BYTES;
    }
    if (value.length > XATTR_MAX) {
      throw ErrnoException.of(Errno.E2BIG);
    }
    if (room > 0 && value.length > room) {
      throw ErrnoException.of(Errno.ERANGE);
    }
    call.answer(value.length).put(Answers.HEADER, value);
    return value.length;
  }

  private int setattr(Call call, KnownNode node, ByteBuffer in, int length) throws ErrnoException {
    structure(length, SETATTR_BYTES);
    int at = Requests.HEADER;
    int valid = in.getInt(at);
    if ((valid & FATTR_FH) != 0) {
      return NOT_NAMELESS; // by a handle libfuse can do it
    }
    AttributeChange change = PathCalls.change(call);
    change.setMode = (valid & FATTR_MODE) != 0;
    change.mode = in.getInt(at + MODE);
    change.setUid = (valid & FATTR_UID) != 0;
    change.uid = in.getInt(at + UID);
    change.setGid = (valid & FATTR_GID) != 0;
    change.gid = in.getInt(at + GID);
    change.setSize = (valid & FATTR_SIZE) != 0;
    change.size = change.setSize ? in.getLong(at + SIZE) : 0;
    change.setAtime = (valid & FATTR_ATIME) != 0;
    change.atimeNow = (valid & FATTR_ATIME_NOW) != 0;
    change.atimeSeconds = in.getLong(at + ATIME);
    change.atimeNanos = in.getInt(at + ATIMENSEC);
    change.setMtime = (valid & FATTR_MTIME) != 0;
    change.mtimeNow = (valid & FATTR_MTIME_NOW) != 0;
    change.mtimeSeconds = in.getLong(at + MTIME);
    change.mtimeNanos = in.getInt(at + MTIMENSEC);
    change.killSuidgid = call.killSuidgid;
    call.emptyChange = false;
    calls.set(call, node);
    ByteBuffer out = call.answer(ATTR_OUT_BYTES);
    Attributes attributes = calls.show(call, node, Opened.NO_HANDLE);
    // Another name may be left, by which they change, and under which the kernel may keep them.
    put(out, Answers.HEADER, attributes);
    calls.changedElsewhere(call, node);
    return ATTR_OUT_BYTES;
  }

  /** Attributes that the kernel is not to keep. */
  private static void put(ByteBuffer out, int at, Attributes from) {
    out.putLong(at, 0);
    out.putLong(at + 8, 0);
    int attr = at + ATTR;
    out.putLong(attr, from.ino);
    out.putLong(attr + 8, from.size);
    out.putLong(attr + 16, from.blocks);
    out.putLong(attr + 24, from.atimeSeconds);
    out.putLong(attr + 32, from.mtimeSeconds);
    out.putLong(attr + 40, from.ctimeSeconds);
    out.putInt(attr + 48, from.atimeNanos);
    out.putInt(attr + 52, from.mtimeNanos);
    out.putInt(attr + 56, from.ctimeNanos);
    out.putInt(attr + 60, from.mode);
    out.putInt(attr + 64, from.nlink);
    out.putInt(attr + 68, from.uid);
    out.putInt(attr + 72, from.gid);
    out.putInt(attr + 76, from.rdev);
    out.putInt(attr + 80, from.blksize);
    out.putInt(attr + 84, 0);
  }
}
