package io.samepage.fuse.kernel;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.BackingFiles;
import io.samepage.fuse.Connection;
import io.samepage.fuse.DirectoryPlusReply;
import io.samepage.fuse.DirectoryReply;
import io.samepage.fuse.Entry;
import io.samepage.fuse.FileLock;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.FileSystemStatistics;
import io.samepage.fuse.LockReply;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.fuse.kernel.MemoryNode.Name;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * A file system in memory, to try the transport with: complete enough for ordinary programs, and it
 * counts what it hands out (look-ups, handles), so that a test sees what does not come back.
 *
 * <p>One lock, the object itself, guards everything.
 */
public class MemoryFileSystem implements FileSystem {
  static final long FOREVER = 86_400_000_000_000L;

  private static final Runtime RUNTIME = Runtime.getSystemRuntime();

  private final Map<Long, MemoryNode> nodes = new HashMap<>();
  private final Map<Long, MemoryNode> handles = new HashMap<>();
  private final long validNanos;
  private long lastNode = ROOT;
  private long lastHandle;
  Connection connection;
  int destroyed;

  /** Whether the last write was to clear set-user-ID bits; and the same of the last setattr. */
  boolean sawKillSuidgid;

  public MemoryFileSystem() {
    this(FOREVER);
  }

  /**
   * @param validNanos for how long the kernel may keep names and attributes
   */
  public MemoryFileSystem(long validNanos) {
    this.validNanos = validNanos;
    MemoryNode root = new MemoryNode(ROOT, Linux.S_IFDIR | 0755, 0, 0, now());
    root.parent = root;
    root.nlink = 2;
    nodes.put(ROOT, root);
  }

  /** The time, in seconds. */
  long now() {
    return System.currentTimeMillis() / 1000;
  }

  /** How many look-ups the kernel has not taken back. */
  public synchronized long lookups() {
    return nodes.values().stream().filter(n -> n.id != ROOT).mapToLong(n -> n.lookups).sum();
  }

  public synchronized int openHandles() {
    return handles.size();
  }

  synchronized MemoryNode add(MemoryNode parent, String name, int mode) {
    MemoryNode node = make(mode, 0, 0);
    parent.link(new Name(name), node);
    return node;
  }

  synchronized MemoryNode addFile(String name, byte[] content) {
    MemoryNode node = add(nodes.get(ROOT), name, Linux.S_IFREG | 0644);
    node.data = content.clone();
    node.size = content.length;
    return node;
  }

  synchronized MemoryNode root() {
    return nodes.get(ROOT);
  }

  BackingFiles backingFiles() {
    return connection.backingFiles();
  }

  private MemoryNode make(int mode, int uid, int gid) {
    MemoryNode node = new MemoryNode(++lastNode, mode, uid, gid, now());
    if (node.isDirectory()) {
      node.nlink = 2;
    }
    nodes.put(node.id, node);
    return node;
  }

  MemoryNode node(long nodeid) throws ErrnoException {
    MemoryNode node = nodes.get(nodeid);
    if (node == null) {
      throw ErrnoException.of(Errno.ESTALE);
    }
    return node;
  }

  private void fill(MemoryNode node, Entry entry) {
    node.lookups++;
    entry.nodeid = node.id;
    entry.generation = 0;
    entry.entryValidNanos = validNanos;
    node.show(entry.attributes, validNanos);
  }

  private void drop(MemoryNode node) {
    if (node.nlink == 0 && node.lookups == 0) {
      nodes.remove(node.id);
    }
  }

  @Override
  public void init(Connection newConnection) {
    connection = newConnection;
  }

  @Override
  public synchronized void destroy() {
    destroyed++;
    notifyAll();
  }

  @Override
  public synchronized void lookup(Request request, long parent, byte[] name, Entry entry)
      throws ErrnoException {
    MemoryNode node = node(parent).child(Name.of(name));
    if (node == null) {
      entry.nodeid = 0;
      entry.entryValidNanos = validNanos;
    } else {
      fill(node, entry);
    }
  }

