package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.EntryOut;
import io.samepage.fuse.wire.LinkIn;
import io.samepage.fuse.wire.MkdirIn;
import io.samepage.fuse.wire.MknodIn;
import io.samepage.fuse.wire.Rename2In;
import io.samepage.fuse.wire.RenameIn;
import io.samepage.posix.ErrnoException;

/** Requests about names in directories. */
final class NameRequests {
  private NameRequests() {}

  static int lookup(Exchange x) throws ErrnoException {
    byte[] name = x.name();
    begin(x);
    x.fs.lookup(x.request, x.nodeid, name, x.entry);
    if (x.entry.nodeid == 0) {
      EntryOut.putNone(x.out, Exchange.PAYLOAD, x.entry.entryValidNanos);
      return EntryOut.BYTES;
    }
    return found(x);
  }

  static int mknod(Exchange x) throws ErrnoException {
    x.structure(MknodIn.BYTES);
    byte[] name = x.name();
    begin(x);
    x.fs.mknod(
        x.request,
        x.nodeid,
        name,
        MknodIn.mode(x.in, x.body),
        MknodIn.umask(x.in, x.body),
        MknodIn.rdev(x.in, x.body),
        x.entry);
    return found(x);
  }

  static int mkdir(Exchange x) throws ErrnoException {
    x.structure(MkdirIn.BYTES);
    byte[] name = x.name();
    begin(x);
    x.fs.mkdir(
        x.request,
        x.nodeid,
        name,
        MkdirIn.mode(x.in, x.body),
        MkdirIn.umask(x.in, x.body),
        x.entry);
    return found(x);
  }

  static int symlink(Exchange x) throws ErrnoException {
    byte[] name = x.name();
    byte[] target = x.string();
    begin(x);
    x.fs.symlink(x.request, x.nodeid, name, target, x.entry);
    return found(x);
  }

  static int link(Exchange x) throws ErrnoException {
    x.structure(LinkIn.BYTES);
    byte[] newName = x.name();
    begin(x);
    x.fs.link(x.request, LinkIn.oldnodeid(x.in, x.body), x.nodeid, newName, x.entry);
    return found(x);
  }

  static int unlink(Exchange x) throws ErrnoException {
    x.fs.unlink(x.request, x.nodeid, x.name());
    return 0;
  }

  static int rmdir(Exchange x) throws ErrnoException {
    x.fs.rmdir(x.request, x.nodeid, x.name());
    return 0;
  }

  static int rename(Exchange x) throws ErrnoException {
    x.structure(RenameIn.BYTES);
    byte[] name = x.name();
    byte[] newName = x.name();
    x.fs.rename(x.request, x.nodeid, name, RenameIn.newdir(x.in, x.body), newName, 0);
    return 0;
  }

  static int rename2(Exchange x) throws ErrnoException {
    x.structure(Rename2In.BYTES);
    byte[] name = x.name();
    byte[] newName = x.name();
    x.fs.rename(
        x.request,
        x.nodeid,
        name,
        Rename2In.newdir(x.in, x.body),
        newName,
        Rename2In.flags(x.in, x.body));
    return 0;
  }

  private static void begin(Exchange x) {
    x.entry.nodeid = 0;
    x.entry.generation = 0;
  }

  private static int found(Exchange x) {
    x.giveNode(x.entry.nodeid);
    EntryOut.put(x.out, Exchange.PAYLOAD, x.entry);
    return EntryOut.BYTES;
  }
}
