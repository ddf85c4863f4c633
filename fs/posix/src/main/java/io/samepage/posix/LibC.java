package io.samepage.posix;

import jnr.ffi.LibraryLoader;
import jnr.ffi.Runtime;
import jnr.ffi.types.size_t;
import jnr.ffi.types.ssize_t;

/** The door to the C library: its functions, looked up once. Only 64-bit Linux is supported. */
final class LibC {
  static final Functions C = LibraryLoader.create(Functions.class).failImmediately().load("c");
  static final Runtime RUNTIME = Runtime.getRuntime(C);

  private LibC() {}

  /** The errno of the calling thread's last failed call. */
  static int errno() {
    return RUNTIME.getLastError();
  }

  /**
   * The functions as jnr-ffi calls them. Addresses and offsets are C longs, so that the generated
   * stubs pass registers on and convert nothing. It is public only because the stubs live in a
   * class loader of their own.
   *
   * <p>None has exactly six arguments: jnr-ffi 2.3 passes garbage for the sixth.
   */
  public interface Functions {
    int openat(int dirfd, long path, int flags, int mode);

    int close(int fd);

    @ssize_t
    long read(int fd, long address, @size_t long size);

    @ssize_t
    long write(int fd, long address, @size_t long size);

    @ssize_t
    long pread(int fd, long address, @size_t long size, long offset);

    @ssize_t
    long pwrite(int fd, long address, @size_t long size, long offset);

    int statx(int dirfd, long path, int flags, int mask, long buffer);

    int mkdirat(int dirfd, long path, int mode);

    int mknodat(int dirfd, long path, int mode, long device);

    int symlinkat(long target, int dirfd, long path);

    int linkat(int olddirfd, long oldpath, int newdirfd, long newpath, int flags);

    int unlinkat(int dirfd, long path, int flags);

    int renameat2(int olddirfd, long oldpath, int newdirfd, long newpath, int flags);

    @ssize_t
    long readlinkat(int dirfd, long path, long buffer, @size_t long size);

    int fchownat(int dirfd, long path, int uid, int gid, int flags);

    int fchmod(int fd, int mode);

    int chmod(long path, int mode);

    int utimensat(int dirfd, long path, long times, int flags);

    int ftruncate(int fd, long length);

    int fallocate(int fd, int mode, long offset, long length);

    long lseek(int fd, long offset, int whence);

    int fsync(int fd);

    int fdatasync(int fd);

    int syncfs(int fd);

    int fstatfs(int fd, long buffer);

    @ssize_t
    long fgetxattr(int fd, long name, long value, @size_t long size);

    int fsetxattr(int fd, long name, long value, @size_t long size, int flags);

    @ssize_t
    long getxattr(long path, long name, long value, @size_t long size);

    @ssize_t
    long lgetxattr(long path, long name, long value, @size_t long size);

    int setxattr(long path, long name, long value, @size_t long size, int flags);

    int lsetxattr(long path, long name, long value, @size_t long size, int flags);

    @ssize_t
    long listxattr(long path, long list, @size_t long size);

    @ssize_t
    long llistxattr(long path, long list, @size_t long size);

    int removexattr(long path, long name);

    int lremovexattr(long path, long name);

    int ioctl(int fd, long request, long argument);

    int mount(long source, long target, long type, long flags, long data);

    int umount2(long target, int flags);

    int name_to_handle_at(int dirfd, long path, long handle, long mountId, int flags);

    int open_by_handle_at(int mountFd, long handle, int flags);

    int setfsuid(int uid);

    int setfsgid(int gid);

    int umask(int mask);

    int unshare(int flags);

    int getuid();

    int geteuid();

    int getegid();

    int dup(int fd);

    int dup2(int from, int to);

    int kill(int pid, int signal);

    int flock(int fd, int operation);

    int poll(long fds, long count, int timeout);

    int posix_fadvise(int fd, long offset, long length, int advice);

    int getrlimit(int resource, long limit);

    int fchdir(int fd);

    int madvise(long address, @size_t long length, int advice);

    long syscall(long number, long a, long b, long c, long d, long e, long f);
  }
}
