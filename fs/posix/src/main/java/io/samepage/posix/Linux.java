package io.samepage.posix;

/**
 * Constants of the kernel's interface, by their names in the headers (fcntl.h, sys/stat.h,
 * linux/stat.h, linux/mount.h, linux/openat2.h, sys/mount.h, linux/fs.h).
 */
public final class Linux {
  private static final boolean ARM64 = System.getProperty("os.arch", "").equals("aarch64");

  public static final int O_RDONLY = 0;
  public static final int O_WRONLY = 1;
  public static final int O_RDWR = 2;
  public static final int O_ACCMODE = 3;
  public static final int O_CREAT = 0x40;
  public static final int O_EXCL = 0x80;
  public static final int O_NOCTTY = 0x100;
  public static final int O_TRUNC = 0x200;
  public static final int O_APPEND = 0x400;
  public static final int O_NONBLOCK = 0x800;
  public static final int O_DSYNC = 0x1000;
  public static final int O_DIRECT = ARM64 ? 0x10000 : 0x4000;
  public static final int O_LARGEFILE = ARM64 ? 0x20000 : 0x8000;
  public static final int O_DIRECTORY = ARM64 ? 0x4000 : 0x10000;
  public static final int O_NOFOLLOW = ARM64 ? 0x8000 : 0x20000;
  public static final int O_NOATIME = 0x40000;
  public static final int O_CLOEXEC = 0x80000;
  public static final int O_SYNC = 0x101000;
  public static final int O_PATH = 0x200000;
  public static final int O_TMPFILE = 0x400000 | O_DIRECTORY;

  /** Open for exec, in the flags of FUSE_OPEN (include/linux/fs.h, __FMODE_EXEC). */
  public static final int FMODE_EXEC = 0x20;

  public static final int AT_FDCWD = -100;
  public static final int AT_SYMLINK_NOFOLLOW = 0x100;
  public static final int AT_REMOVEDIR = 0x200;
  public static final int AT_SYMLINK_FOLLOW = 0x400;
  public static final int AT_NO_AUTOMOUNT = 0x800;
  public static final int AT_EMPTY_PATH = 0x1000;
  public static final int AT_STATX_DONT_SYNC = 0x4000;
  public static final int AT_RECURSIVE = 0x8000;

  public static final int S_IFMT = 0xf000;
  public static final int S_IFSOCK = 0xc000;
  public static final int S_IFLNK = 0xa000;
  public static final int S_IFREG = 0x8000;
  public static final int S_IFBLK = 0x6000;
  public static final int S_IFDIR = 0x4000;
  public static final int S_IFCHR = 0x2000;
  public static final int S_IFIFO = 0x1000;
  public static final int S_ISUID = 0x800;
  public static final int S_ISGID = 0x400;
  public static final int S_ISVTX = 0x200;
  public static final int S_IXGRP = 8;

  public static final int STATX_BASIC_STATS = 0x7ff;
  public static final int STATX_BTIME = 0x800;
  public static final int STATX_MNT_ID = 0x1000;
  public static final int STATX_DIOALIGN = 0x2000;
  public static final int STATX_MNT_ID_UNIQUE = 0x4000;

  /** In {@link Stat#attributes}: the root of a mount. */
  public static final long STATX_ATTR_IMMUTABLE = 0x10;

  public static final long STATX_ATTR_APPEND = 0x20;
  public static final long STATX_ATTR_MOUNT_ROOT = 0x2000;

  public static final int RENAME_NOREPLACE = 1;
  public static final int RENAME_EXCHANGE = 2;
  public static final int RENAME_WHITEOUT = 4;

  public static final long RESOLVE_NO_XDEV = 1;
  public static final long RESOLVE_NO_MAGICLINKS = 2;
  public static final long RESOLVE_NO_SYMLINKS = 4;
  public static final long RESOLVE_BENEATH = 8;

  public static final int XATTR_CREATE = 1;
  public static final int XATTR_REPLACE = 2;

  public static final int SEEK_SET = 0;
  public static final int SEEK_CUR = 1;
  public static final int SEEK_END = 2;
  public static final int SEEK_DATA = 3;
  public static final int SEEK_HOLE = 4;

  public static final int FALLOC_FL_KEEP_SIZE = 1;
  public static final int FALLOC_FL_PUNCH_HOLE = 2;

  public static final long MS_RDONLY = 1;
  public static final long MS_NOSUID = 2;
  public static final long MS_NODEV = 4;
  public static final long MS_NOEXEC = 8;
  public static final long MS_SYNCHRONOUS = 16;
  public static final long MS_DIRSYNC = 128;
  public static final long MS_NOSYMFOLLOW = 256;
  public static final long MS_NOATIME = 1024;
  public static final long MS_NODIRATIME = 2048;
  public static final long MS_BIND = 4096;
  public static final long MS_REC = 16384;
  public static final long MS_PRIVATE = 1 << 18;
  public static final long MS_RELATIME = 1 << 21;
  public static final long MS_STRICTATIME = 1 << 24;
  public static final long MS_LAZYTIME = 1 << 25;
  public static final int MNT_FORCE = 1;
  public static final int MNT_DETACH = 2;
  public static final int UMOUNT_NOFOLLOW = 8;

  public static final long MOUNT_ATTR_RDONLY = 1;
  public static final long MOUNT_ATTR_NOSUID = 2;
  public static final long MOUNT_ATTR_NODEV = 4;
  public static final long MOUNT_ATTR_NOEXEC = 8;
  public static final long MOUNT_ATTR_NOATIME = 0x10;

  /** All settings of access times. */
  public static final long MOUNT_ATTR__ATIME = 0x70;

  public static final int OPEN_TREE_CLONE = 1;

  public static final int CLONE_FS = 0x200;
  public static final int CLONE_NEWNS = 0x20000;

  public static final int UTIME_NOW = (1 << 30) - 1;
  public static final int UTIME_OMIT = (1 << 30) - 2;

  /** Clone all data of a file into another: ioctl FICLONE. */
  public static final long FICLONE = 0x40049409L;

  public static final long FS_IOC_GETFLAGS = 0x80086601L;
  public static final long FS_IOC_SETFLAGS = 0x40086602L;
  public static final long FS_IOC_FSGETXATTR = 0x801c581fL;
  public static final long FS_IOC_FSSETXATTR = 0x401c5820L;

  /** The UUID of a file system (linux/fs.h, struct fsuuid2: a length byte and 16 bytes). */
  public static final int FS_IMMUTABLE_FL = 0x10;

  public static final int FS_APPEND_FL = 0x20;
  public static final int FS_XFLAG_IMMUTABLE = 0x8;
  public static final int FS_XFLAG_APPEND = 0x10;
  public static final long FS_IOC_GETFSUUID = 0x80111500L;

  public static final int DT_UNKNOWN = 0;
  public static final int DT_FIFO = 1;
  public static final int DT_CHR = 2;
  public static final int DT_DIR = 4;
  public static final int DT_BLK = 6;
  public static final int DT_REG = 8;
  public static final int DT_LNK = 10;
  public static final int DT_SOCK = 12;

  public static final int POLLIN = 1;
  public static final int POLLERR = 8;

  static final boolean IS_ARM64 = ARM64;

  private Linux() {}
}