  @Override
  public synchronized void forget(long nodeid, long count) {
    MemoryNode node = nodes.get(nodeid);
    if (node == null || node.lookups < count) {
      throw new IllegalStateException("forget " + count + " of node " + nodeid);
    }
    node.lookups -= count;
    drop(node);
  }

  @Override
  public synchronized void getattr(Request request, long nodeid, long handle, Attributes attributes)
      throws ErrnoException {
    node(nodeid).show(attributes, validNanos);
  }

  @Override
  public synchronized void setattr(
      Request request, long nodeid, AttributeChange change, Attributes attributes)
      throws ErrnoException {
    MemoryNode node = node(nodeid);
    long now = now();
    if (change.setMode) {
      node.mode = (node.mode & Linux.S_IFMT) | (change.mode & 07777);
    }
    if (change.setUid) {
      node.uid = change.uid;
    }
    if (change.setGid) {
      node.gid = change.gid;
    }
    if (change.setSize) {
      node.resize(change.size);
      node.mtime = now;
    }
    if (change.setAtime) {
      node.atime = change.atimeNow ? now : change.atimeSeconds;
      node.atimeNanos = change.atimeNow ? 0 : change.atimeNanos;
    }
    if (change.setMtime) {
      node.mtime = change.mtimeNow ? now : change.mtimeSeconds;
      node.mtimeNanos = change.mtimeNow ? 0 : change.mtimeNanos;
    }
    sawKillSuidgid = change.killSuidgid;
    if (change.killSuidgid) {
      node.mode &= ~(Linux.S_ISUID | Linux.S_ISGID);
    }
    node.ctime = now;
    node.show(attributes, validNanos);
  }

  @Override
  public synchronized byte[] readlink(Request request, long nodeid) throws ErrnoException {
    MemoryNode node = node(nodeid);
    return Arrays.copyOf(node.data, node.size);
  }

  private MemoryNode directory(long nodeid) throws ErrnoException {
    MemoryNode node = node(nodeid);
    if (!node.isDirectory()) {
      throw ErrnoException.of(Errno.ENOTDIR);
    }
    return node;
  }

  private MemoryNode create(Request request, long parent, byte[] name, int mode, int umask)
      throws ErrnoException {
    MemoryNode directory = directory(parent);
    Name key = Name.of(name);
    if (name.length > 255) {
      throw ErrnoException.of(Errno.ENAMETOOLONG);
    }
    if (directory.child(key) != null) {
      throw ErrnoException.of(Errno.EEXIST);
    }
    MemoryNode node = make(mode & ~umask, request.uid(), request.gid());
    directory.link(key, node);
    return node;
  }

  @Override
  public synchronized void mknod(
      Request request, long parent, byte[] name, int mode, int umask, int rdev, Entry entry)
      throws ErrnoException {
    MemoryNode node = create(request, parent, name, mode, umask);
    node.rdev = rdev;
    fill(node, entry);
  }

  @Override
  public synchronized void mkdir(
      Request request, long parent, byte[] name, int mode, int umask, Entry entry)
      throws ErrnoException {
    fill(create(request, parent, name, Linux.S_IFDIR | mode, umask), entry);
  }

  @Override
  public synchronized void symlink(
      Request request, long parent, byte[] name, byte[] target, Entry entry) throws ErrnoException {
    MemoryNode node = create(request, parent, name, Linux.S_IFLNK | 0777, 0);
    node.data = target;
    node.size = target.length;
    fill(node, entry);
  }

  @Override
  public synchronized void link(
      Request request, long nodeid, long newParent, byte[] newName, Entry entry)
      throws ErrnoException {
    MemoryNode node = node(nodeid);
    MemoryNode directory = directory(newParent);
    if (directory.child(Name.of(newName)) != null) {
      throw ErrnoException.of(Errno.EEXIST);
    }
    directory.link(Name.of(newName), node);
    node.nlink++;
    fill(node, entry);
  }

