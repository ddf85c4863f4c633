package io.samepage.posix;

import com.kenai.jffi.CallContext;
import com.kenai.jffi.HeapInvocationBuffer;
import com.kenai.jffi.Invoker;
import com.kenai.jffi.LastError;
import com.kenai.jffi.Library;

/**
 * The door to the C library: its functions, looked up once. Only 64-bit Linux is supported.
 *
 * <p>They are called through jffi, the core of jnr-ffi, by hand-written stubs. Those that jnr-ffi
 * would generate are no faster, and to generate them takes more than half of the time in which a
 * mount is to stand.
 */
final class LibC {
  static final Functions C = new Functions();

  private static final LastError LAST_ERROR = LastError.getInstance();

  private LibC() {}

  /** The errno of the calling thread's last failed call. */
  static int errno() {
    return LAST_ERROR.get();
  }

  /**
   * The functions, by their names. Every argument travels as a C long, in a register of its own, on
   * x86-64 and arm64 alike, also where a function takes any number of them; of a result that is a C
   * int the upper half is cut off.
   */
  @SuppressWarnings("MethodName") // the names are C's
  static final class Functions {
    private static final Invoker CALL = Invoker.getInstance();
    private static final Library LIBRARY = open();

    private static final CallContext NONE = SharedLibrary.longs(0, true);
    private static final CallContext ONE = SharedLibrary.longs(1, true);
    private static final CallContext TWO = SharedLibrary.longs(2, true);
    private static final CallContext THREE = SharedLibrary.longs(3, true);
    private static final CallContext FOUR = SharedLibrary.longs(4, true);
    private static final CallContext FIVE = SharedLibrary.longs(5, true);
    private static final CallContext SIX = SharedLibrary.longs(6, true);
    private static final CallContext SEVEN = SharedLibrary.longs(7, true);

    private static final long OPENAT = find("openat");
    private static final long CLOSE = find("close");
    private static final long READ = find("read");
    private static final long WRITE = find("write");
    private static final long WRITEV = find("writev");
    private static final long PREAD = find("pread");
    private static final long PWRITE = find("pwrite");
    private static final long STATX = find("statx");
    private static final long MKDIRAT = find("mkdirat");
    private static final long MKNODAT = find("mknodat");
    private static final long SYMLINKAT = find("symlinkat");
    private static final long LINKAT = find("linkat");
    private static final long UNLINKAT = find("unlinkat");
    private static final long RENAMEAT2 = find("renameat2");
    private static final long READLINKAT = find("readlinkat");
    private static final long FCHOWNAT = find("fchownat");
    private static final long FCHMOD = find("fchmod");
    private static final long CHMOD = find("chmod");
    private static final long UTIMENSAT = find("utimensat");
    private static final long FTRUNCATE = find("ftruncate");
    private static final long TRUNCATE = find("truncate");
    private static final long FALLOCATE = find("fallocate");
    private static final long LSEEK = find("lseek");
    private static final long FSYNC = find("fsync");
    private static final long FDATASYNC = find("fdatasync");
    private static final long SYNCFS = find("syncfs");
    private static final long COPY_FILE_RANGE = find("copy_file_range");
    private static final long PIPE2 = find("pipe2");
    private static final long SPLICE = find("splice");
    private static final long VMSPLICE = find("vmsplice");
    private static final long FCNTL = find("fcntl");
    private static final long FSTATFS = find("fstatfs");
    private static final long FGETXATTR = find("fgetxattr");
    private static final long FSETXATTR = find("fsetxattr");
    private static final long GETXATTR = find("getxattr");
    private static final long LGETXATTR = find("lgetxattr");
    private static final long SETXATTR = find("setxattr");
    private static final long LSETXATTR = find("lsetxattr");
    private static final long LISTXATTR = find("listxattr");
    private static final long LLISTXATTR = find("llistxattr");
    private static final long REMOVEXATTR = find("removexattr");
    private static final long LREMOVEXATTR = find("lremovexattr");
    private static final long IOCTL = find("ioctl");
    private static final long MOUNT = find("mount");
    private static final long UMOUNT2 = find("umount2");
    private static final long NAME_TO_HANDLE_AT = find("name_to_handle_at");
    private static final long OPEN_BY_HANDLE_AT = find("open_by_handle_at");
    private static final long SETFSUID = find("setfsuid");
    private static final long SETFSGID = find("setfsgid");
    private static final long UMASK = find("umask");
    private static final long UNSHARE = find("unshare");
    private static final long GETUID = find("getuid");
    private static final long GETEUID = find("geteuid");
    private static final long GETEGID = find("getegid");
    private static final long DUP = find("dup");
    private static final long DUP2 = find("dup2");
    private static final long KILL = find("kill");
    private static final long FLOCK = find("flock");
    private static final long POLL = find("poll");
    private static final long POSIX_FADVISE = find("posix_fadvise");
    private static final long GETRLIMIT = find("getrlimit");
    private static final long FCHDIR = find("fchdir");
    private static final long MADVISE = find("madvise");
    private static final long MMAP = find("mmap");
    private static final long MUNMAP = find("munmap");
    private static final long MINCORE = find("mincore");
    private static final long GETPAGESIZE = find("getpagesize");
    private static final long SYSCALL = find("syscall");

