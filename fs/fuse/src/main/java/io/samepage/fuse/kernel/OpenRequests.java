package io.samepage.fuse.kernel;

import io.samepage.fuse.Opened;
import io.samepage.fuse.wire.CreateIn;
import io.samepage.fuse.wire.EntryOut;
import io.samepage.fuse.wire.FlushIn;
import io.samepage.fuse.wire.OpenIn;
import io.samepage.fuse.wire.OpenOut;
import io.samepage.fuse.wire.ReleaseIn;
import io.samepage.posix.ErrnoException;

/** Requests about handles: from open to release. */
final class OpenRequests {
  private static final int OPEN_KILL_SUIDGID = 1;
  private static final int RELEASE_FLOCK_UNLOCK = 1 << 1;

  private static final int FOPEN_DIRECT_IO = 1;
  private static final int FOPEN_KEEP_CACHE = 1 << 1;
  private static final int FOPEN_NOFLUSH = 1 << 5;
  private static final int FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6;
  private static final int FOPEN_PASSTHROUGH = 1 << 7;

  private OpenRequests() {}

  static int open(Exchange x) throws ErrnoException {
    x.structure(OpenIn.BYTES);
    boolean killSuidgid = (OpenIn.openFlags(x.in, x.body) & OPEN_KILL_SUIDGID) != 0;
    x.opened.clear();
    x.fs.open(x.request, x.nodeid, OpenIn.flags(x.in, x.body), killSuidgid, x.opened);
    x.giveHandle(x.nodeid, x.opened.handle);
    put(x, Exchange.PAYLOAD);
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
    put(x, Exchange.PAYLOAD + EntryOut.BYTES);
    return EntryOut.BYTES + OpenOut.BYTES;
  }

  private static void put(Exchange x, int at) {
    Opened opened = x.opened;
    OpenOut.fh(x.out, at, opened.handle);
    OpenOut.openFlags(x.out, at, flags(opened));
    OpenOut.backingId(x.out, at, opened.backingId);
  }

  /** The kernel fails an open that asks for passthrough and for the page cache in one. */
  static int flags(Opened opened) {
    int flags = 0;
    if (opened.backingId != Opened.NO_BACKING) {
      flags |= FOPEN_PASSTHROUGH;
    } else if (opened.keepCache) {
      flags |= FOPEN_KEEP_CACHE;
    }
    if (opened.directIo) {
      flags |= FOPEN_DIRECT_IO;
    }
    if (opened.noFlush) {
      flags |= FOPEN_NOFLUSH;
    }
    if (opened.parallelDirectWrites) {
      flags |= FOPEN_PARALLEL_DIRECT_WRITES;
    }
    return flags;
  }

  static int flush(Exchange x) throws ErrnoException {
    x.structure(FlushIn.BYTES);
    x.fs.flush(x.request, x.nodeid, FlushIn.fh(x.in, x.body), FlushIn.lockOwner(x.in, x.body));
    return 0;
  }

  static int release(Exchange x) throws ErrnoException {
    x.structure(ReleaseIn.BYTES);
    boolean unlock = (ReleaseIn.releaseFlags(x.in, x.body) & RELEASE_FLOCK_UNLOCK) != 0;
    long flockOwner = unlock ? ReleaseIn.lockOwner(x.in, x.body) : 0;
    x.fs.release(x.request, x.nodeid, ReleaseIn.fh(x.in, x.body), flockOwner);
    return 0;
  }
}
