package io.samepage.fuse.libfuse;

import com.kenai.jffi.Closure.Buffer;
import com.kenai.jffi.Type;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.FileSystemStatistics;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import ru.serce.jnrfuse.struct.FuseOperations;

/**
 * {@code struct fuse_operations}, filled with functions that take their arguments apart and call
 * {@link PathCalls} or {@link HandleCalls}. All operations of libfuse 2.9 are there but bmap (for
 * block devices), poll (files are always ready), lock and flock ({@link LockRequests}), and those
 * that others replace: getdir, utime, read_buf and write_buf; access never comes, since the kernel
 * checks permissions.
 *
 * <p>The place of each in the structure is jnr-fuse's. Its types of functions are not used, since
 * they make Strings of paths, in which names that are not UTF-8 are lost.
 */
final class Operations {
  private static final int IOCTL_COMPAT = 1;
  private static final int IOCTL_DIR = 1 << 4;
  private static final int IOC_WRITE = 1;
  private static final int IOC_READ = 2;

  private static final int PATH_MAX = 4096;

  private static final Type P = Type.POINTER;
  private static final Type INT = Type.SINT32;
  private static final Type LONG = Type.SINT64;

  private final Libfuse libfuse;
  private final PathCalls paths;
  private final HandleCalls handles;
  private final long table = Memory.allocate(Layouts.Operations.BYTES);
  private final Callbacks callbacks;

  Operations(
      Libfuse libfuse,
      PathCalls paths,
      HandleCalls handles,
      Callbacks callbacks,
      Callbacks.Initialisation init) {
    this.libfuse = libfuse;
    this.paths = paths;
    this.handles = handles;
    this.callbacks = callbacks;
    fill(Layouts.Operations.JNR);
    Memory.IO.putAddress(
        table + Layouts.Operations.JNR.init.offset(), callbacks.initialisation(init));
    Memory.IO.putInt(
        table + Layouts.Operations.FLAGS,
        Layouts.Operations.NULLPATH_OK
            | Layouts.Operations.NOPATH
            | Layouts.Operations.UTIME_OMIT_OK);
  }

  /** The address of the structure. */
  long address() {
    return table;
  }

  /** Frees the structure; the functions in it stay. */
  void free() {
    Memory.free(table);
  }

  private void on(
      jnr.ffi.BaseStruct.Func<?> member, Callbacks.Operation operation, Type... parameters) {
    Memory.IO.putAddress(table + member.offset(), callbacks.operation(operation, parameters));
  }

  private void fill(FuseOperations at) {
    on(at.getattr, this::getattr, P, P);
    on(at.fgetattr, this::fgetattr, P, P, P);
    on(at.readlink, this::readlink, P, P, LONG);
    on(at.mknod, this::mknod, P, INT, LONG);
    on(at.mkdir, this::mkdir, P, INT);
    on(at.unlink, this::unlink, P);
    on(at.rmdir, this::rmdir, P);
    on(at.symlink, this::symlink, P, P);
    on(at.rename, this::rename, P, P);
    on(at.link, this::link, P, P);
    on(at.chmod, this::chmod, P, INT);
    on(at.chown, this::chown, P, INT, INT);
    on(at.truncate, this::truncate, P, LONG);
    on(at.ftruncate, this::ftruncate, P, LONG, P);
    on(at.utimens, this::utimens, P, P);
    on(at.open, this::open, P, P);
    on(at.create, this::create, P, INT, P);
    on(at.read, this::read, P, P, LONG, LONG, P);
    on(at.write, this::write, P, P, LONG, LONG, P);
    on(at.statfs, this::statfs, P, P);
    on(at.flush, this::flush, P, P);
    on(at.release, this::release, P, P);
    on(at.fsync, this::fsync, P, INT, P);
    on(at.fsyncdir, this::fsyncdir, P, INT, P);
    on(at.setxattr, this::setxattr, P, P, P, LONG, INT);
    on(at.getxattr, this::getxattr, P, P, P, LONG);
    on(at.listxattr, this::listxattr, P, P, LONG);
    on(at.removexattr, this::removexattr, P, P);
    on(at.opendir, this::opendir, P, P);
    on(at.readdir, this::readdir, P, P, P, LONG, P);
    on(at.releasedir, this::releasedir, P, P);
    on(at.access, (call, a) -> 0, P, INT);
    on(at.fallocate, this::fallocate, P, INT, LONG, LONG, P);
    on(at.ioctl, this::ioctl, P, INT, P, P, INT, P);
  }

