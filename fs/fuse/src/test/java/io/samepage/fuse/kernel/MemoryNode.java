package io.samepage.fuse.kernel;

import io.samepage.fuse.Attributes;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/** An inode of a {@link MemoryFileSystem}, which guards it. */
final class MemoryNode {
  /** The largest file. */
  private static final int MOST = 64 << 20;

  final long id;
  int mode;
  int uid;
  int gid;
  int nlink = 1;
  int rdev;
  byte[] data = {};
  int size;
  long atime;
  int atimeNanos;
  long mtime;
  int mtimeNanos;
  long ctime;
  long btime;
  long lookups;
  MemoryNode parent;
  int backingId;
  final Map<Name, Long> names = new HashMap<>();
  final TreeMap<Long, DirectoryEntry> entries = new TreeMap<>();
  final Map<Name, byte[]> xattrs = new TreeMap<>((a, b) -> a.bytes().compareTo(b.bytes()));
  final MemoryLocks locks = new MemoryLocks();
  long lastCookie = 2;

  MemoryNode(long id, int mode, int uid, int gid, long now) {
    atime = now;
    mtime = now;
    ctime = now;
    btime = now;
    this.id = id;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
  }

  boolean isDirectory() {
    return (mode & Linux.S_IFMT) == Linux.S_IFDIR;
  }

  void resize(long size64) throws ErrnoException {
    if (size64 > MOST) {
      throw ErrnoException.of(Errno.EFBIG);
    }
    int newSize = (int) size64;
    if (newSize > data.length) {
      data = Arrays.copyOf(data, Math.max(newSize, data.length * 2));
    }
    if (newSize < size) {
      Arrays.fill(data, newSize, size, (byte) 0);
    }
    size = newSize;
  }

  /** Gives a node a name here. */
  void link(Name name, MemoryNode node) {
    long cookie = ++lastCookie;
    names.put(name, cookie);
    entries.put(cookie, new DirectoryEntry(name, node));
    if (node.isDirectory()) {
      node.parent = this;
      nlink++;
    }
  }

  /** Takes a name away; returns the node that had it. */
  MemoryNode cut(Name name) {
    MemoryNode node = entries.remove(names.remove(name)).node();
    if (node.isDirectory()) {
      nlink--;
    }
    return node;
  }

  /** The node of a name; null if there is none. */
  MemoryNode child(Name name) {
    Long cookie = names.get(name);
    return cookie == null ? null : entries.get(cookie).node();
  }

  /** The node of a name; ENOENT if there is none. */
  MemoryNode present(Name name) throws ErrnoException {
    MemoryNode node = child(name);
    if (node == null) {
      throw ErrnoException.of(Errno.ENOENT);
    }
    return node;
  }

  /** What stat(2) says, and for how long the kernel may keep that. */
  void show(Attributes a, long validNanos) {
    a.ino = id;
    a.size = size;
    a.blocks = (size + 511L) / 512;
    a.atimeSeconds = atime;
    a.atimeNanos = atimeNanos;
    a.mtimeSeconds = mtime;
    a.mtimeNanos = mtimeNanos;
    a.ctimeSeconds = ctime;
    a.ctimeNanos = 0;
    a.hasBtime = true;
    a.btimeSeconds = btime;
    a.btimeNanos = 7;
    a.mode = mode;
    a.nlink = nlink;
    a.uid = uid;
    a.gid = gid;
    a.rdev = rdev;
    a.blksize = 4096;
    a.statxAttributes = 0;
    a.statxAttributesMask = 0;
    a.validNanos = validNanos;
  }

  /** A name as a key. */
  record Name(String bytes) {
    static Name of(byte[] bytes) {
      return new Name(new String(bytes, StandardCharsets.ISO_8859_1));
    }

    byte[] toBytes() {
      return bytes.getBytes(StandardCharsets.ISO_8859_1);
    }
  }

  record DirectoryEntry(Name name, MemoryNode node) {}
}