    private Functions() {}

    private static Library open() {
      Library library = Library.openLibrary("libc.so.6", Library.LAZY | Library.GLOBAL);
      if (library == null) {
        throw new UnsatisfiedLinkError(
            "the C library cannot be opened (" + Library.getLastError() + ")");
      }
      return library;
    }

    private static long find(String name) {
      long address = LIBRARY.getSymbolAddress(name);
      if (address == 0) {
        throw new UnsatisfiedLinkError(
            "the C library has no " + name + ": samepage needs glibc 2.28 or newer, or the like");
      }
      return address;
    }

    int openat(int dirfd, long path, int flags, int mode) {
      return (int) CALL.invokeN4(FOUR, OPENAT, dirfd, path, flags, mode);
    }

    int close(int fd) {
      return (int) CALL.invokeN1(ONE, CLOSE, fd);
    }

    long read(int fd, long address, long size) {
      return CALL.invokeN3(THREE, READ, fd, address, size);
    }

    long write(int fd, long address, long size) {
      return CALL.invokeN3(THREE, WRITE, fd, address, size);
    }

    long writev(int fd, long vector, int count) {
      return CALL.invokeN3(THREE, WRITEV, fd, vector, count);
    }

    long pread(int fd, long address, long size, long offset) {
      return CALL.invokeN4(FOUR, PREAD, fd, address, size, offset);
    }

    long pwrite(int fd, long address, long size, long offset) {
      return CALL.invokeN4(FOUR, PWRITE, fd, address, size, offset);
    }

    int statx(int dirfd, long path, int flags, int mask, long buffer) {
      return (int) CALL.invokeN5(FIVE, STATX, dirfd, path, flags, mask, buffer);
    }

    int mkdirat(int dirfd, long path, int mode) {
      return (int) CALL.invokeN3(THREE, MKDIRAT, dirfd, path, mode);
    }

    int mknodat(int dirfd, long path, int mode, long device) {
      return (int) CALL.invokeN4(FOUR, MKNODAT, dirfd, path, mode, device);
    }

    int symlinkat(long target, int dirfd, long path) {
      return (int) CALL.invokeN3(THREE, SYMLINKAT, target, dirfd, path);
    }

    int linkat(int olddirfd, long oldpath, int newdirfd, long newpath, int flags) {
      return (int) CALL.invokeN5(FIVE, LINKAT, olddirfd, oldpath, newdirfd, newpath, flags);
    }

    int unlinkat(int dirfd, long path, int flags) {
      return (int) CALL.invokeN3(THREE, UNLINKAT, dirfd, path, flags);
    }

    int renameat2(int olddirfd, long oldpath, int newdirfd, long newpath, int flags) {
      return (int) CALL.invokeN5(FIVE, RENAMEAT2, olddirfd, oldpath, newdirfd, newpath, flags);
    }

    long readlinkat(int dirfd, long path, long buffer, long size) {
      return CALL.invokeN4(FOUR, READLINKAT, dirfd, path, buffer, size);
    }

