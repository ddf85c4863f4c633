package io.samepage.fuse.kernel;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.Opened;
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
import java.nio.ByteBuffer;

/** Requests about nodes themselves: their life, their attributes, and the file system of all. */
final class NodeRequests {
  /** What the kernel has room for when it asks for the target of a symbolic link. */
  private static final int PATH_MAX = 4096;

  private static final int GETATTR_FH = 1;

  private static final int FATTR_MODE = 1;
  private static final int FATTR_UID = 1 << 1;
  private static final int FATTR_GID = 1 << 2;
  private static final int FATTR_SIZE = 1 << 3;
  private static final int FATTR_ATIME = 1 << 4;
  private static final int FATTR_MTIME = 1 << 5;
  private static final int FATTR_FH = 1 << 6;
  private static final int FATTR_ATIME_NOW = 1 << 7;
  private static final int FATTR_MTIME_NOW = 1 << 8;
  private static final int FATTR_KILL_SUIDGID = 1 << 11;

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
    boolean byHandle = (GetattrIn.getattrFlags(x.in, x.body) & GETATTR_FH) != 0;
    long handle = byHandle ? GetattrIn.fh(x.in, x.body) : Opened.NO_HANDLE;
    x.fs.getattr(x.request, x.nodeid, handle, x.attributes);
    return attributes(x);
  }

  static int statx(Exchange x) throws ErrnoException {
    x.structure(StatxIn.BYTES);
    boolean byHandle = (StatxIn.getattrFlags(x.in, x.body) & GETATTR_FH) != 0;
    long handle = byHandle ? StatxIn.fh(x.in, x.body) : Opened.NO_HANDLE;
    x.fs.getattr(x.request, x.nodeid, handle, x.attributes);
    StatxOut.put(x.out, Exchange.PAYLOAD, x.attributes);
    return StatxOut.BYTES;
  }

  static int setattr(Exchange x) throws ErrnoException {
    x.structure(SetattrIn.BYTES);
    ByteBuffer in = x.in;
    int at = x.body;
    // FATTR_CTIME comes only with WRITEBACK_CACHE, which is never asked for.
    int valid = SetattrIn.valid(in, at);
    AttributeChange change = x.change;
    change.handle = (valid & FATTR_FH) != 0 ? SetattrIn.fh(in, at) : Opened.NO_HANDLE;
    change.setMode = (valid & FATTR_MODE) != 0;
    change.mode = SetattrIn.mode(in, at);
    change.setUid = (valid & FATTR_UID) != 0;
    change.uid = SetattrIn.uid(in, at);
    change.setGid = (valid & FATTR_GID) != 0;
    change.gid = SetattrIn.gid(in, at);
    change.setSize = (valid & FATTR_SIZE) != 0;
    change.size = change.setSize ? Exchange.offset(SetattrIn.size(in, at)) : 0;
    change.setAtime = (valid & FATTR_ATIME) != 0;
    change.atimeNow = (valid & FATTR_ATIME_NOW) != 0;
    change.atimeSeconds = SetattrIn.atime(in, at);
    change.atimeNanos = SetattrIn.atimensec(in, at);
    change.setMtime = (valid & FATTR_MTIME) != 0;
    change.mtimeNow = (valid & FATTR_MTIME_NOW) != 0;
    change.mtimeSeconds = SetattrIn.mtime(in, at);
    change.mtimeNanos = SetattrIn.mtimensec(in, at);
    change.killSuidgid = (valid & FATTR_KILL_SUIDGID) != 0;
    x.fs.setattr(x.request, x.nodeid, change, x.attributes);
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
