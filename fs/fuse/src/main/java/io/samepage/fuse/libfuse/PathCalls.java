package io.samepage.fuse.libfuse;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.FileSystem;
import io.samepage.fuse.FileSystemStatistics;
import io.samepage.fuse.Opened;
import io.samepage.fuse.wire.Opcode;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import io.samepage.posix.Processes;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The calls of libfuse that name a file by its path, answered by a file system that knows nodes.
 * Each takes the path apart, makes one call of the file system, or few, and keeps the names right
 * that {@link Paths} remembers. What is open is a matter of {@link HandleCalls}.
 *
 * <p>Thread-safe; calls for one path may come at once, but libfuse lets none come while a name on
 * the path is being removed or renamed.
 */
final class PathCalls {
  private static final int CAP_FSETID = 4;
  private static final byte[] ACCESS_ACL =
      "system.posix_acl_access".getBytes(StandardCharsets.US_ASCII);

  private final FileSystem fs;
  private final KnownNodes nodes;
  private final Paths paths;
  private final HandleCalls handles;
  private final KernelCache cache;

  PathCalls(FileSystem fs, KnownNodes nodes, Paths paths, HandleCalls handles, KernelCache cache) {
    this.fs = fs;
    this.nodes = nodes;
    this.paths = paths;
    this.handles = handles;
    this.cache = cache;
  }

  // ------------------------------------------------------------------ attributes

  /** The attributes; they belong to {@code call}. Null: there is no such name. */
  @Nullable Attributes getattr(Call call, byte[] path) throws ErrnoException {
    KnownNode node = paths.find(call, path);
    if (node == null) {
      return null;
    }
    try {
      Attributes attributes = show(call, node, Opened.NO_HANDLE);
      if (call.opcode == Opcode.GETATTR && Paths.isHiddenName(path) && attributes.nlink > 0) {
        // Another name is left, which libfuse shows under another number. It counts the hidden name
        // as a link and takes it off the answer; but here it is none.
        attributes.nlink++;
        call.attrValidNanos = 0;
      }
      return attributes;
    } finally {
      nodes.release(node);
    }
  }

  /** Reads the attributes of a node, unless this request has just seen them. */
  Attributes show(Call call, KnownNode node, long handle) throws ErrnoException {
    Attributes attributes;
    if (call.emptyChange) {
      call.emptyChange = false;
      change(call).killSuidgid = call.killSuidgid;
      set(fs, call, node);
    }
    if (call.freshNode == node) {
      attributes = call.fresh;
    } else {
      attributes = call.attributes;
      fs.getattr(call.request, node.nodeid, handle, attributes);
    }
    // To libfuse each name of a file is a node of its own, and each would keep its own attributes.
    boolean linked = attributes.nlink > 1 && (attributes.mode & Linux.S_IFMT) != Linux.S_IFDIR;
    call.attrValidNanos = linked ? 0 : attributes.validNanos;
    call.shown = node;
    return attributes;
  }

  void chmod(Call call, byte[] path, int mode) throws ErrnoException {
    AttributeChange change = change(call);
    change.setMode = true;
    change.mode = mode;
    set(call, path);
  }

  /**
   * @param uid −1: stays
   * @param gid −1: stays
   */
  void chown(Call call, byte[] path, int uid, int gid) throws ErrnoException {
    AttributeChange change = change(call);
    change.setUid = uid != -1;
    change.uid = uid;
    change.setGid = gid != -1;
    change.gid = gid;
    change.killSuidgid = call.killSuidgid;
    set(call, path);
  }

  void truncate(Call call, byte[] path, long size) throws ErrnoException {
    AttributeChange change = change(call);
    change.setSize = true;
    change.size = size;
    change.killSuidgid = call.killSuidgid;
    KnownNode node = set(call, path);
    cache.changed(node, call.number);
  }

  /** Times, with UTIME_NOW and UTIME_OMIT in the place of nanoseconds. */
  void utimens(
      Call call,
      byte[] path,
      long atimeSeconds,
      long atimeNanos,
      long mtimeSeconds,
      long mtimeNanos)
      throws ErrnoException {
    AttributeChange change = change(call);
    change.setAtime = atimeNanos != Linux.UTIME_OMIT;
    change.atimeNow = atimeNanos == Linux.UTIME_NOW;
    change.atimeSeconds = atimeSeconds;
    change.atimeNanos = change.atimeNow ? 0 : (int) atimeNanos;
    change.setMtime = mtimeNanos != Linux.UTIME_OMIT;
    change.mtimeNow = mtimeNanos == Linux.UTIME_NOW;
    change.mtimeSeconds = mtimeSeconds;
    change.mtimeNanos = change.mtimeNow ? 0 : (int) mtimeNanos;
    set(call, path);
  }

  /** The change of a call, naming nothing. */
  static AttributeChange change(Call call) {
    AttributeChange change = call.change;
    change.handle = Opened.NO_HANDLE;
    change.setMode = false;
    change.setUid = false;
    change.setGid = false;
    change.setSize = false;
    change.setAtime = false;
    change.atimeNow = false;
    change.setMtime = false;
    change.mtimeNow = false;
    change.killSuidgid = false;
    return change;
  }

