package io.samepage.fuse.kernel;

import io.samepage.fuse.MountException;
import io.samepage.fuse.kernel.KernelMountOptions.Passthrough;
import io.samepage.fuse.wire.InHeader;
import io.samepage.fuse.wire.InitFlags;
import io.samepage.fuse.wire.InitIn;
import io.samepage.fuse.wire.InitOut;
import io.samepage.fuse.wire.Opcode;
import io.samepage.fuse.wire.OutHeader;
import io.samepage.posix.Errno;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;

/**
 * The first exchange of a connection, INIT: the kernel offers a version and flags, and the answer
 * says which of them are taken. Nothing else comes before it has been answered.
 */
final class Handshake {
  static final int MAJOR = 7;

  /** The newest minor version that this package knows all of. */
  static final int MINOR = 45;

  /** Linux 5.4. Before it, directories cannot do without handles and kept listings. */
  static final int OLDEST_MINOR = 31;

  /** What a request may carry in pages of 4 KiB, which is the most a kernel grants by default. */
  private static final int MAX_PAGES = Exchange.MAX_DATA / 4096;

  /**
   * How many requests that nobody waits for (readahead, RELEASE, asynchronous direct I/O) may be
   * out at once. The default, 12, is made for one slow server thread.
   */
  private static final int MAX_BACKGROUND = 64;

  /** When the kernel begins to think of readahead as too much: three quarters, as its default. */
  private static final int CONGESTION_THRESHOLD = 48;

  /** The first field of INIT that came later than 7.31: {@code flags2}, with INIT_EXT. */
  private static final int SHORT_INIT_IN = InitIn.FLAGS2;

  /**
   * What is always asked for, if the kernel offers it. Not asked for are: EXPORT_SUPPORT and
   * NO_EXPORT (file handles work while the kernel knows the inode, which is what FUSE can promise);
   * SPLICE_* (data that must come here are read into memory); READDIRPLUS_AUTO (which names come
   * with a look-up is for the file system to say, which sees more of what the reader does);
   * AUTO_INVAL_DATA (see EXPLICIT_INVAL_DATA); WRITEBACK_CACHE (it rules passthrough out);
   * NO_OPEN_SUPPORT (without OPEN there is no passthrough); HANDLE_KILLPRIV (V2 is asked for);
   * MAP_ALIGNMENT and HAS_INODE_DAX (virtiofs); SUBMOUNTS (one device for all); SECURITY_CTX and
   * CREATE_SUPP_GROUP (nothing here uses what they add to requests); HAS_EXPIRE_ONLY (names are
   * dropped, not expired); HAS_RESEND (a restarted daemon does not take over a mount); ALLOW_IDMAP
   * (then most requests say no user); OVER_IO_URING; REQUEST_TIMEOUT (a copy-up may take as long as
   * it does).
   */
  private static final long WANTED =
      InitFlags.ASYNC_READ
          | InitFlags.POSIX_LOCKS
          | InitFlags.ATOMIC_O_TRUNC
          | InitFlags.BIG_WRITES
          | InitFlags.DONT_MASK
          | InitFlags.FLOCK_LOCKS
          | InitFlags.DO_READDIRPLUS
          | InitFlags.ASYNC_DIO
          | InitFlags.PARALLEL_DIROPS
          | InitFlags.POSIX_ACL
          | InitFlags.ABORT_ERROR
          | InitFlags.MAX_PAGES
          | InitFlags.CACHE_SYMLINKS
          | InitFlags.NO_OPENDIR_SUPPORT
          | InitFlags.EXPLICIT_INVAL_DATA
          | InitFlags.HANDLE_KILLPRIV_V2
          | InitFlags.SETXATTR_EXT
          | InitFlags.INIT_EXT
          | InitFlags.DIRECT_IO_ALLOW_MMAP;

  private Handshake() {}

  /**
   * What was agreed on.
   *
   * @param minor the version spoken
   * @param flags of INIT, all 64
   * @param passthroughReason why passthrough is among them or not
   */
  record Agreement(int minor, long flags, String passthroughReason) {
    boolean has(long flag) {
      return (flags & flag) != 0;
    }

    String protocol() {
      return MAJOR + "." + minor;
    }
  }

