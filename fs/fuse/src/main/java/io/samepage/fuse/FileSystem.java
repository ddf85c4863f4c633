package io.samepage.fuse;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.NativeBuffer;

/**
 * What a transport asks of a file system: one method for each kind of FUSE request, on nodeids.
 *
 * <p>A <em>nodeid</em> names one inode of the kernel. The file system hands it out in an {@link
 * Entry} (LOOKUP, CREATE, MKNOD, MKDIR, SYMLINK, LINK, TMPFILE, READDIRPLUS), each time adding one
 * to the kernel's count of look-ups, and keeps it valid until {@link #forget} has taken the same
 * number back. A <em>handle</em> is a number of the file system's choice, valid from open to
 * release.
 *
 * <p>Methods are called on several threads at once, also for one nodeid; the kernel serialises only
 * what it must (changes in one directory). Names are byte arrays without a NUL or a slash, owned by
 * the callee. Permissions have been checked by the kernel (default_permissions) before a call
 * comes.
 *
 * <p>Every method throws {@link ErrnoException} with the errno for the caller of the system call.
 */
public interface FileSystem {
  /** The nodeid of the root directory; it is never looked up and never forgotten. */
  long ROOT = 1;

  /**
   * Called once, before any other method, when the transport and the kernel have agreed on what
   * they can do.
   */
  void init(Connection connection) throws ErrnoException;

  /** Called once, when no request will come any more. Handles that are still open are dropped. */
  void destroy();

  /**
   * Looks a name up in a directory.
   *
   * @param entry filled with what was found; a nodeid of 0 says that there is no such name, and
   *     lets the kernel remember that for {@link Entry#entryValidNanos}
   */
  void lookup(Request request, long parent, byte[] name, Entry entry) throws ErrnoException;

  /** Takes {@code count} look-ups of a nodeid back; at none left the nodeid ends. Never fails. */
  void forget(long nodeid, long count);

  /**
   * Reads attributes.
   *
   * @param handle an open handle, or {@link Opened#NO_HANDLE}
   * @param attributes filled with the attributes and with how long the kernel may keep them
   */
  void getattr(Request request, long nodeid, long handle, Attributes attributes)
      throws ErrnoException;

  /**
   * Changes the attributes that {@code change} names, and fills {@code attributes} like getattr.
   */
  void setattr(Request request, long nodeid, AttributeChange change, Attributes attributes)
      throws ErrnoException;

  /** The target of a symbolic link. */
  byte[] readlink(Request request, long nodeid) throws ErrnoException;

  /** Creates a file that is not a directory or a symbolic link; {@code mode} holds the type. */
  void mknod(Request request, long parent, byte[] name, int mode, int umask, int rdev, Entry entry)
      throws ErrnoException;

  /** Creates a directory. */
  void mkdir(Request request, long parent, byte[] name, int mode, int umask, Entry entry)
      throws ErrnoException;

  /** Creates a symbolic link. */
  void symlink(Request request, long parent, byte[] name, byte[] target, Entry entry)
      throws ErrnoException;

  /** Gives a file one more name. */
  void link(Request request, long nodeid, long newParent, byte[] newName, Entry entry)
      throws ErrnoException;

  /** Removes a name of something that is not a directory. */
  void unlink(Request request, long parent, byte[] name) throws ErrnoException;

  /** Removes an empty directory. */
  void rmdir(Request request, long parent, byte[] name) throws ErrnoException;

  /**
   * Renames.
   *
   * @param flags RENAME_NOREPLACE, RENAME_EXCHANGE and RENAME_WHITEOUT of renameat2(2)
   */
  void rename(Request request, long parent, byte[] name, long newParent, byte[] newName, int flags)
      throws ErrnoException;