  private static byte[] string(Buffer a, int index) {
    return Memory.string(a.getAddress(index));
  }

  /** {@code fi.fh} of the structure that an argument points to. */
  private static long handle(Buffer a, int index) {
    return Memory.IO.getLong(a.getAddress(index) + Layouts.FileInfo.FH);
  }

  private static long lockOwner(long info) {
    return Memory.IO.getLong(info + Layouts.FileInfo.LOCK_OWNER);
  }

  private static int flags(long info) {
    return Memory.IO.getInt(info + Layouts.FileInfo.FLAGS);
  }

  private int umask() {
    return Memory.IO.getInt(libfuse.context() + Layouts.Context.UMASK);
  }

  // ------------------------------------------------------------------ attributes

  private int getattr(Call call, Buffer a) throws ErrnoException {
    Attributes found = paths.getattr(call, string(a, 0));
    if (found == null) {
      return -Errno.ENOENT;
    }
    put(a.getAddress(1), found);
    return 0;
  }

  private int fgetattr(Call call, Buffer a) throws ErrnoException {
    put(a.getAddress(1), handles.getattr(call, paths, handle(a, 2)));
    return 0;
  }

  private static void put(long at, Attributes from) {
    Memory.IO.setMemory(at, Layouts.StatOut.BYTES, (byte) 0);
    Memory.IO.putLong(at + Layouts.StatOut.INO, from.ino);
    Memory.IO.putInt(at + Layouts.StatOut.MODE, from.mode);
    if (Layouts.StatOut.WIDE_NLINK) {
      Memory.IO.putLong(at + Layouts.StatOut.NLINK, from.nlink);
    } else {
      Memory.IO.putInt(at + Layouts.StatOut.NLINK, from.nlink);
    }
    Memory.IO.putInt(at + Layouts.StatOut.UID, from.uid);
    Memory.IO.putInt(at + Layouts.StatOut.GID, from.gid);
    // The C library's encoding of device numbers has the kernel's in its lower half.
    Memory.IO.putLong(at + Layouts.StatOut.RDEV, from.rdev & 0xffffffffL);
    Memory.IO.putLong(at + Layouts.StatOut.SIZE, from.size);
    Memory.IO.putInt(at + Layouts.StatOut.BLKSIZE, from.blksize);
    Memory.IO.putLong(at + Layouts.StatOut.BLOCKS, from.blocks);
    time(at + Layouts.StatOut.ATIME, from.atimeSeconds, from.atimeNanos);
    time(at + Layouts.StatOut.MTIME, from.mtimeSeconds, from.mtimeNanos);
    time(at + Layouts.StatOut.CTIME, from.ctimeSeconds, from.ctimeNanos);
  }

  private static void time(long at, long seconds, int nanos) {
    Memory.IO.putLong(at, seconds);
    Memory.IO.putLong(at + Layouts.Time.NANOS, nanos);
  }

  private int chmod(Call call, Buffer a) throws ErrnoException {
    paths.chmod(call, string(a, 0), a.getInt(1));
    return 0;
  }

  private int chown(Call call, Buffer a) throws ErrnoException {
    paths.chown(call, string(a, 0), a.getInt(1), a.getInt(2));
    return 0;
  }

  private int truncate(Call call, Buffer a) throws ErrnoException {
    paths.truncate(call, string(a, 0), a.getLong(1));
    return 0;
  }

  private int ftruncate(Call call, Buffer a) throws ErrnoException {
    handles.truncate(call, handle(a, 2), a.getLong(1));
    return 0;
  }

  private int utimens(Call call, Buffer a) throws ErrnoException {
    long times = a.getAddress(1);
    long second = times + Layouts.Time.BYTES;
    paths.utimens(
        call,
        string(a, 0),
        Memory.IO.getLong(times),
        Memory.IO.getLong(times + Layouts.Time.NANOS),
        Memory.IO.getLong(second),
        Memory.IO.getLong(second + Layouts.Time.NANOS));
    return 0;
  }

