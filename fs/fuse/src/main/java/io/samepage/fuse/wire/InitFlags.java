package io.samepage.fuse.wire;

/**
 * The FUSE_* flags of INIT that a transport asks for, each with what it brings. Bits from 32 up
 * travel in {@code flags2}.
 */
public final class InitFlags {
  /** Several reads of one file at once, so that readahead does not go one by one. */
  public static final long ASYNC_READ = 1L;

  /** fcntl locks are kept by the file system: they belong to a file, not to a nodeid. */
  public static final long POSIX_LOCKS = 1L << 1;

  /** O_TRUNC comes with OPEN: one request less, and no copy-up of data that go at once. */
  public static final long ATOMIC_O_TRUNC = 1L << 3;

  /** Writes larger than a page. */
  public static final long BIG_WRITES = 1L << 5;

  /** The umask is applied by the file system, since a default ACL replaces it. */
  public static final long DONT_MASK = 1L << 6;

  /** flock locks are kept by the file system, for the same reason as POSIX_LOCKS. */
  public static final long FLOCK_LOCKS = 1L << 10;

  /** ioctl(2) of directories comes here too. */
  public static final long HAS_IOCTL_DIR = 1L << 11;

  /** Directories are listed together with a look-up of each name for which there is one. */
  public static final long DO_READDIRPLUS = 1L << 13;

  /** Direct reads and writes of more than one request go out together. */
  public static final long ASYNC_DIO = 1L << 15;

  /** Look-ups and listings of one directory at the same time: the file system can. */
  public static final long PARALLEL_DIROPS = 1L << 18;

  /** The kernel checks ACLs. It brings default_permissions with it. */
  public static final long POSIX_ACL = 1L << 20;

  /** Reading after an abort says ECONNABORTED, which tells it from an unmount. */
  public static final long ABORT_ERROR = 1L << 21;

  /** Requests of up to {@code max_pages} pages, rather than 32. */
  public static final long MAX_PAGES = 1L << 22;

  /** The kernel keeps the targets of symbolic links: they never change. */
  public static final long CACHE_SYMLINKS = 1L << 23;

  /** OPENDIR may be answered with ENOSYS; the kernel then keeps what READDIR said. */
  public static final long NO_OPENDIR_SUPPORT = 1L << 24;

  /**
   * The kernel drops data and listings only when it is told to, not whenever it sees another mtime
   * or size: the file system knows of every change and says so. (Its opposite, AUTO_INVAL_DATA,
   * would also ask for attributes before each use of a kept listing.)
   */
  public static final long EXPLICIT_INVAL_DATA = 1L << 25;

  /**
   * The file system clears set-user-ID and set-group-ID bits, told by flags in WRITE, OPEN and
   * SETATTR when to. Without it the kernel asks for security.capability before every write.
   */
  public static final long HANDLE_KILLPRIV_V2 = 1L << 28;

  /** SETXATTR says whether an ACL clears the set-group-ID bit. */
  public static final long SETXATTR_EXT = 1L << 29;

  /** There are flags beyond 31. */
  public static final long INIT_EXT = 1L << 30;

  /** Handles with DIRECT_IO can be mapped: coherent reads and shared mappings on one handle. */
  public static final long DIRECT_IO_ALLOW_MMAP = 1L << 36;

  /** Data pass the daemon by. Never together with WRITEBACK_CACHE. */
  public static final long PASSTHROUGH = 1L << 37;

  private InitFlags() {}
}