  /** Reads INIT from a device that has just been mounted, and answers it. */
  static Agreement perform(Channel device, KernelMountOptions options) throws MountException {
    NativeBuffer request = NativeBuffer.allocate(Exchange.requestRoom());
    NativeBuffer reply = NativeBuffer.allocate(OutHeader.BYTES + InitOut.BYTES);
    while (true) {
      int length = device.read(request.address(), request.capacity());
      if (length == -Errno.EINTR || length == -Errno.EAGAIN || length == -Errno.ENOENT) {
        continue;
      }
      if (length < 0) {
        throw new MountException(
            -length, "the mount was undone before it stood (" + Errno.name(-length) + ")");
      }
      ByteBuffer in = request.bytes();
      if (length < InHeader.BYTES + SHORT_INIT_IN
          || Opcode.of(InHeader.opcode(in, 0)) != Opcode.INIT) {
        throw new MountException(
            Errno.EPROTO, "the kernel does not begin with INIT; this is no FUSE that is known");
      }
      int major = InitIn.major(in, InHeader.BYTES);
      int minor = InitIn.minor(in, InHeader.BYTES);
      if (major < MAJOR || (major == MAJOR && minor < OLDEST_MINOR)) {
        answer(device, reply, InHeader.unique(in, 0), -Errno.EPROTO, 0);
        throw new MountException(
            Errno.EPROTO,
            "the kernel speaks FUSE "
                + major
                + "."
                + minor
                + ", and samepage needs "
                + MAJOR
                + "."
                + OLDEST_MINOR
                + ": use Linux 5.4 or newer");
      }
      if (major > MAJOR) {
        // The protocol: say which version is known, and the kernel begins again with that one.
        InitOut.major(reply.bytes(), OutHeader.BYTES, MAJOR);
        InitOut.minor(reply.bytes(), OutHeader.BYTES, MINOR);
        answer(device, reply, InHeader.unique(in, 0), 0, InitOut.BYTES);
        continue;
      }
      Agreement agreement = agree(minor, offered(in, InHeader.BYTES, length), options);
      int readahead = InitIn.maxReadahead(in, InHeader.BYTES);
      put(reply.bytes(), OutHeader.BYTES, agreement, readahead, options);
      int written = answer(device, reply, InHeader.unique(in, 0), 0, InitOut.BYTES);
      if (written < 0) {
        throw new MountException(
            -written, "the kernel did not take the answer to INIT (" + Errno.name(-written) + ")");
      }
      return agreement;
    }
  }

  /** The flags that a request offers, all 64. */
  static long offered(ByteBuffer in, int at, int length) {
    long flags = InitIn.flags(in, at) & 0xffffffffL;
    if ((flags & InitFlags.INIT_EXT) != 0 && length >= InHeader.BYTES + InitIn.FLAGS2 + 4) {
      flags |= (long) InitIn.flags2(in, at) << 32;
    }
    return flags;
  }

  /** What is taken of an offer. */
  static Agreement agree(int minor, long offered, KernelMountOptions options) {
    int spoken = Math.min(minor, MINOR);
    long flags = offered & WANTED;
    String reason;
    if (options.passthrough() == Passthrough.OFF) {
      reason = "switched off by an option";
    } else if ((offered & InitFlags.PASSTHROUGH) == 0) {
      reason =
          "this kernel (FUSE "
              + MAJOR
              + "."
              + minor
              + ") does not offer it: Linux 6.9 and newer do, with CONFIG_FUSE_PASSTHROUGH";
    } else {
      flags |= InitFlags.PASSTHROUGH;
      reason =
          options.maxStackDepth() == 1
              ? "granted by the kernel, for files that are not on a stacked file system"
              : "granted by the kernel, also for files on an overlayfs";
    }
    return new Agreement(spoken, flags, reason);
  }

  private static void put(
      ByteBuffer b, int at, Agreement agreement, int readahead, KernelMountOptions options) {
    InitOut.major(b, at, MAJOR);
    InitOut.minor(b, at, agreement.minor());
    InitOut.maxReadahead(b, at, readahead);
    InitOut.flags(b, at, (int) agreement.flags());
    InitOut.maxBackground(b, at, MAX_BACKGROUND);
    InitOut.congestionThreshold(b, at, CONGESTION_THRESHOLD);
    InitOut.maxWrite(b, at, Exchange.MAX_DATA);
    InitOut.timeGran(b, at, 1);
    InitOut.maxPages(b, at, MAX_PAGES);
    InitOut.flags2(b, at, (int) (agreement.flags() >>> 32));
    boolean passthrough = agreement.has(InitFlags.PASSTHROUGH);
    InitOut.maxStackDepth(b, at, passthrough ? options.maxStackDepth() : 0);
  }

  private static int answer(
      Channel device, NativeBuffer reply, long unique, int error, int length) {
    OutHeader.put(reply.bytes(), 0, length, error, unique);
    return device.write(reply.address(), OutHeader.BYTES + length);
  }
}