    int fchownat(int dirfd, long path, int uid, int gid, int flags) {
      return (int) CALL.invokeN5(FIVE, FCHOWNAT, dirfd, path, uid, gid, flags);
    }

    int fchmod(int fd, int mode) {
      return (int) CALL.invokeN2(TWO, FCHMOD, fd, mode);
    }

    int chmod(long path, int mode) {
      return (int) CALL.invokeN2(TWO, CHMOD, path, mode);
    }

    int utimensat(int dirfd, long path, long times, int flags) {
      return (int) CALL.invokeN4(FOUR, UTIMENSAT, dirfd, path, times, flags);
    }

    int ftruncate(int fd, long length) {
      return (int) CALL.invokeN2(TWO, FTRUNCATE, fd, length);
    }

    int truncate(long path, long length) {
      return (int) CALL.invokeN2(TWO, TRUNCATE, path, length);
    }

    int fallocate(int fd, int mode, long offset, long length) {
      return (int) CALL.invokeN4(FOUR, FALLOCATE, fd, mode, offset, length);
    }

    long lseek(int fd, long offset, int whence) {
      return CALL.invokeN3(THREE, LSEEK, fd, offset, whence);
    }

    int fsync(int fd) {
      return (int) CALL.invokeN1(ONE, FSYNC, fd);
    }

    int fdatasync(int fd) {
      return (int) CALL.invokeN1(ONE, FDATASYNC, fd);
    }

    int syncfs(int fd) {
      return (int) CALL.invokeN1(ONE, SYNCFS, fd);
    }

    long copy_file_range(
        int in, long offsetInAddress, int out, long offsetOutAddress, long size, int flags) {
      return CALL.invokeN6(
          SIX, COPY_FILE_RANGE, in, offsetInAddress, out, offsetOutAddress, size, flags);
    }

    int pipe2(long descriptors, int flags) {
      return (int) CALL.invokeN2(TWO, PIPE2, descriptors, flags);
    }

    long splice(int in, long offsetInAddress, int out, long size, int flags) {
      return CALL.invokeN6(SIX, SPLICE, in, offsetInAddress, out, 0, size, flags);
    }

    long vmsplice(int fd, long vectors, long count, int flags) {
      return CALL.invokeN4(FOUR, VMSPLICE, fd, vectors, count, flags);
    }

    int fcntl(int fd, int command, long argument) {
      return (int) CALL.invokeN3(THREE, FCNTL, fd, command, argument);
    }

    int fstatfs(int fd, long buffer) {
      return (int) CALL.invokeN2(TWO, FSTATFS, fd, buffer);
    }

    long fgetxattr(int fd, long name, long value, long size) {
      return CALL.invokeN4(FOUR, FGETXATTR, fd, name, value, size);
    }

    int fsetxattr(int fd, long name, long value, long size, int flags) {
      return (int) CALL.invokeN5(FIVE, FSETXATTR, fd, name, value, size, flags);
    }

    long getxattr(long path, long name, long value, long size) {
      return CALL.invokeN4(FOUR, GETXATTR, path, name, value, size);
    }

    long lgetxattr(long path, long name, long value, long size) {
      return CALL.invokeN4(FOUR, LGETXATTR, path, name, value, size);
    }

    int setxattr(long path, long name, long value, long size, int flags) {
      return (int) CALL.invokeN5(FIVE, SETXATTR, path, name, value, size, flags);
    }

    int lsetxattr(long path, long name, long value, long size, int flags) {
      return (int) CALL.invokeN5(FIVE, LSETXATTR, path, name, value, size, flags);
    }

    long listxattr(long path, long list, long size) {
      return CALL.invokeN3(THREE, LISTXATTR, path, list, size);
    }

    long llistxattr(long path, long list, long size) {
      return CALL.invokeN3(THREE, LLISTXATTR, path, list, size);
    }

    int removexattr(long path, long name) {
      return (int) CALL.invokeN2(TWO, REMOVEXATTR, path, name);
    }