  private int statfs(Call call, Buffer a) throws ErrnoException {
    FileSystemStatistics from = paths.statfs(call);
    long at = a.getAddress(1);
    Memory.IO.setMemory(at, Layouts.StatvfsOut.BYTES, (byte) 0);
    Memory.IO.putLong(at + Layouts.StatvfsOut.BSIZE, from.blockSize);
    Memory.IO.putLong(at + Layouts.StatvfsOut.FRSIZE, from.fragmentSize);
    Memory.IO.putLong(at + Layouts.StatvfsOut.BLOCKS, from.blocks);
    Memory.IO.putLong(at + Layouts.StatvfsOut.BFREE, from.blocksFree);
    Memory.IO.putLong(at + Layouts.StatvfsOut.BAVAIL, from.blocksAvailable);
    Memory.IO.putLong(at + Layouts.StatvfsOut.FILES, from.files);
    Memory.IO.putLong(at + Layouts.StatvfsOut.FFREE, from.filesFree);
    Memory.IO.putLong(at + Layouts.StatvfsOut.FAVAIL, from.filesFree);
    Memory.IO.putLong(at + Layouts.StatvfsOut.NAMEMAX, from.nameMax);
    return 0;
  }

  // ------------------------------------------------------------------ names

  private int readlink(Call call, Buffer a) throws ErrnoException {
    byte[] target = paths.readlink(call, string(a, 0));
    // libfuse has room for a path; a longer one would be cut off without a word.
    if (target.length >= PATH_MAX || target.length >= a.getLong(2)) {
      throw ErrnoException.of(Errno.ENAMETOOLONG);
    }
    Memory.putString(a.getAddress(1), target);
    return 0;
  }

  private int mknod(Call call, Buffer a) throws ErrnoException {
    paths.mknod(call, string(a, 0), a.getInt(1), umask(), (int) a.getLong(2));
    return 0;
  }

  private int mkdir(Call call, Buffer a) throws ErrnoException {
    paths.mkdir(call, string(a, 0), a.getInt(1), umask());
    return 0;
  }

  private int unlink(Call call, Buffer a) throws ErrnoException {
    paths.unlink(call, string(a, 0));
    return 0;
  }

  private int rmdir(Call call, Buffer a) throws ErrnoException {
    paths.rmdir(call, string(a, 0));
    return 0;
  }

  private int symlink(Call call, Buffer a) throws ErrnoException {
    paths.symlink(call, string(a, 0), string(a, 1));
    return 0;
  }

  private int rename(Call call, Buffer a) throws ErrnoException {
    paths.rename(call, string(a, 0), string(a, 1));
    return 0;
  }

  private int link(Call call, Buffer a) throws ErrnoException {
    paths.link(call, string(a, 0), string(a, 1));
    return 0;
  }

  // ------------------------------------------------------------------ files

  private int open(Call call, Buffer a) throws ErrnoException {
    long info = a.getAddress(1);
    putHandle(info, paths.open(call, string(a, 0), flags(info)));
    return 0;
  }

  private static void putHandle(long info, long handle) {
    Memory.IO.putLong(info + Layouts.FileInfo.FH, handle);
  }

  private int create(Call call, Buffer a) throws ErrnoException {
    long info = a.getAddress(2);
    putHandle(info, paths.create(call, string(a, 0), flags(info), a.getInt(1), umask()));
    return 0;
  }

  private int read(Call call, Buffer a) throws ErrnoException {
    int size = (int) Math.min(a.getLong(2), Integer.MAX_VALUE);
    NativeBuffer out = NativeBuffer.at(a.getAddress(1), size);
    return handles.read(call, handle(a, 4), a.getLong(3), size, out);
  }

  private int write(Call call, Buffer a) throws ErrnoException {
    long info = a.getAddress(4);
    boolean writeback = Memory.IO.getInt(info + Layouts.FileInfo.WRITEPAGE) != 0;
    if (!writeback && (flags(info) & Linux.O_APPEND) != 0) {
      return handles.append(call, handle(a, 4), a.getLong(3), a.getAddress(1), (int) a.getLong(2));
    }
    return handles.write(
        call, handle(a, 4), a.getLong(3), a.getAddress(1), (int) a.getLong(2), writeback);
  }