  private KnownNode set(Call call, byte[] path) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try {
      set(fs, call, node);
      return node;
    } finally {
      nodes.release(node);
    }
  }

  /** Makes the change of a call to a node that the caller uses. */
  void set(Call call, KnownNode node) throws ErrnoException {
    set(fs, call, node);
    if (call.change.setSize) {
      cache.changed(node, call.number);
    }
  }

  /** The kernel may keep the attributes of a node, which have changed, under another number. */
  void changedElsewhere(Call call, KnownNode node) {
    if (node.shownAs != call.number) {
      cache.attributesChanged(node);
    }
  }

  /** Makes the change of a call, and keeps the attributes for the answer. */
  static void set(FileSystem fs, Call call, KnownNode node) throws ErrnoException {
    call.freshNode = null;
    fs.setattr(call.request, node.nodeid, call.change, call.attributes);
    call.freshNode = node;
    call.fresh = call.attributes;
  }

  byte[] readlink(Call call, byte[] path) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try {
      return fs.readlink(call.request, node.nodeid);
    } finally {
      nodes.release(node);
    }
  }

  FileSystemStatistics statfs(Call call) throws ErrnoException {
    fs.statfs(call.request, call.statistics);
    return call.statistics;
  }

  // ------------------------------------------------------------------ names

  void mknod(Call call, byte[] path, int mode, int umask, int rdev) throws ErrnoException {
    try (Paths.Place place = paths.place(call, path)) {
      call.entry.nodeid = 0;
      fs.mknod(call.request, place.directory.nodeid, place.name, mode, umask, rdev, call.entry);
      nodes.release(paths.created(call, place));
    }
  }

  void mkdir(Call call, byte[] path, int mode, int umask) throws ErrnoException {
    try (Paths.Place place = paths.place(call, path)) {
      call.entry.nodeid = 0;
      fs.mkdir(call.request, place.directory.nodeid, place.name, mode, umask, call.entry);
      nodes.release(paths.created(call, place));
    }
  }

  void symlink(Call call, byte[] target, byte[] path) throws ErrnoException {
    try (Paths.Place place = paths.place(call, path)) {
      call.entry.nodeid = 0;
      fs.symlink(call.request, place.directory.nodeid, place.name, target, call.entry);
      nodes.release(paths.created(call, place));
    }
  }

  void link(Call call, byte[] path, byte[] newPath) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try (Paths.Place place = paths.place(call, newPath)) {
      call.entry.nodeid = 0;
      fs.link(call.request, node.nodeid, place.directory.nodeid, place.name, call.entry);
      nodes.release(paths.created(call, place));
      // What the kernel holds under the old name has one link less, and is to be kept no more.
      cache.attributesChanged(node);
    } finally {
      nodes.release(node);
    }
  }

  void unlink(Call call, byte[] path) throws ErrnoException {
    if (call.opcode != Opcode.UNLINK) {
      paths.unhide(path); // libfuse tidies up after itself: nobody has asked for this
      return;
    }
    try (Paths.Place place = paths.place(call, path)) {
      KnownNode node = paths.known(place);
      try {
        fs.unlink(call.request, place.directory.nodeid, place.name);
        paths.changed(place);
        // Another name may be left, which libfuse shows under another number.
        orphan(node);
      } finally {
        release(node);
      }
    }
  }

  void rmdir(Call call, byte[] path) throws ErrnoException {
    try (Paths.Place place = paths.place(call, path)) {
      KnownNode node = paths.known(place);
      try {
        fs.rmdir(call.request, place.directory.nodeid, place.name);
        paths.changed(place);
        orphan(node);
      } finally {
        release(node);
      }
    }
  }

  void rename(Call call, byte[] path, byte[] newPath) throws ErrnoException {
    if (hides(call, newPath)) {
      hide(call, path, newPath);
      return;
    }
    try (Paths.Place from = paths.place(call, path);
        Paths.Place to = paths.place(call, newPath)) {
      KnownNode replaced = paths.known(to);
      if (replaced != null && isSame(call, from, replaced)) {
        // Two names of one file: rename(2) does nothing. The kernel knows that by the number of the
        // node and would not have asked, but to libfuse each name is a node of its own.
        nodes.release(replaced);
        return;
      }
      try {
        fs.rename(call.request, from.directory.nodeid, from.name, to.directory.nodeid, to.name, 0);
        orphan(replaced);
      } catch (ErrnoException e) {
        // If libfuse has hidden what was to be replaced, it does not know the name any more.
        if (to.directory.shownAs != 0) {
          cache.dropName(to.directory.shownAs, to.name);
        }
        throw e;
      } finally {
        paths.changed(from);
        paths.changed(to);
        release(replaced);
      }
    }
  }

  private boolean isSame(Call call, Paths.Place place, KnownNode node) throws ErrnoException {
    KnownNode other;
    try {
      other = paths.child(call, place.directory, place.name);
    } catch (ErrnoException e) {
      nodes.release(node);
      throw e;
    }
    nodes.release(other);
    return other == node;
  }

  /** A node has lost the name that libfuse knows, and may still be asked about by its number. */
  private void orphan(@Nullable KnownNode node) {
    if (node != null && node.shownAs != 0) {
      handles.orphan(node);
    }
  }

  private void release(@Nullable KnownNode node) {
    if (node != null) {
      nodes.release(node);
    }
  }

  /**
   * Whether libfuse is hiding a file that is open before it removes or replaces the name: nobody
   * asks to rename anything, or nobody asks for this name.
   */
  private static boolean hides(Call call, byte[] newPath) {
    return Paths.isHiddenName(newPath)
        && (call.opcode == Opcode.UNLINK
            || (call.opcode == Opcode.RENAME
                && !Arrays.equals(Paths.lastName(newPath), call.lastName)));
  }

  /**
   * The name goes, if it is to be unlinked; where it is to be replaced, the rename that follows
   * does that in one step.
   */
  private void hide(Call call, byte[] path, byte[] hiddenPath) throws ErrnoException {
    try (Paths.Place place = paths.place(call, path)) {
      KnownNode node = paths.child(call, place.directory, place.name);
      try {
        if (call.opcode == Opcode.UNLINK) {
          fs.unlink(call.request, place.directory.nodeid, place.name);
          paths.changed(place);
          fs.getattr(call.request, node.nodeid, Opened.NO_HANDLE, call.attributes);
          if (call.attributes.nlink == 0) {
            orphan(node);
          }
        }
        paths.hide(hiddenPath, node);
      } finally {
        nodes.release(node);
      }
    }
  }

  // ------------------------------------------------------------------ opening

  /** Opens a file; the number of its handle. */
  long open(Call call, byte[] path, int flags) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try {
      call.freshNode = null;
      call.opened.clear();
      fs.open(call.request, node.nodeid, flags, call.killSuidgid, call.opened);
      if ((flags & Linux.O_TRUNC) != 0) {
        cache.changed(node, call.number);
      }
      boolean cached = node.readUnder(call.number);
      return handles.opened(call, node, cached);
    } catch (ErrnoException e) {
      nodes.release(node);
      throw e;
    }
  }

  /** Creates and opens a file; the number of its handle. ENOSYS: {@link #mknod} is to do it. */
  long create(Call call, byte[] path, int flags, int mode, int umask) throws ErrnoException {
    if (call.opcode == Opcode.MKNOD) {
      throw ErrnoException.of(Errno.ENOSYS); // libfuse would open it to close it again
    }
    try (Paths.Place place = paths.place(call, path)) {
      call.entry.nodeid = 0;
      call.opened.clear();
      fs.create(
          call.request,
          place.directory.nodeid,
          place.name,
          flags,
          mode,
          umask,
          call.entry,
          call.opened);
      return handles.opened(call, paths.created(call, place), false);
    }
  }

  /** Opens a directory; the number of its handle. */
  long opendir(Call call, byte[] path) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    call.opened.clear();
    call.opened.handle = Opened.NO_HANDLE;
    return handles.opened(call, node, false);
  }

  // ------------------------------------------------------------------ extended attributes

  void setxattr(Call call, byte[] path, byte[] name, byte[] value, int flags)
      throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try {
      setxattr(call, node, name, value, flags);
    } finally {
      nodes.release(node);
    }
  }

  void setxattr(Call call, KnownNode node, byte[] name, byte[] value, int flags)
      throws ErrnoException {
    boolean killSgid = Arrays.equals(name, ACCESS_ACL) && losesSgid(call, node);
    fs.setxattr(call.request, node.nodeid, name, value, flags, killSgid);
  }

  /**
   * Whether an ACL that the caller sets clears the set-group-ID bit. Newer protocols say so with
   * the request (fuse_set_acl in fs/fuse/acl.c decides by the same rule).
   */
  private boolean losesSgid(Call call, KnownNode node) throws ErrnoException {
    fs.getattr(call.request, node.nodeid, Opened.NO_HANDLE, call.attributes);
    int gid = call.attributes.gid;
    int pid = call.request.pid();
    return call.request.gid() != gid
        && !Processes.isInGroup(pid, gid)
        && !Processes.hasCapability(pid, CAP_FSETID);
  }

  byte[] getxattr(Call call, byte[] path, byte[] name) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try {
      return getxattr(call, node, name);
    } finally {
      nodes.release(node);
    }
  }

  byte[] getxattr(Call call, KnownNode node, byte[] name) throws ErrnoException {
    return fs.getxattr(call.request, node.nodeid, name);
  }

  byte[] listxattr(Call call, byte[] path) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try {
      return listxattr(call, node);
    } finally {
      nodes.release(node);
    }
  }

  byte[] listxattr(Call call, KnownNode node) throws ErrnoException {
    return fs.listxattr(call.request, node.nodeid);
  }

  void removexattr(Call call, byte[] path, byte[] name) throws ErrnoException {
    KnownNode node = paths.node(call, path);
    try {
      removexattr(call, node, name);
    } finally {
      nodes.release(node);
    }
  }

  void removexattr(Call call, KnownNode node, byte[] name) throws ErrnoException {
    fs.removexattr(call.request, node.nodeid, name);
  }
}