  /**
   * Opens a file.
   *
   * @param flags of open(2), without O_CREAT and O_EXCL; with O_TRUNC where the transport hands
   *     truncation over
   * @param killSuidgid whether a truncation clears the set-user-ID and set-group-ID bits
   */
  void open(Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
      throws ErrnoException;

  /** Creates a regular file and opens it, in one step. */
  void create(
      Request request,
      long parent,
      byte[] name,
      int flags,
      int mode,
      int umask,
      Entry entry,
      Opened opened)
      throws ErrnoException;

  /** Creates and opens a regular file without a name (O_TMPFILE) in the file system of a parent. */
  void tmpfile(
      Request request, long parent, int flags, int mode, int umask, Entry entry, Opened opened)
      throws ErrnoException;

  /**
   * Reads data into {@code out} from its start.
   *
   * @return bytes read, 0 at the end of the file, at most {@code size}
   */
  int read(Request request, long nodeid, long handle, long offset, int size, NativeBuffer out)
      throws ErrnoException;

  /**
   * Says where the data are that {@link #read} would give, for a transport that can move pages from
   * there without reading them. Whoever fails to move them calls {@link #read}.
   *
   * @param pieces gets them
   * @return whether it has; not where the data are in no file, or in too many pieces
   */
  default boolean locate(
      Request request, long nodeid, long handle, long offset, int size, DataPieces pieces)
      throws ErrnoException {
    return false;
  }

  /**
   * Writes data.
   *
   * @param address where the data stand in memory
   * @param killSuidgid whether the write clears the set-user-ID and set-group-ID bits
   * @param writeback whether the data come from the page cache, on behalf of nobody in particular
   * @return bytes written
   */
  int write(
      Request request,
      long nodeid,
      long handle,
      long offset,
      long address,
      int size,
      boolean killSuidgid,
      boolean writeback)
      throws ErrnoException;

  /**
   * Called at each close(2) of a descriptor of a handle; drops the record locks of {@code
   * lockOwner}.
   */
  void flush(Request request, long nodeid, long handle, long lockOwner) throws ErrnoException;

  /**
   * Ends a handle, once for each open.
   *
   * @param flockOwner whose flock(2) lock goes with it, or 0
   */
  void release(Request request, long nodeid, long handle, long flockOwner);

  /** fsync(2), or fdatasync(2) if {@code dataOnly}. */
  void fsync(Request request, long nodeid, long handle, boolean dataOnly) throws ErrnoException;

  /** fsync(2) of a directory. */
  void fsyncdir(Request request, long nodeid, boolean dataOnly) throws ErrnoException;

  /** syncfs(2). */
  void syncfs(Request request) throws ErrnoException;

  /** fallocate(2) with all its modes. */
  void fallocate(Request request, long nodeid, long handle, long offset, long length, int mode)
      throws ErrnoException;

  /** lseek(2) with SEEK_HOLE or SEEK_DATA. */
  long lseek(Request request, long nodeid, long handle, long offset, int whence)
      throws ErrnoException;

  /** copy_file_range(2) within this mount. */
  long copyFileRange(
      Request request,
      long nodeidIn,
      long handleIn,
      long offsetIn,
      long nodeidOut,
      long handleOut,
      long offsetOut,
      long length)
      throws ErrnoException;

  /**
   * Lists a directory. Directories are not opened: {@code offset} says where to go on, and stays
   * good while names come and go.
   *
   * @param offset 0 for the beginning, or the {@code nextOffset} of some entry of an earlier reply
   */
  void readdir(Request request, long nodeid, long offset, DirectoryReply reply)
      throws ErrnoException;

  /** Like readdir, each entry being looked up as well. */
  void readdirplus(Request request, long nodeid, long offset, DirectoryPlusReply reply)
      throws ErrnoException;

  /** statfs(2). */
  void statfs(Request request, FileSystemStatistics statistics) throws ErrnoException;

  /**
   * setxattr(2).
   *
   * @param flags XATTR_CREATE or XATTR_REPLACE
   * @param killSgid whether setting an ACL clears the set-group-ID bit
   *     (FUSE_SETXATTR_ACL_KILL_SGID)
   */
  void setxattr(
      Request request, long nodeid, byte[] name, byte[] value, int flags, boolean killSgid)
      throws ErrnoException;

  /** getxattr(2); the whole value. */
  byte[] getxattr(Request request, long nodeid, byte[] name) throws ErrnoException;

  /** listxattr(2): names, each ended by a NUL. */
  byte[] listxattr(Request request, long nodeid) throws ErrnoException;

  /** removexattr(2). */
  void removexattr(Request request, long nodeid, byte[] name) throws ErrnoException;

  /**
   * Tests for a lock (F_GETLK).
   *
   * @return a lock that stands in the way, or {@code lock} with type F_UNLCK
   */
  FileLock getlk(Request request, long nodeid, long handle, long lockOwner, FileLock lock)
      throws ErrnoException;

  /**
   * Sets, changes or releases a lock. The answer goes through {@code reply}, at once or, where
   * {@code wait} is set, when the lock has been granted or the request interrupted (EINTR).
   *
   * @param flock whether it is a lock of flock(2) rather than of fcntl(2)
   */
  void setlk(
      Request request,
      long nodeid,
      long handle,
      long lockOwner,
      FileLock lock,
      boolean flock,
      boolean wait,
      LockReply reply)
      throws ErrnoException;

  /**
   * ioctl(2), for commands whose argument is of a size that the command says.
   *
   * @param directory whether the node is a directory, which has no handle
   * @param in the argument, if the command reads one
   * @param outSize room for the answer
   * @return the answer, at most {@code outSize} bytes
   */
  byte[] ioctl(
      Request request,
      long nodeid,
      long handle,
      boolean directory,
      int command,
      byte[] in,
      int outSize)
      throws ErrnoException;
}