  @Override
  public synchronized void unlink(Request request, long parent, byte[] name) throws ErrnoException {
    MemoryNode directory = directory(parent);
    MemoryNode node = directory.present(Name.of(name));
    if (node.isDirectory()) {
      throw ErrnoException.of(Errno.EISDIR);
    }
    directory.cut(Name.of(name));
    node.nlink--;
    drop(node);
  }

  @Override
  public synchronized void rmdir(Request request, long parent, byte[] name) throws ErrnoException {
    MemoryNode directory = directory(parent);
    MemoryNode node = directory.present(Name.of(name));
    if (!node.isDirectory()) {
      throw ErrnoException.of(Errno.ENOTDIR);
    }
    if (!node.names.isEmpty()) {
      throw ErrnoException.of(Errno.ENOTEMPTY);
    }
    directory.cut(Name.of(name));
    node.nlink = 0;
    drop(node);
  }

  @Override
  public synchronized void rename(
      Request request, long parent, byte[] name, long newParent, byte[] newName, int flags)
      throws ErrnoException {
    MemoryNode from = directory(parent);
    MemoryNode to = directory(newParent);
    MemoryNode node = from.present(Name.of(name));
    MemoryNode old = to.child(Name.of(newName));
    if ((flags & ~(Linux.RENAME_NOREPLACE | Linux.RENAME_EXCHANGE)) != 0) {
      throw ErrnoException.of(Errno.EINVAL);
    }
    if ((flags & Linux.RENAME_NOREPLACE) != 0 && old != null) {
      throw ErrnoException.of(Errno.EEXIST);
    }
    if (old == node) {
      return;
    }
    if ((flags & Linux.RENAME_EXCHANGE) != 0) {
      if (old == null) {
        throw ErrnoException.of(Errno.ENOENT);
      }
      from.cut(Name.of(name));
      to.cut(Name.of(newName));
      from.link(Name.of(name), old);
      to.link(Name.of(newName), node);
      return;
    }
    if (old != null) {
      if (old.isDirectory()) {
        rmdir(request, newParent, newName);
      } else {
        unlink(request, newParent, newName);
      }
    }
    from.cut(Name.of(name));
    to.link(Name.of(newName), node);
  }

  private MemoryNode handle(long handle) throws ErrnoException {
    MemoryNode node = handles.get(handle);
    if (node == null) {
      throw ErrnoException.of(Errno.EBADF);
    }
    return node;
  }

  private long handle(MemoryNode node) {
    handles.put(++lastHandle, node);
    return lastHandle;
  }

  @Override
  public synchronized void open(
      Request request, long nodeid, int flags, boolean killSuidgid, Opened opened)
      throws ErrnoException {
    MemoryNode node = node(nodeid);
    if ((flags & Linux.O_TRUNC) != 0) {
      node.resize(0);
      if (killSuidgid) {
        node.mode &= ~(Linux.S_ISUID | Linux.S_ISGID);
      }
    }
    opened.handle = handle(node);
    opened.backingId = node.backingId;
    opened.keepCache = true;
  }

  @Override
  public synchronized void create(
      Request request,
      long parent,
      byte[] name,
      int flags,
      int mode,
      int umask,
      Entry entry,
      Opened opened)
      throws ErrnoException {
    MemoryNode node = create(request, parent, name, mode, umask);
    fill(node, entry);
    opened.handle = handle(node);
    opened.backingId = node.backingId;
  }

  @Override
  public synchronized void tmpfile(
      Request request, long parent, int flags, int mode, int umask, Entry entry, Opened opened)
      throws ErrnoException {
    MemoryNode node = make(mode & ~umask, request.uid(), request.gid());
    node.nlink = 0;
    fill(node, entry);
    opened.handle = handle(node);
  }

