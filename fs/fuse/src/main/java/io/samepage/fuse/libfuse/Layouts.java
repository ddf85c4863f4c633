package io.samepage.fuse.libfuse;

import jnr.ffi.Runtime;
import jnr.ffi.Struct;
import ru.serce.jnrfuse.struct.FileStat;
import ru.serce.jnrfuse.struct.FuseContext;
import ru.serce.jnrfuse.struct.FuseFileInfo;
import ru.serce.jnrfuse.struct.FuseOperations;
import ru.serce.jnrfuse.struct.Statvfs;
import ru.serce.jnrfuse.struct.Timespec;

/**
 * Where the fields of libfuse's structures are, in bytes from the beginning: as jnr-fuse says
 * wherever it is right. The one place for what it gets wrong on 64-bit Linux; a test compares all
 * of this with what a C compiler says.
 *
 * <ul>
 *   <li>{@code fuse_file_info} in jnr-fuse lacks {@code writepage}, and makes a byte of each of the
 *       flags, which are bits of one word behind it. The fields after them are right by alignment.
 *   <li>The flags of {@code fuse_operations} are bits of one word, not bytes.
 *   <li>{@code fsyncdir} in jnr-fuse has no argument that says whether data alone are meant, and
 *       takes that argument for the pointer to {@code fuse_file_info}.
 *   <li>{@code fuse_conn_info}, {@code fuse_args}, {@code fuse_chan_ops} and {@code iovec} are not
 *       in jnr-fuse.
 * </ul>
 */
final class Layouts {
  private static final Runtime RUNTIME = Runtime.getSystemRuntime();

  private Layouts() {}

  /** {@code struct fuse_operations} of fuse.h. */
  static final class Operations {
    static final FuseOperations JNR = new FuseOperations(RUNTIME);
    static final int BYTES = Struct.size(JNR);
    static final long FLAGS = JNR.bmap.offset() + Long.BYTES;

    /** Bits of {@link #FLAGS}. */
    static final int NULLPATH_OK = 1;

    static final int NOPATH = 1 << 1;
    static final int UTIME_OMIT_OK = 1 << 2;

    private Operations() {}
  }

  /** {@code struct fuse_file_info} of fuse_common.h. */
  static final class FileInfo {
    private static final FuseFileInfo JNR = FuseFileInfo.of(jnr.ffi.Pointer.wrap(RUNTIME, 0));

    static final long FLAGS = JNR.flags.offset();

    /** An int: the write comes from the page cache. */
    static final long WRITEPAGE = JNR.fh_old.offset() + Long.BYTES;

    /** A word of bits: direct_io, keep_cache, flush, nonseekable, flock_release. */
    static final long BITS = WRITEPAGE + Integer.BYTES;

    static final int FLOCK_RELEASE = 1 << 4;

    static final long FH = JNR.fh.offset();
    static final long LOCK_OWNER = JNR.lock_owner.offset();

    private FileInfo() {}
  }

  /** {@code struct fuse_context} of fuse.h. */
  static final class Context {
    static final long UMASK = new FuseContext(RUNTIME).umask.offset();

    private Context() {}
  }

  /** {@code struct stat} of the C library. */
  static final class StatOut {
    private static final FileStat JNR = new FileStat(RUNTIME);

    static final int BYTES = Struct.size(JNR);
    static final long INO = JNR.st_ino.offset();
    static final long NLINK = JNR.st_nlink.offset();

    /** How wide {@link #NLINK} is: 8 bytes on x86-64, 4 on arm64. */
    static final boolean WIDE_NLINK = !"aarch64".equals(System.getProperty("os.arch"));

    static final long MODE = JNR.st_mode.offset();
    static final long UID = JNR.st_uid.offset();
    static final long GID = JNR.st_gid.offset();
    static final long RDEV = JNR.st_rdev.offset();
    static final long SIZE = JNR.st_size.offset();
    static final long BLKSIZE = JNR.st_blksize.offset();
    static final long BLOCKS = JNR.st_blocks.offset();
    static final long ATIME = time(JNR.st_atim);
    static final long MTIME = time(JNR.st_mtim);
    static final long CTIME = time(JNR.st_ctim);

    private StatOut() {}
  }

  /** Where the structure within {@code struct stat} begins. */
  private static long time(Timespec time) {
    return Struct.getMemory(time).address()
        + time.tv_sec.offset()
        - Struct.getMemory(StatOut.JNR).address();
  }

  /** {@code struct timespec}. */
  static final class Time {
    static final long NANOS = Long.BYTES;
    static final long BYTES = 2 * Long.BYTES;

    private Time() {}
  }

  /** {@code struct statvfs} of the C library. */
  static final class StatvfsOut {
    private static final Statvfs JNR = new Statvfs(RUNTIME);

    static final int BYTES = Struct.size(JNR);
    static final long BSIZE = JNR.f_bsize.offset();
    static final long FRSIZE = JNR.f_frsize.offset();
    static final long BLOCKS = JNR.f_blocks.offset();
    static final long BFREE = JNR.f_bfree.offset();
    static final long BAVAIL = JNR.f_bavail.offset();
    static final long FILES = JNR.f_files.offset();
    static final long FFREE = JNR.f_ffree.offset();
    static final long FAVAIL = JNR.f_favail.offset();
    static final long NAMEMAX = JNR.f_namemax.offset();

    private StatvfsOut() {}
  }

  /** {@code struct fuse_conn_info} of fuse_common.h. */
  static final class ConnInfo {
    static final long PROTO_MAJOR = 0;
    static final long PROTO_MINOR = 4;
    static final long CAPABLE = 20;
    static final long WANT = 24;

    static final int CAP_DONT_MASK = 1 << 6;
    static final int CAP_IOCTL_DIR = 1 << 11;

    private ConnInfo() {}
  }

  /** {@code struct fuse_args} of fuse_opt.h. */
  static final class Args {
    static final long ARGC = 0;
    static final long ARGV = 8;
    static final long ALLOCATED = 16;
    static final int BYTES = 24;

    private Args() {}
  }

  /** {@code struct fuse_chan_ops} of fuse_lowlevel.h: three functions. */
  static final class ChanOps {
    static final long RECEIVE = 0;
    static final long SEND = 8;
    static final long DESTROY = 16;
    static final int BYTES = 24;

    private ChanOps() {}
  }

  /** {@code struct iovec}. */
  static final class Iovec {
    static final long BASE = 0;
    static final long LEN = 8;
    static final int BYTES = 16;

    private Iovec() {}
  }
}
