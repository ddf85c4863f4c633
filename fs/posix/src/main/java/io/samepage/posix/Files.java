package io.samepage.posix;

import static io.samepage.posix.LibC.C;

import java.nio.ByteBuffer;

/**
 * Calls on files, by descriptor or by a name in a directory that is given by descriptor. A {@code
 * dirfd} may be AT_FDCWD where that is wanted; an empty name together with AT_EMPTY_PATH means the
 * descriptor itself.
 */
public final class Files {
  /** Where stx_mnt_id is. */
  private static final int STATX_MNT_ID_AT = 144;

  private static final int STATX_MASK = Linux.STATX_BASIC_STATS | Linux.STATX_BTIME;
  private static final byte[] EMPTY = {};
  private static final int F_RDLCK = 0;
  private static final int F_UNLCK = 2;
  private static final int F_SETSIG = 10;
  private static final int F_SETLEASE = 1024;
  private static final int SIGURG = 23;
  private static final long SYS_OPENAT2 = 437;
  private static final long SYS_FCHMODAT2 = 452;

  /** Whether the kernel has no fchmodat2(2); tests set it to have what is done then. */
  static volatile boolean noFchmodat2;

  private Files() {}

  static int check(int result) throws ErrnoException {
    if (result < 0) {
      throw ErrnoException.of(LibC.errno());
    }
    return result;
  }

  static long check(long result) throws ErrnoException {
    if (result < 0) {
      throw ErrnoException.of(LibC.errno());
    }
    return result;
  }

  /** openat(2), always with O_CLOEXEC and O_NOCTTY. Retries what a signal interrupted. */
  public static int open(int dirfd, byte[] name, int flags, int mode) throws ErrnoException {
    int fd = tryOpen(dirfd, name, flags, mode);
    if (fd < 0) {
      throw ErrnoException.of(-fd);
    }
    return fd;
  }

  /** Like {@link #open}, but returns −errno where it fails. */
  public static int tryOpen(int dirfd, byte[] name, int flags, int mode) throws ErrnoException {
    long path = Scratch.current().first(name);
    while (true) {
      int fd = C.openat(dirfd, path, flags | Linux.O_CLOEXEC | Linux.O_NOCTTY, mode);
      if (fd >= 0) {
        return fd;
      }
      int errno = LibC.errno();
      if (errno != Errno.EINTR) {
        return -errno;
      }
    }
  }

  /** Opens what an O_PATH descriptor stands for, through /proc/self/fd. */
  public static int reopen(int fd, int flags) throws ErrnoException {
    long path = Scratch.current().procPath(fd, EMPTY);
    return check(C.openat(Linux.AT_FDCWD, path, flags | Linux.O_CLOEXEC | Linux.O_NOCTTY, 0));
  }

