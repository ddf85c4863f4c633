package io.samepage.fuse.kernel;

import io.samepage.fuse.FileSystem;
import io.samepage.fuse.wire.AttrOut;
import io.samepage.fuse.wire.BatchForgetIn;
import io.samepage.fuse.wire.ForgetIn;
import io.samepage.fuse.wire.ForgetOne;
import io.samepage.fuse.wire.GetattrIn;
import io.samepage.fuse.wire.SetattrIn;
import io.samepage.fuse.wire.StatfsOut;
import io.samepage.fuse.wire.StatxIn;
import io.samepage.fuse.wire.StatxOut;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;

/** Requests about nodes themselves: their life, their attributes, and the file system of all. */
final class NodeRequests {
  /** What the kernel has room for when it asks for the target of a symbolic link. */
  private static final int PATH_MAX = 4096;

  private NodeRequests() {}

  static int forget(Exchange x) throws ErrnoException {
    x.structure(ForgetIn.BYTES);
    forget(x.fs, x.nodeid, ForgetIn.nlookup(x.in, x.body));
    return Handler.NO_REPLY;
  }

  static int batchForget(Exchange x) throws ErrnoException {
    x.structure(BatchForgetIn.BYTES);
    int first = x.body + BatchForgetIn.BYTES;
    int count = BatchForgetIn.count(x.in, x.body);
    int there = (x.end - first) / ForgetOne.BYTES;
    if (count < 0 || count > there) {
      throw Exchange.malformed();
    }
    for (int i = 0; i < count; i++) {
      int at = first + i * ForgetOne.BYTES;
      forget(x.fs, ForgetOne.nodeid(x.in, at), ForgetOne.nlookup(x.in, at));
    }
    return Handler.NO_REPLY;
  }

  private static void forget(FileSystem fs, long nodeid, long count) {
    if (nodeid != FileSystem.ROOT && count > 0) {
      fs.forget(nodeid, count);
    }
  }

  static int getattr(Exchange x) throws ErrnoException {
    x.structure(GetattrIn.BYTES);
    x.fs.getattr(x.request, x.nodeid, GetattrIn.handle(x.in, x.body), x.attributes);
    return attributes(x);
  }

  static int statx(Exchange x) throws ErrnoException {
    x.structure(StatxIn.BYTES);
    x.fs.getattr(x.request, x.nodeid, StatxIn.handle(x.in, x.body), x.attributes);
    StatxOut.put(x.out, Exchange.PAYLOAD, x.attributes);
    return StatxOut.BYTES;
  }

  static int setattr(Exchange x) throws ErrnoException {
    x.structure(SetattrIn.BYTES);
    SetattrIn.get(x.in, x.body, x.change);
    Exchange.offset(x.change.size);
    x.fs.setattr(x.request, x.nodeid, x.change, x.attributes);
    return attributes(x);
  }

  private static int attributes(Exchange x) {
    AttrOut.put(x.out, Exchange.PAYLOAD, x.attributes);
    return AttrOut.BYTES;
  }

  static int readlink(Exchange x) throws ErrnoException {
    byte[] target = x.fs.readlink(x.request, x.nodeid);
    if (target.length >= PATH_MAX) {
      throw ErrnoException.of(Errno.ENAMETOOLONG);
    }
    x.out.put(Exchange.PAYLOAD, target);
    return target.length;
  }

  static int statfs(Exchange x) throws ErrnoException {
    x.fs.statfs(x.request, x.statistics);
    StatfsOut.put(x.out, Exchange.PAYLOAD, x.statistics);
    return StatfsOut.BYTES;
  }

  static int syncfs(Exchange x) throws ErrnoException {
    x.fs.syncfs(x.request);
    return 0;
  }

  /** Only block device and virtiofs mounts send it; the end of the descriptor ends us. */
  static int destroy(Exchange x) {
    return 0;
  }
}
