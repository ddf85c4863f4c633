package io.samepage.fuse.kernel;

import io.samepage.fuse.wire.FsyncIn;
import io.samepage.fuse.wire.ReadIn;
import io.samepage.posix.ErrnoException;

/** Requests about directories as lists. */
final class DirectoryRequests {
  private DirectoryRequests() {}

  static int readdir(Exchange x) throws ErrnoException {
    x.structure(ReadIn.BYTES);
    x.directory.begin(DataRequests.size(ReadIn.size(x.in, x.body)));
    x.fs.readdir(x.request, x.nodeid, ReadIn.offset(x.in, x.body), x.directory);
    return x.directory.length();
  }

  static int readdirplus(Exchange x) throws ErrnoException {
    x.structure(ReadIn.BYTES);
    x.directory.begin(DataRequests.size(ReadIn.size(x.in, x.body)));
    x.fs.readdirplus(x.request, x.nodeid, ReadIn.offset(x.in, x.body), x.directory);
    return x.directory.length();
  }

  static int fsyncdir(Exchange x) throws ErrnoException {
    x.structure(FsyncIn.BYTES);
    x.fs.fsyncdir(x.request, x.nodeid, FsyncIn.dataOnly(x.in, x.body));
    return 0;
  }
}