  /**
   * openat2(2) of a path with several components.
   *
   * @param resolve RESOLVE_* bits
   */
  public static int openBeneath(int dirfd, byte[] path, int flags, long resolve)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    ByteBuffer b = scratch.bytes();
    int at = scratch.structAt();
    b.putLong(at, (flags | Linux.O_CLOEXEC) & 0xffffffffL);
    b.putLong(at + 8, 0);
    b.putLong(at + 16, resolve);
    return (int) check(C.syscall(SYS_OPENAT2, dirfd, scratch.first(path), scratch.struct(), 24, 0));
  }

  public static void close(int fd) {
    C.close(fd);
  }

  /** statx(2) with AT_SYMLINK_NOFOLLOW. */
  public static void stat(int dirfd, byte[] name, Stat stat) throws ErrnoException {
    int errno = tryStat(dirfd, name, stat);
    if (errno != 0) {
      throw ErrnoException.of(errno);
    }
  }

  /** Like {@link #stat(int, byte[], Stat)}, but returns the errno, or 0. */
  public static int tryStat(int dirfd, byte[] name, Stat stat) throws ErrnoException {
    Scratch scratch = Scratch.current();
    int flags = Linux.AT_SYMLINK_NOFOLLOW | Linux.AT_NO_AUTOMOUNT;
    if (name.length == 0) {
      flags |= Linux.AT_EMPTY_PATH;
    }
    if (C.statx(dirfd, scratch.first(name), flags, STATX_MASK, scratch.struct()) < 0) {
      return LibC.errno();
    }
    stat.read(scratch.bytes(), scratch.structAt());
    return 0;
  }

  /** statx(2) of a descriptor, O_PATH ones as well. */
  public static void stat(int fd, Stat stat) throws ErrnoException {
    stat(fd, EMPTY, stat);
  }

  /**
   * What the offset and the length of direct I/O on a file must be multiples of; 1 if its file
   * system does not say (Linux before 6.1) or does not care.
   */
  public static int directAlignment(int fd) throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(
        C.statx(fd, scratch.empty(), Linux.AT_EMPTY_PATH, Linux.STATX_DIOALIGN, scratch.struct()));
    ByteBuffer b = scratch.bytes();
    int at = scratch.structAt();
    boolean known = (b.getInt(at) & Linux.STATX_DIOALIGN) != 0;
    return known ? Math.max(1, b.getInt(at + 156)) : 1;
  }

  /** statx(2) of a path that is followed, with the mount's ID. */
  public static void statFollow(byte[] path, Stat stat) throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(
        C.statx(
            Linux.AT_FDCWD,
            scratch.first(path),
            0,
            STATX_MASK | Linux.STATX_MNT_ID,
            scratch.struct()));
    stat.read(scratch.bytes(), scratch.structAt());
  }

  /**
   * The ID of the mount that a path leads to, which no other mount ever gets while the system runs
   * (statx(2), STATX_MNT_ID_UNIQUE). The file system is asked nothing.
   *
   * @return 0 if the kernel has none (before Linux 6.8)
   */
  public static long uniqueMountId(byte[] path) throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(
        C.statx(
            Linux.AT_FDCWD,
            scratch.first(path),
            Linux.AT_STATX_DONT_SYNC | Linux.AT_SYMLINK_NOFOLLOW | Linux.AT_NO_AUTOMOUNT,
            Linux.STATX_MNT_ID_UNIQUE,
            scratch.struct()));
    ByteBuffer b = scratch.bytes();
    int at = scratch.structAt();
    boolean known = (b.getInt(at) & Linux.STATX_MNT_ID_UNIQUE) != 0;
    return known ? b.getLong(at + STATX_MNT_ID_AT) : 0;
  }

  public static void mkdir(int dirfd, byte[] name, int mode) throws ErrnoException {
    check(C.mkdirat(dirfd, Scratch.current().first(name), mode));
  }

  /**
   * mknodat(2).
   *
   * @param rdev in the encoding of {@link Stat#rdev()}
   */
  public static void mknod(int dirfd, byte[] name, int mode, int rdev) throws ErrnoException {
    // glibc's dev_t differs from the kernel's 32-bit encoding in minors above 255 only by shifts.
    long major = (rdev & 0xfff00L) >>> 8;
    long minor = (rdev & 0xffL) | ((rdev >>> 12) & 0xfff00L);
    long device = (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12);
    check(C.mknodat(dirfd, Scratch.current().first(name), mode, device));
  }

  public static void symlink(byte[] target, int dirfd, byte[] name) throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(C.symlinkat(scratch.first(target), dirfd, scratch.second(name)));
  }

  /** linkat(2) of a name, which is not followed. */
  public static void link(int dirfd, byte[] name, int newDirfd, byte[] newName)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(C.linkat(dirfd, scratch.first(name), newDirfd, scratch.second(newName), 0));
  }

  /** Gives the file behind a descriptor a name. */
  public static void link(int fd, int newDirfd, byte[] newName) throws ErrnoException {
    Scratch scratch = Scratch.current();
    long second = scratch.second(newName);
    long path = scratch.procPath(fd, EMPTY);
    check(C.linkat(Linux.AT_FDCWD, path, newDirfd, second, Linux.AT_SYMLINK_FOLLOW));
  }

  public static void unlink(int dirfd, byte[] name) throws ErrnoException {
    check(C.unlinkat(dirfd, Scratch.current().first(name), 0));
  }

  public static void rmdir(int dirfd, byte[] name) throws ErrnoException {
    check(C.unlinkat(dirfd, Scratch.current().first(name), Linux.AT_REMOVEDIR));
  }

  /** renameat2(2). */
  public static void rename(int dirfd, byte[] name, int newDirfd, byte[] newName, int flags)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(C.renameat2(dirfd, scratch.first(name), newDirfd, scratch.second(newName), flags));
  }

  /** readlinkat(2); an empty name means the O_PATH descriptor itself. */
  public static byte[] readlink(int dirfd, byte[] name) throws ErrnoException {
    Scratch scratch = Scratch.current();
    long length =
        check(C.readlinkat(dirfd, scratch.first(name), scratch.value(), Scratch.VALUE_ROOM));
    return scratch.value((int) length);
  }

  /** fchownat(2) of the name itself; −1 leaves an ID as it is. */
  public static void chown(int dirfd, byte[] name, int uid, int gid) throws ErrnoException {
    int flags = Linux.AT_SYMLINK_NOFOLLOW | (name.length == 0 ? Linux.AT_EMPTY_PATH : 0);
    check(C.fchownat(dirfd, Scratch.current().first(name), uid, gid, flags));
  }

  /** Changes the mode of what a descriptor stands for; O_PATH descriptors are taken as well. */
  public static void chmod(int fd, int mode) throws ErrnoException {
    if (!tryFchmodat2(fd, EMPTY, mode, Linux.AT_EMPTY_PATH)) {
      check(C.chmod(Scratch.current().procPath(fd, EMPTY), mode & 07777));
    }
  }

  /**
   * Changes the mode of what a name, or the descriptor if the name is empty, stands for; EOPNOTSUPP
   * if that is a symbolic link.
   */
  public static void chmod(int dirfd, byte[] name, int mode) throws ErrnoException {
    if (name.length == 0) {
      chmod(dirfd, mode);
    } else if (!tryFchmodat2(dirfd, name, mode, Linux.AT_SYMLINK_NOFOLLOW)) {
      int fd = open(dirfd, name, Linux.O_PATH | Linux.O_NOFOLLOW, 0);
      try {
        chmod(fd, mode);
      } finally {
        close(fd);
      }
    }
  }

  /** False if the kernel has no fchmodat2(2). */
  private static boolean tryFchmodat2(int dirfd, byte[] name, int mode, int flags)
      throws ErrnoException {
    if (noFchmodat2) {
      return false;
    }
    long path = Scratch.current().first(name);
    if (C.syscall(SYS_FCHMODAT2, dirfd, path, mode & 07777, flags, 0) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.ENOSYS) {
        throw ErrnoException.of(errno);
      }
      noFchmodat2 = true; // before Linux 6.6
    }
    return !noFchmodat2;
  }

  /**
   * utimensat(2) of the name itself, or of the descriptor if the name is empty. Nanoseconds may be
   * UTIME_NOW or UTIME_OMIT.
   */
  public static void utimens(
      int dirfd,
      byte[] name,
      long atimeSeconds,
      long atimeNanos,
      long mtimeSeconds,
      long mtimeNanos)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    ByteBuffer b = scratch.bytes();
    int at = scratch.structAt();
    b.putLong(at, atimeSeconds);
    b.putLong(at + 8, atimeNanos);
    b.putLong(at + 16, mtimeSeconds);
    b.putLong(at + 24, mtimeNanos);
    int flags = Linux.AT_SYMLINK_NOFOLLOW | (name.length == 0 ? Linux.AT_EMPTY_PATH : 0);
    check(C.utimensat(dirfd, scratch.first(name), scratch.struct(), flags));
  }

  /** ftruncate(2), of a descriptor that can write. */
  public static void truncate(int fd, long length) throws ErrnoException {
    check(C.ftruncate(fd, length));
  }

  /**
   * truncate(2) of what a descriptor stands for; O_PATH descriptors are taken as well. Unlike
   * {@link #truncate}, it may leave the times of a file alone whose size stays what it is.
   */
  public static void truncateByPath(int fd, long length) throws ErrnoException {
    check(C.truncate(Scratch.current().procPath(fd, EMPTY), length));
  }

  public static void fallocate(int fd, int mode, long offset, long length) throws ErrnoException {
    while (C.fallocate(fd, mode, offset, length) < 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINTR) {
        throw ErrnoException.of(errno);
      }
    }
  }

  public static long seek(int fd, long offset, int whence) throws ErrnoException {
    return check(C.lseek(fd, offset, whence));
  }

  public static void fsync(int fd) throws ErrnoException {
    check(C.fsync(fd));
  }

  public static void fdatasync(int fd) throws ErrnoException {
    check(C.fdatasync(fd));
  }

  /** syncfs(2) of the file system that holds the file. */
  public static void syncfs(int fd) throws ErrnoException {
    check(C.syncfs(fd));
  }

  /** pread(2); may return fewer bytes than asked for. */
  public static int pread(int fd, long address, int size, long offset) throws ErrnoException {
    return (int) check(C.pread(fd, address, size, offset));
  }

  /** pwrite(2); may write fewer bytes than asked for. */
  public static int pwrite(int fd, long address, int size, long offset) throws ErrnoException {
    return (int) check(C.pwrite(fd, address, size, offset));
  }

  /** read(2), −errno where it fails. */
  public static int tryRead(int fd, long address, int size) {
    long result = C.read(fd, address, size);
    return result < 0 ? -LibC.errno() : (int) result;
  }

  /** write(2), −errno where it fails. */
  public static int tryWrite(int fd, long address, int size) {
    long result = C.write(fd, address, size);
    return result < 0 ? -LibC.errno() : (int) result;
  }

  /**
   * Writes what {@code count} structures {@code iovec} at an address name, in one call; what was
   * written, or −errno.
   */
  public static int tryWritev(int fd, long vector, int count) {
    int written = (int) LibC.C.writev(fd, vector, count);
    return written < 0 ? -LibC.errno() : written;
  }

  /** copy_file_range(2) at given offsets; may copy less than asked for. */
  public static long copyRange(int in, long offsetIn, int out, long offsetOut, long length)
      throws ErrnoException {
    Scratch scratch = Scratch.current();
    ByteBuffer b = scratch.bytes();
    b.putLong(scratch.structAt(), offsetIn);
    b.putLong(scratch.structAt() + 8, offsetOut);
    return check(C.copy_file_range(in, scratch.struct(), out, scratch.struct() + 8, length, 0));
  }

  /**
   * ioctl FICLONE: {@code out} shares all data of {@code in}. Returns whether that was possible.
   */
  public static boolean tryClone(int in, int out) {
    return C.ioctl(out, Linux.FICLONE, in) == 0;
  }

  /** fstatfs(2). */
  public static void statfs(int fd, StatFs statfs) throws ErrnoException {
    Scratch scratch = Scratch.current();
    check(C.fstatfs(fd, scratch.struct()));
    statfs.read(scratch.bytes(), scratch.structAt());
  }

  /**
   * An ioctl whose argument is a buffer of at most 64 KiB that is read and written in place.
   *
   * @return what the call returned
   */
  public static int ioctl(int fd, long request, byte[] argument) throws ErrnoException {
    Scratch scratch = Scratch.current();
    long address = scratch.value(argument);
    int result = check(C.ioctl(fd, request, address));
    scratch.bytes().get(scratch.valueAt(), argument);
    return result;
  }

  /** An ioctl with a number or an address for argument. */
  public static int ioctl(int fd, long request, long argument) throws ErrnoException {
    return check(C.ioctl(fd, request, argument));
  }

  public static int dup(int fd) throws ErrnoException {
    return check(C.dup(fd));
  }

  public static void dup2(int from, int to) throws ErrnoException {
    check(C.dup2(from, to));
  }

  /** flock(2) with LOCK_EX | LOCK_NB; returns whether the lock was got. */
  public static boolean tryLockExclusively(int fd) throws ErrnoException {
    if (C.flock(fd, 2 | 4) == 0) {
      return true;
    }
    int errno = LibC.errno();
    if (errno == Errno.EAGAIN) {
      return false;
    }
    throw ErrnoException.of(errno);
  }

  /** flock(2) with LOCK_EX; waits, whatever signals come. */
  public static void lockExclusively(int fd) throws ErrnoException {
    lock(fd, 2);
  }

  /**
   * flock(2) with LOCK_SH; waits, whatever signals come. An exclusive lock becomes a shared one.
   */
  public static void lockShared(int fd) throws ErrnoException {
    lock(fd, 1);
  }

  private static void lock(int fd, int operation) throws ErrnoException {
    while (C.flock(fd, operation) != 0) {
      int errno = LibC.errno();
      if (errno != Errno.EINTR) {
        throw ErrnoException.of(errno);
      }
    }
  }

  /**
   * Whether anybody has a file open for writing, or mapped so, this moment. Stores through a
   * mapping change the times of a file only when they are the first ones to a page since that was
   * written to the disk (page_mkwrite), so that nobody can see of such a file whether it changes.
   *
   * <p>It is found out by a read lease (fs/locks.c), which is granted only where there is nobody,
   * and is taken back at once. Who opens the file for writing in between waits for that.
   *
   * @param fd for reading; of an open file that has no lease
   * @return false also where that cannot be told: this user may have no leases of the file, or its
   *     file system has none
   */
  public static boolean isOpenForWriting(int fd) {
    // Who opens it for writing in between causes a signal: SIGIO, which would end this process,
    // unless another one is asked for. This one is ignored.
    if (C.fcntl(fd, F_SETSIG, SIGURG) != 0) {
      return false;
    }
    if (C.fcntl(fd, F_SETLEASE, F_RDLCK) != 0) {
      return LibC.errno() == Errno.EAGAIN;
    }
    C.fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
  }

  /** posix_fadvise(2) with POSIX_FADV_DONTNEED. */
  public static void dropCache(int fd, long offset, long length) {
    C.posix_fadvise(fd, offset, length, 4);
  }

  /**
   * posix_fadvise(2) with POSIX_FADV_RANDOM: reads through this open file bring into memory what
   * was asked for, and nothing after it. For all descriptors of the same open file.
   */
  public static void adviseRandom(int fd) {
    C.posix_fadvise(fd, 0, 0, 1);
  }
}