  @Override
  public synchronized int read(
      Request request, long nodeid, long handle, long offset, int size, NativeBuffer out)
      throws ErrnoException {
    MemoryNode node = handle(handle);
    int n = (int) Math.max(0, Math.min(size, node.size - offset));
    if (n > 0) {
      out.bytes().put(0, node.data, (int) offset, n);
    }
    return n;
  }

  @Override
  public synchronized int write(
      Request request,
      long nodeid,
      long handle,
      long offset,
      long address,
      int size,
      boolean killSuidgid,
      boolean writeback)
      throws ErrnoException {
    MemoryNode node = handle(handle);
    if (offset + size > node.size) {
      node.resize(offset + size);
    }
    Pointer.wrap(RUNTIME, address).get(0, node.data, (int) offset, size);
    sawKillSuidgid = killSuidgid;
    if (killSuidgid) {
      node.mode &= ~(Linux.S_ISUID | Linux.S_ISGID);
    }
    node.mtime = now();
    return size;
  }

  @Override
  public synchronized void flush(Request request, long nodeid, long handle, long lockOwner)
      throws ErrnoException {
    node(nodeid).locks.release(lockOwner, false);
  }

  @Override
  public synchronized void release(Request request, long nodeid, long handle, long flockOwner) {
    MemoryNode node = handles.remove(handle);
    if (node == null) {
      throw new IllegalStateException("release of handle " + handle);
    }
    node.locks.release(flockOwner, true);
  }

  @Override
  public void fsync(Request request, long nodeid, long handle, boolean dataOnly)
      throws ErrnoException {}

  @Override
  public void fsyncdir(Request request, long nodeid, boolean dataOnly) throws ErrnoException {}

  @Override
  public void syncfs(Request request) {}

  @Override
  public synchronized void fallocate(
      Request request, long nodeid, long handle, long offset, long length, int mode)
      throws ErrnoException {
    if (mode != 0) {
      throw ErrnoException.of(Errno.ENOSYS);
    }
    MemoryNode node = node(nodeid);
    if (offset + length > node.size) {
      node.resize(offset + length);
    }
  }

  @Override
  public synchronized long lseek(Request request, long nodeid, long handle, long offset, int whence)
      throws ErrnoException {
    MemoryNode node = node(nodeid);
    if (offset >= node.size) {
      throw ErrnoException.of(Errno.ENXIO);
    }
    return whence == Linux.SEEK_DATA ? offset : node.size;
  }

  @Override
  public synchronized long copyFileRange(
      Request request,
      long nodeidIn,
      long handleIn,
      long offsetIn,
      long nodeidOut,
      long handleOut,
      long offsetOut,
      long length)
      throws ErrnoException {
    MemoryNode in = node(nodeidIn);
    MemoryNode out = node(nodeidOut);
    int n = (int) Math.max(0, Math.min(length, in.size - offsetIn));
    if (n == 0) {
      return 0;
    }
    byte[] copy = Arrays.copyOfRange(in.data, (int) offsetIn, (int) offsetIn + n);
    if (offsetOut + n > out.size) {
      out.resize(offsetOut + n);
    }
    System.arraycopy(copy, 0, out.data, (int) offsetOut, n);
    return n;
  }

  @Override
  public synchronized void readdir(Request request, long nodeid, long offset, DirectoryReply reply)
      throws ErrnoException {
    MemoryNode node = directory(nodeid);
    if (offset < 1 && !reply.add(new byte[] {'.'}, node.id, Linux.DT_DIR, 1)) {
      return;
    }
    if (offset < 2 && !reply.add(new byte[] {'.', '.'}, node.parent.id, Linux.DT_DIR, 2)) {
      return;
    }
    for (Map.Entry<Long, MemoryNode.DirectoryEntry> e :
        node.entries.tailMap(offset, false).entrySet()) {
      MemoryNode child = e.getValue().node();
      int type = (child.mode & Linux.S_IFMT) >>> 12;
      if (!reply.add(e.getValue().name().toBytes(), child.id, type, e.getKey())) {
        return;
      }
    }
  }

