package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.GetxattrIn;
import io.samepage.fuse.wire.GetxattrOut;
import io.samepage.fuse.wire.SetxattrIn;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;

/** Requests about extended attributes. */
final class XattrRequests {
  private static final int SETXATTR_ACL_KILL_SGID = 1;

  /** The most that a value or a list of names may be (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
  private static final int MAX = 65536;

  /** What SETXATTR begins with where SETXATTR_EXT was not agreed on. */
  private static final int SHORT_LENGTH = SetxattrIn.SETXATTR_FLAGS;

  private XattrRequests() {}

  static int setxattr(Exchange x) throws ErrnoException {
    x.structure(x.longSetxattr ? SetxattrIn.BYTES : SHORT_LENGTH);
    int flags = x.longSetxattr ? SetxattrIn.setxattrFlags(x.in, x.body) : 0;
    byte[] name = attribute(x);
    byte[] value = x.bytes(SetxattrIn.size(x.in, x.body));
    x.fs.setxattr(
        x.request,
        x.nodeid,
        name,
        value,
        SetxattrIn.flags(x.in, x.body),
        (flags & SETXATTR_ACL_KILL_SGID) != 0);
    return 0;
  }

  static int getxattr(Exchange x) throws ErrnoException {
    x.structure(GetxattrIn.BYTES);
    return answer(x, x.fs.getxattr(x.request, x.nodeid, attribute(x)));
  }

  static int listxattr(Exchange x) throws ErrnoException {
    x.structure(GetxattrIn.BYTES);
    return answer(x, x.fs.listxattr(x.request, x.nodeid));
  }

  static int removexattr(Exchange x) throws ErrnoException {
    x.fs.removexattr(x.request, x.nodeid, attribute(x));
    return 0;
  }

  private static byte[] attribute(Exchange x) throws ErrnoException {
    byte[] name = x.string();
    if (name.length == 0) {
      throw Exchange.malformed();
    }
    return name;
  }

  private static int answer(Exchange x, byte[] value) throws ErrnoException {
    if (value.length > MAX) {
      throw ErrnoException.of(Errno.E2BIG);
    }
    int room = GetxattrIn.size(x.in, x.body);
    if (room == 0) {
      x.out.putLong(Exchange.PAYLOAD, 0);
      GetxattrOut.size(x.out, Exchange.PAYLOAD, value.length);
      return GetxattrOut.BYTES;
    }
    if (room > 0 && value.length > room) {
      throw ErrnoException.of(Errno.ERANGE);
    }
    x.out.put(Exchange.PAYLOAD, value);
    return value.length;
  }
}
