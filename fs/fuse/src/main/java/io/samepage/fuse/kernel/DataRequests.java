package io.samepage.fuse.kernel;

import io.samepage.fuse.Opened;
import io.samepage.fuse.wire.CopyFileRangeIn;
import io.samepage.fuse.wire.CopyFileRangeOut;
import io.samepage.fuse.wire.FallocateIn;
import io.samepage.fuse.wire.FsyncIn;
import io.samepage.fuse.wire.IoctlIn;
import io.samepage.fuse.wire.IoctlOut;
import io.samepage.fuse.wire.LseekIn;
import io.samepage.fuse.wire.LseekOut;
import io.samepage.fuse.wire.ReadIn;
import io.samepage.fuse.wire.WriteIn;
import io.samepage.fuse.wire.WriteOut;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;

/** Requests about the data of open files. */
final class DataRequests {
  private DataRequests() {}

  static int read(Exchange x) throws ErrnoException {
    x.structure(ReadIn.BYTES);
    int size = size(ReadIn.size(x.in, x.body));
    long offset = Exchange.offset(ReadIn.offset(x.in, x.body), size);
    long handle = ReadIn.fh(x.in, x.body);
    x.request.setDirect((ReadIn.flags(x.in, x.body) & Linux.O_DIRECT) != 0);
    if (size >= PagePipe.LEAST) {
      x.pieces.clear();
      if (x.fs.locate(x.request, x.nodeid, handle, offset, size, x.pieces) && x.replyPages()) {
        return Handler.NO_REPLY;
      }
    }
    int read = x.fs.read(x.request, x.nodeid, handle, offset, size, x.data);
    if (read < 0 || read > size) {
      throw new IllegalStateException("read returned " + read + " of " + size + " bytes");
    }
    return read;
  }

  /** A size that fits into the buffer of an answer. */
  static int size(int size) throws ErrnoException {
    if (size < 0 || size > Exchange.MAX_DATA) {
      throw Exchange.malformed();
    }
    return size;
  }

  static int write(Exchange x) throws ErrnoException {
    x.structure(WriteIn.BYTES);
    int size = x.checkRest(WriteIn.size(x.in, x.body));
    x.request.setDirect((WriteIn.flags(x.in, x.body) & Linux.O_DIRECT) != 0);
    int written =
        x.fs.write(
            x.request,
            x.nodeid,
            WriteIn.fh(x.in, x.body),
            Exchange.offset(WriteIn.offset(x.in, x.body), size),
            x.restAddress(),
            size,
            WriteIn.killSuidgid(x.in, x.body),
            WriteIn.fromCache(x.in, x.body));
    if (written < 0 || written > size) {
      throw new IllegalStateException("write returned " + written + " of " + size + " bytes");
    }
    return written(x, written);
  }

  private static int written(Exchange x, int size) {
    WriteOut.put(x.out, Exchange.PAYLOAD, size);
    return WriteOut.BYTES;
  }

  static int fsync(Exchange x) throws ErrnoException {
    x.structure(FsyncIn.BYTES);
    boolean dataOnly = FsyncIn.dataOnly(x.in, x.body);
    x.fs.fsync(x.request, x.nodeid, FsyncIn.fh(x.in, x.body), dataOnly);
    return 0;
  }

  static int fallocate(Exchange x) throws ErrnoException {
    x.structure(FallocateIn.BYTES);
    long length = FallocateIn.length(x.in, x.body);
    x.fs.fallocate(
        x.request,
        x.nodeid,
        FallocateIn.fh(x.in, x.body),
        Exchange.offset(FallocateIn.offset(x.in, x.body), length),
        length,
        FallocateIn.mode(x.in, x.body));
    return 0;
  }

  static int lseek(Exchange x) throws ErrnoException {
    x.structure(LseekIn.BYTES);
    long offset =
        x.fs.lseek(
            x.request,
            x.nodeid,
            LseekIn.fh(x.in, x.body),
            LseekIn.offset(x.in, x.body),
            LseekIn.whence(x.in, x.body));
    LseekOut.offset(x.out, Exchange.PAYLOAD, offset);
    return LseekOut.BYTES;
  }

  /** Its answer has 32 bits for what was copied; the kernel asks for no more than that. */
  static int copyFileRange(Exchange x) throws ErrnoException {
    x.structure(CopyFileRangeIn.BYTES);
    long length = Math.min(CopyFileRangeIn.len(x.in, x.body), 0x7ffff000L);
    return written(x, (int) copy(x, length));
  }

  static int copyFileRange64(Exchange x) throws ErrnoException {
    x.structure(CopyFileRangeIn.BYTES);
    long copied = copy(x, CopyFileRangeIn.len(x.in, x.body));
    CopyFileRangeOut.bytesCopied(x.out, Exchange.PAYLOAD, copied);
    return CopyFileRangeOut.BYTES;
  }

  private static long copy(Exchange x, long length) throws ErrnoException {
    if (CopyFileRangeIn.flags(x.in, x.body) != 0) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    long copied =
        x.fs.copyFileRange(
            x.request,
            x.nodeid,
            CopyFileRangeIn.fhIn(x.in, x.body),
            Exchange.offset(CopyFileRangeIn.offIn(x.in, x.body), length),
            CopyFileRangeIn.nodeidOut(x.in, x.body),
            CopyFileRangeIn.fhOut(x.in, x.body),
            Exchange.offset(CopyFileRangeIn.offOut(x.in, x.body), length),
            length);
    if (copied < 0 || copied > length) {
      throw new IllegalStateException("copied " + copied + " of " + length + " bytes");
    }
    return copied;
  }

  /**
   * Commands whose number says how long their argument is. Others come only to character devices
   * (CUSE): FUSE_IOCTL_UNRESTRICTED.
   */
  static int ioctl(Exchange x) throws ErrnoException {
    x.structure(IoctlIn.BYTES);
    if (IoctlIn.isUnrestricted(x.in, x.body)) {
      throw ErrnoException.of(Errno.ENOTTY);
    }
    byte[] in = x.bytes(IoctlIn.inSize(x.in, x.body));
    int outSize = IoctlIn.outSize(x.in, x.body);
    if (outSize < 0 || outSize > Exchange.MAX_DATA - IoctlOut.BYTES) {
      throw Exchange.malformed();
    }
    boolean directory = IoctlIn.isDirectory(x.in, x.body);
    byte[] answer =
        x.fs.ioctl(
            x.request,
            x.nodeid,
            directory ? Opened.NO_HANDLE : IoctlIn.fh(x.in, x.body),
            directory,
            IoctlIn.cmd(x.in, x.body),
            in,
            outSize);
    if (answer.length > outSize) {
      throw new IllegalStateException("ioctl gave " + answer.length + " of " + outSize + " bytes");
    }
    IoctlOut.result(x.out, Exchange.PAYLOAD, 0);
    IoctlOut.flags(x.out, Exchange.PAYLOAD, 0);
    IoctlOut.inIovs(x.out, Exchange.PAYLOAD, 0);
    IoctlOut.outIovs(x.out, Exchange.PAYLOAD, 0);
    x.out.put(Exchange.PAYLOAD + IoctlOut.BYTES, answer);
    return IoctlOut.BYTES + answer.length;
  }
}