  private int flush(Call call, Buffer a) throws ErrnoException {
    handles.flush(call, handle(a, 1), lockOwner(a.getAddress(1)));
    return 0;
  }

  private int release(Call call, Buffer a) {
    long info = a.getAddress(1);
    int bits = Memory.IO.getInt(info + Layouts.FileInfo.BITS);
    long flockOwner = (bits & Layouts.FileInfo.FLOCK_RELEASE) != 0 ? lockOwner(info) : 0;
    handles.release(call, handle(a, 1), flockOwner);
    return 0;
  }

  private int fsync(Call call, Buffer a) throws ErrnoException {
    handles.fsync(call, handle(a, 2), a.getInt(1) != 0);
    return 0;
  }

  private int fallocate(Call call, Buffer a) throws ErrnoException {
    handles.fallocate(call, handle(a, 4), a.getInt(1), a.getLong(2), a.getLong(3));
    return 0;
  }

  private int ioctl(Call call, Buffer a) throws ErrnoException {
    int command = a.getInt(1);
    int flags = a.getInt(4);
    long data = a.getAddress(5);
    int direction = command >>> 30;
    int size = command >>> 16 & 0x3fff;
    if ((flags & IOCTL_COMPAT) != 0) {
      throw ErrnoException.of(Errno.ENOTTY);
    }
    byte[] in = (direction & IOC_WRITE) != 0 && data != 0 ? Memory.bytes(data, size) : new byte[0];
    int outSize = (direction & IOC_READ) != 0 ? size : 0;
    byte[] out = handles.ioctl(call, handle(a, 3), (flags & IOCTL_DIR) != 0, command, in, outSize);
    if (out.length > outSize) {
      throw new IllegalStateException("ioctl gave " + out.length + " of " + outSize + " bytes");
    }
    if (data != 0 && outSize > 0) {
      Memory.put(data, out);
    }
    return 0;
  }

  // ------------------------------------------------------------------ directories

  private int opendir(Call call, Buffer a) throws ErrnoException {
    putHandle(a.getAddress(1), paths.opendir(call, string(a, 0)));
    return 0;
  }

  private int readdir(Call call, Buffer a) throws ErrnoException {
    try (Listing listing = Listing.of(a.getAddress(1), a.getAddress(2))) {
      handles.readdir(call, handle(a, 4), a.getLong(3), listing);
    }
    return 0;
  }

  private int releasedir(Call call, Buffer a) {
    handles.release(call, handle(a, 1), 0);
    return 0;
  }

  private int fsyncdir(Call call, Buffer a) throws ErrnoException {
    handles.fsyncdir(call, handle(a, 2), a.getInt(1) != 0);
    return 0;
  }

  // ------------------------------------------------------------------ extended attributes

  private int setxattr(Call call, Buffer a) throws ErrnoException {
    byte[] value = Memory.bytes(a.getAddress(2), (int) a.getLong(3));
    paths.setxattr(call, string(a, 0), string(a, 1), value, a.getInt(4));
    return 0;
  }

  private int getxattr(Call call, Buffer a) throws ErrnoException {
    return answer(paths.getxattr(call, string(a, 0), string(a, 1)), a.getAddress(2), a.getLong(3));
  }

  private int listxattr(Call call, Buffer a) throws ErrnoException {
    return answer(paths.listxattr(call, string(a, 0)), a.getAddress(1), a.getLong(2));
  }

  private static int answer(byte[] value, long at, long room) throws ErrnoException {
    if (room > 0) {
      if (value.length > room) {
        throw ErrnoException.of(Errno.ERANGE);
      }
      Memory.put(at, value);
    }
    return value.length;
  }

  private int removexattr(Call call, Buffer a) throws ErrnoException {
    paths.removexattr(call, string(a, 0), string(a, 1));
    return 0;
  }

  /** The type bits of a mode, from DT_* of dirent.h. */
  static int modeOf(int type) {
    return type << 12 & Linux.S_IFMT;
  }
}
