package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.GetxattrIn;
import io.samepage.fuse.wire.GetxattrOut;
import io.samepage.fuse.wire.SetxattrIn;
import io.samepage.posix.ErrnoException;

/** Requests about extended attributes. */
final class XattrRequests {
  private XattrRequests() {}

  static int setxattr(Exchange x) throws ErrnoException {
    x.structure(x.longSetxattr ? SetxattrIn.BYTES : SetxattrIn.COMPAT_SETXATTR_IN_SIZE);
    byte[] name = attribute(x);
    byte[] value = x.bytes(SetxattrIn.size(x.in, x.body));
    x.fs.setxattr(
        x.request,
        x.nodeid,
        name,
        value,
        SetxattrIn.flags(x.in, x.body),
        x.longSetxattr && SetxattrIn.aclKillsSgid(x.in, x.body));
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
    int room = GetxattrIn.size(x.in, x.body);
    int length = GetxattrOut.length(value, room);
    GetxattrOut.put(x.out, Exchange.PAYLOAD, value, room);
    return length;
  }
}