    int lremovexattr(long path, long name) {
      return (int) CALL.invokeN2(TWO, LREMOVEXATTR, path, name);
    }

    int ioctl(int fd, long request, long argument) {
      return (int) CALL.invokeN3(THREE, IOCTL, fd, request, argument);
    }

    int mount(long source, long target, long type, long flags, long data) {
      return (int) CALL.invokeN5(FIVE, MOUNT, source, target, type, flags, data);
    }

    int umount2(long target, int flags) {
      return (int) CALL.invokeN2(TWO, UMOUNT2, target, flags);
    }

    int name_to_handle_at(int dirfd, long path, long handle, long mountId, int flags) {
      return (int) CALL.invokeN5(FIVE, NAME_TO_HANDLE_AT, dirfd, path, handle, mountId, flags);
    }

    int open_by_handle_at(int mountFd, long handle, int flags) {
      return (int) CALL.invokeN3(THREE, OPEN_BY_HANDLE_AT, mountFd, handle, flags);
    }

    int setfsuid(int uid) {
      return (int) CALL.invokeN1(ONE, SETFSUID, uid);
    }

    int setfsgid(int gid) {
      return (int) CALL.invokeN1(ONE, SETFSGID, gid);
    }

    int umask(int mask) {
      return (int) CALL.invokeN1(ONE, UMASK, mask);
    }

    int unshare(int flags) {
      return (int) CALL.invokeN1(ONE, UNSHARE, flags);
    }

    int getuid() {
      return (int) CALL.invokeN0(NONE, GETUID);
    }

    int geteuid() {
      return (int) CALL.invokeN0(NONE, GETEUID);
    }

    int getegid() {
      return (int) CALL.invokeN0(NONE, GETEGID);
    }

    int dup(int fd) {
      return (int) CALL.invokeN1(ONE, DUP, fd);
    }

    int dup2(int from, int to) {
      return (int) CALL.invokeN2(TWO, DUP2, from, to);
    }

    int kill(int pid, int signal) {
      return (int) CALL.invokeN2(TWO, KILL, pid, signal);
    }

    int flock(int fd, int operation) {
      return (int) CALL.invokeN2(TWO, FLOCK, fd, operation);
    }

    int poll(long fds, long count, int timeout) {
      return (int) CALL.invokeN3(THREE, POLL, fds, count, timeout);
    }

    int posix_fadvise(int fd, long offset, long length, int advice) {
      return (int) CALL.invokeN4(FOUR, POSIX_FADVISE, fd, offset, length, advice);
    }

    int getrlimit(int resource, long limit) {
      return (int) CALL.invokeN2(TWO, GETRLIMIT, resource, limit);
    }

    int fchdir(int fd) {
      return (int) CALL.invokeN1(ONE, FCHDIR, fd);
    }

    int madvise(long address, long length, int advice) {
      return (int) CALL.invokeN3(THREE, MADVISE, address, length, advice);
    }

    long mmap(long address, long length, int protection, int flags, int fd, long offset) {
      return CALL.invokeN6(SIX, MMAP, address, length, protection, flags, fd, offset);
    }

    int munmap(long address, long length) {
      return (int) CALL.invokeN2(TWO, MUNMAP, address, length);
    }

    int mincore(long address, long length, long vector) {
      return (int) CALL.invokeN3(THREE, MINCORE, address, length, vector);
    }

    int getpagesize() {
      return (int) CALL.invokeN0(NONE, GETPAGESIZE);
    }

    /** A system call with at most five arguments. */
    long syscall(long number, long a, long b, long c, long d, long e) {
      return CALL.invokeN6(SIX, SYSCALL, number, a, b, c, d, e);
    }

    /** A system call with six arguments. */
    long syscall(long number, long a, long b, long c, long d, long e, long f) {
      HeapInvocationBuffer arguments = new HeapInvocationBuffer(SEVEN);
      arguments.putLong(number);
      arguments.putLong(a);
      arguments.putLong(b);
      arguments.putLong(c);
      arguments.putLong(d);
      arguments.putLong(e);
      arguments.putLong(f);
      return CALL.invokeLong(SEVEN, SYSCALL, arguments);
    }
  }
}
