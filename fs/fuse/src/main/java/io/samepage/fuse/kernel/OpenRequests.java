package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.CreateIn;
import io.samepage.fuse.wire.EntryOut;
import io.samepage.fuse.wire.FlushIn;
import io.samepage.fuse.wire.OpenIn;
import io.samepage.fuse.wire.OpenOut;
import io.samepage.fuse.wire.ReleaseIn;
import io.samepage.posix.ErrnoException;

/** Requests about handles: from open to release. */
final class OpenRequests {
  private OpenRequests() {}

  static int open(Exchange x) throws ErrnoException {
    x.structure(OpenIn.BYTES);
    boolean killSuidgid = OpenIn.killSuidgid(x.in, x.body);
    x.opened.clear();
    x.fs.open(x.request, x.nodeid, OpenIn.flags(x.in, x.body), killSuidgid, x.opened);
    x.giveHandle(x.nodeid, x.opened.handle);
    OpenOut.put(x.out, Exchange.PAYLOAD, x.opened);
    return OpenOut.BYTES;
  }

  static int create(Exchange x) throws ErrnoException {
    x.structure(CreateIn.BYTES);
    byte[] name = x.name();
    begin(x);
    x.fs.create(
        x.request,
        x.nodeid,
        name,
        CreateIn.flags(x.in, x.body),
        CreateIn.mode(x.in, x.body),
        CreateIn.umask(x.in, x.body),
        x.entry,
        x.opened);
    return created(x);
  }

  /** The name that TMPFILE carries is a place-holder. */
  static int tmpfile(Exchange x) throws ErrnoException {
    x.structure(CreateIn.BYTES);
    begin(x);
    x.fs.tmpfile(
        x.request,
        x.nodeid,
        CreateIn.flags(x.in, x.body),
        CreateIn.mode(x.in, x.body),
        CreateIn.umask(x.in, x.body),
        x.entry,
        x.opened);
    return created(x);
  }

  private static void begin(Exchange x) {
    x.entry.nodeid = 0;
    x.entry.generation = 0;
    x.opened.clear();
  }

  private static int created(Exchange x) {
    x.giveNode(x.entry.nodeid);
    x.giveHandle(x.entry.nodeid, x.opened.handle);
    EntryOut.put(x.out, Exchange.PAYLOAD, x.entry);
    OpenOut.put(x.out, Exchange.PAYLOAD + EntryOut.BYTES, x.opened);
    return EntryOut.BYTES + OpenOut.BYTES;
  }

  static int flush(Exchange x) throws ErrnoException {
    x.structure(FlushIn.BYTES);
    x.fs.flush(x.request, x.nodeid, FlushIn.fh(x.in, x.body), FlushIn.lockOwner(x.in, x.body));
    return 0;
  }

  static int release(Exchange x) throws ErrnoException {
    x.structure(ReleaseIn.BYTES);
    long flockOwner = ReleaseIn.flockOwner(x.in, x.body);
    x.fs.release(x.request, x.nodeid, ReleaseIn.fh(x.in, x.body), flockOwner);
    return 0;
  }
}