  @Override
  public synchronized void readdirplus(
      Request request, long nodeid, long offset, DirectoryPlusReply reply) throws ErrnoException {
    MemoryNode node = directory(nodeid);
    if (offset < 1 && !dot(".", node, 1, reply)) {
      return;
    }
    if (offset < 2 && !dot("..", node.parent, 2, reply)) {
      return;
    }
    for (Map.Entry<Long, MemoryNode.DirectoryEntry> e :
        node.entries.tailMap(offset, false).entrySet()) {
      byte[] name = e.getValue().name().toBytes();
      if (!reply.fits(name)) {
        return;
      }
      fill(e.getValue().node(), reply.entry());
      reply.add(name, e.getKey());
    }
  }

  private static boolean dot(String name, MemoryNode node, long next, DirectoryPlusReply reply) {
    byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
    if (!reply.fits(bytes)) {
      return false;
    }
    reply.entry().nodeid = 0;
    reply.entry().attributes.ino = node.id;
    reply.entry().attributes.mode = node.mode;
    reply.add(bytes, next);
    return true;
  }

  @Override
  public synchronized void statfs(Request request, FileSystemStatistics statistics) {
    statistics.blocks = 1000;
    statistics.blocksFree = 500;
    statistics.blocksAvailable = 400;
    statistics.files = nodes.size();
    statistics.filesFree = 100;
    statistics.blockSize = 4096;
    statistics.fragmentSize = 4096;
    statistics.nameMax = 255;
  }

  @Override
  public synchronized void setxattr(
      Request request, long nodeid, byte[] name, byte[] value, int flags, boolean killSgid)
      throws ErrnoException {
    MemoryNode node = node(nodeid);
    boolean there = node.xattrs.containsKey(Name.of(name));
    if (there && (flags & Linux.XATTR_CREATE) != 0) {
      throw ErrnoException.of(Errno.EEXIST);
    }
    if (!there && (flags & Linux.XATTR_REPLACE) != 0) {
      throw ErrnoException.of(Errno.ENODATA);
    }
    node.xattrs.put(Name.of(name), value);
  }

  @Override
  public synchronized byte[] getxattr(Request request, long nodeid, byte[] name)
      throws ErrnoException {
    byte[] value = node(nodeid).xattrs.get(Name.of(name));
    if (value == null) {
      throw ErrnoException.of(Errno.ENODATA);
    }
    return value;
  }

  @Override
  public synchronized byte[] listxattr(Request request, long nodeid) throws ErrnoException {
    StringBuilder list = new StringBuilder();
    node(nodeid).xattrs.keySet().forEach(name -> list.append(name.bytes()).append('\0'));
    return list.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  @Override
  public synchronized void removexattr(Request request, long nodeid, byte[] name)
      throws ErrnoException {
    if (node(nodeid).xattrs.remove(Name.of(name)) == null) {
      throw ErrnoException.of(Errno.ENODATA);
    }
  }

  @Override
  public synchronized FileLock getlk(
      Request request, long nodeid, long handle, long lockOwner, FileLock lock)
      throws ErrnoException {
    return node(nodeid).locks.test(lockOwner, lock);
  }

  @Override
  public synchronized void setlk(
      Request request,
      long nodeid,
      long handle,
      long lockOwner,
      FileLock lock,
      boolean flock,
      boolean wait,
      LockReply reply)
      throws ErrnoException {
    node(nodeid).locks.set(this, lockOwner, flock, lock, wait, reply);
  }

  @Override
  public synchronized byte[] ioctl(
      Request request,
      long nodeid,
      long handle,
      boolean directory,
      int command,
      byte[] in,
      int outSize)
      throws ErrnoException {
    if ((command & 0xffffffffL) == Linux.FS_IOC_GETFLAGS && outSize >= 4) {
      return ByteBuffer.allocate(4).order(java.nio.ByteOrder.nativeOrder()).putInt(0x10).array();
    }
    throw ErrnoException.of(Errno.ENOTTY);
  }
}
