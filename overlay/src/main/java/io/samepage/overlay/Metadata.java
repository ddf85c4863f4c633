package io.samepage.overlay;

import io.samepage.fuse.AttributeChange;
import io.samepage.fuse.Attributes;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.Partials.Use;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** Attributes, extended attributes, and the flags of chattr(1). */
final class Metadata {
  private static final byte[] TRUSTED = Names.ascii("trusted.");
  private static final byte[] ACCESS_ACL = Names.ascii("system.posix_acl_access");
  private static final byte[] CAPABILITY = Names.ascii("security.capability");

  private final Overlay overlay;
  private final OpenFiles openFiles;
  private final Truncation truncation;

  Metadata(Overlay overlay, OpenFiles openFiles, Truncation truncation) {
    this.overlay = overlay;
    this.openFiles = openFiles;
    this.truncation = truncation;
  }

  void get(Node node, Attributes attributes) throws ErrnoException {
    Stat stat = new Stat();
    overlay.tree.readLock().lock();
    try {
      overlay.access.stat(node, stat);
    } finally {
      overlay.tree.readLock().unlock();
    }
    overlay.show(node, stat, attributes);
  }

  /** Changes what {@code change} names: size first, then owner, since that clears mode bits. */
  void set(Request request, Node node, AttributeChange change, Attributes attributes)
      throws ErrnoException {
    overlay.work();
    Protection.checkChange(node, change);
    if (change.isEmpty()) {
      checkTaking(request, node);
    }
    if (setPartialSize(node, change)) {
      get(node, attributes);
      return;
    }
    if (change.setSize) {
      overlay.copyUp.node(node, change.size == 0 ? CopyUp.Extent.EMPTY : CopyUp.Extent.DATA);
    } else {
      overlay.copyUp.node(node, CopyUp.Extent.METADATA);
    }
    Stat stat = new Stat();
    overlay.tree.readLock().lock();
    try {
      if (change.setSize) {
        boolean byPath = change.handle == Opened.NO_HANDLE;
        truncation.truncate(node, change.size, byPath, change.killSuidgid ? request : null);
      }
      try (Place place = overlay.access.upper(node)) {
        apply(request, node, place, change);
        Files.stat(place.dirfd(), place.name(), stat);
      }
      overlay.access.complete(node, stat);
    } finally {
      overlay.tree.readLock().unlock();
    }
    overlay.show(node, stat, attributes);
  }

  /**
   * What names no attribute takes set-id bits away ({@link AttributeChange#isEmpty}). As a chown(2)
   * that changes nothing anybody could ask for it, so unless somebody can write the file this
   * moment it is for the owner alone: else programs that live by these bits could be disabled by
   * anyone. The kernel leaves the check to the file system (fuse_setattr).
   */
  private void checkTaking(Request request, Node node) throws ErrnoException {
    if (request.uid() == 0 || !node.maySetIds() || openFiles.isWritable(node)) {
      return;
    }
    Stat stat = new Stat();
    overlay.tree.readLock().lock();
    try {
      overlay.access.stat(node, stat);
    } finally {
      overlay.tree.readLock().unlock();
    }
    if (Privileges.losesSetIds(request, stat) && !Privileges.ownsLike(request, stat)) {
      throw ErrnoException.of(Errno.EPERM);
    }
  }

  /** Cuts off or extends a file that is copied up page by page; false if it is none. */
  private boolean setPartialSize(Node node, AttributeChange change) throws ErrnoException {
    PartialCopies copies = overlay.partialCopies;
    boolean alone =
        !change.setMode && !change.setUid && !change.setGid && !change.setAtime && !change.setMtime;
    boolean open = node.isPartial() || change.handle != Opened.NO_HANDLE;
    if (copies == null || !change.setSize || !alone || !open || node.hasUpper()) {
      return false;
    }
    try (Use use = copies.forWriting(node)) {
      if (use == null) {
        return false;
      }
      use.file().truncate(change.size, !overlay.config.volatileUpper());
      return true;
    }
  }

  private static void apply(Request request, Node node, Place place, AttributeChange change)
      throws ErrnoException {
    boolean capabilityGone = node.isCapabilityGone();
    node.setCapabilityGone(false);
    if (change.isEmpty()) {
      // A chown that changes neither takes the bits all the same. So does a write that comes next,
      // but not that of one with CAP_FSETID, who is heard of only if a capability was removed.
      if (!capabilityGone || !Privileges.mayKeepSetIds(request)) {
        Files.chown(place.dirfd(), place.name(), -1, -1);
        dropSetIds(request, place);
      }
      return;
    }
    if (change.killSuidgid && !change.setMode && !change.setSize) {
      // The group that the file has had decides, and the caller may be in the new one only.
      dropSetIds(request, place);
    }
    if (change.setUid || change.setGid) {
      Files.chown(
          place.dirfd(),
          place.name(),
          change.setUid ? change.uid : -1,
          change.setGid ? change.gid : -1);
    }
    if (change.setMode) {
      Files.chmod(place.dirfd(), place.name(), change.mode);
    }
    if (change.setAtime || change.setMtime) {
      Files.utimens(
          place.dirfd(),
          place.name(),
          change.atimeSeconds,
          nanos(change.setAtime, change.atimeNow, change.atimeNanos),
          change.mtimeSeconds,
          nanos(change.setMtime, change.mtimeNow, change.mtimeNanos));
    }
  }

  private static void dropSetIds(Request request, Place place) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(place.dirfd(), place.name(), stat);
    if (!Privileges.losesSetIds(request, stat)) {
      return;
    }
    try (Fd fd = LayerAccess.openPath(place)) {
      Privileges.dropSetIds(request, fd.number());
    }
  }

  private static int nanos(boolean set, boolean now, int nanos) {
    if (!set) {
      return Linux.UTIME_OMIT;
    }
    return now ? Linux.UTIME_NOW : nanos;
  }

  // ------------------------------------------------------------------ extended attributes

  byte[] getXattr(Node node, byte[] name) throws ErrnoException {
    int asked = node.mayBeDressed() ? AbsentXattrs.OTHER : AbsentXattrs.kind(name);
    overlay.tree.readLock().lock();
    try {
      return asked == AbsentXattrs.OTHER ? read(node, name) : readIfAny(node, name, asked);
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  private byte[] read(Node node, byte[] name) throws ErrnoException {
    try (Place place = overlay.access.metadata(node)) {
      return Xattrs.get(place.dirfd(), place.name(), overlay.xattrs.escape(name));
    }
  }

  /** One of those that are asked for of every file, and that hardly any file has. */
  private byte[] readIfAny(Node node, byte[] name, int kind) throws ErrnoException {
    if (!node.isBare()) {
      try (Place place = overlay.access.metadata(node)) {
        node.setBare(overlay.xattrs.read(place.dirfd(), place.name()).isBare());
      }
    }
    if (!node.isBare()) {
      return read(node, name);
    }
    AbsentXattrs absent = overlay.access.layer(node).absentXattrs();
    int known = absent.errno(kind);
    if (known != 0) {
      throw ErrnoException.of(known);
    }
    try {
      return read(node, name);
    } catch (ErrnoException e) {
      absent.note(kind, e.errno());
      throw e;
    }
  }

  byte[] listXattrs(Request request, Node node) throws ErrnoException {
    byte[] list;
    if (node.isBare()) {
      return Names.EMPTY;
    }
    overlay.tree.readLock().lock();
    try (Place place = overlay.access.metadata(node)) {
      list = Xattrs.list(place.dirfd(), place.name());
    } finally {
      overlay.tree.readLock().unlock();
    }
    ByteArrayOutputStream shown = new ByteArrayOutputStream(list.length);
    int at = 0;
    for (int end = 0; end < list.length; end++) {
      if (list[end] != 0) {
        continue;
      }
      byte[] name = overlay.xattrs.unescape(Arrays.copyOfRange(list, at, end));
      at = end + 1;
      // A file system itself would show these to the privileged alone; the kernel leaves it to us.
      if (name != null && (request.uid() == 0 || !Names.startsWith(name, TRUSTED))) {
        shown.writeBytes(name);
        shown.write(0);
      }
    }
    return shown.toByteArray();
  }

  void setXattr(Node node, byte[] name, byte[] value, int flags, boolean killSgid)
      throws ErrnoException {
    overlay.work();
    Protection.checkFixed(node);
    overlay.copyUp.node(node, CopyUp.Extent.METADATA);
    overlay.tree.readLock().lock();
    try (Place place = overlay.access.upper(node)) {
      node.setDressed();
      Xattrs.set(place.dirfd(), place.name(), overlay.xattrs.escape(name), value, flags);
      // The kernel says so of every ACL, but one for what is to be made there takes no bit away.
      if (killSgid && Arrays.equals(name, ACCESS_ACL)) {
        try (Fd fd = LayerAccess.openPath(place)) {
          Stat stat = new Stat();
          Files.stat(fd.number(), stat);
          Files.chmod(fd.number(), stat.mode & ~Linux.S_ISGID);
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  void removeXattr(Node node, byte[] name) throws ErrnoException {
    overlay.work();
    Protection.checkFixed(node);
    byte[] escaped = overlay.xattrs.escape(name);
    if (!node.hasUpper()) {
      overlay.tree.readLock().lock();
      try (Place place = overlay.access.metadata(node)) {
        Xattrs.get(place.dirfd(), place.name(), escaped); // ENODATA is no reason to copy up
      } finally {
        overlay.tree.readLock().unlock();
      }
    }
    overlay.copyUp.node(node, CopyUp.Extent.METADATA);
    overlay.tree.readLock().lock();
    try (Place place = overlay.access.upper(node)) {
      Xattrs.remove(place.dirfd(), place.name(), escaped);
      node.setCapabilityGone(Arrays.equals(name, CAPABILITY));
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  // ------------------------------------------------------------------ flags

  /** FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and their FSXATTR forms; ENOTTY for all others. */
  byte[] ioctl(Node node, int command, byte[] in, int outSize) throws ErrnoException {
    long wide = command & 0xffffffffL;
    boolean set = wide == Linux.FS_IOC_SETFLAGS || wide == Linux.FS_IOC_FSSETXATTR;
    boolean get = wide == Linux.FS_IOC_GETFLAGS || wide == Linux.FS_IOC_FSGETXATTR;
    if (!set && !get) {
      throw ErrnoException.of(Errno.ENOTTY);
    }
    if (set) {
      overlay.work();
      overlay.copyUp.node(node, CopyUp.Extent.METADATA);
    }
    // The kernel writes a long for the flags of some commands: room for the largest answer.
    byte[] argument = Arrays.copyOf(in, Math.max(Math.max(in.length, outSize), 32));
    boolean extended = wide == Linux.FS_IOC_FSSETXATTR || wide == Linux.FS_IOC_FSGETXATTR;
    overlay.tree.readLock().lock();
    try (Place place = overlay.access.metadata(node);
        Fd fd = LayerAccess.open(place, Linux.O_RDONLY | Linux.O_NONBLOCK)) {
      if (set) {
        boolean immutable = Protection.asksImmutable(argument, extended);
        boolean appendOnly = Protection.asksAppendOnly(argument, extended);
        Protection.clear(argument, extended);
        Files.ioctl(fd.number(), wide, argument);
        protect(node, fd, immutable, appendOnly);
        // The kernel does not know that what it has done changes attributes.
        overlay.connection.invalidateAttributes(node.nodeid);
      } else {
        Files.ioctl(fd.number(), wide, argument);
        Protection.show(node, argument, extended);
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
    return set ? Names.EMPTY : Arrays.copyOf(argument, outSize);
  }

  private void protect(Node node, Fd upper, boolean immutable, boolean appendOnly)
      throws ErrnoException {
    byte[] mark = Protection.mark(immutable, appendOnly);
    byte[] name = overlay.xattrs.protattr;
    if (mark.length > 0) {
      Xattrs.set(upper.number(), Names.EMPTY, name, mark, 0);
    } else if (Xattrs.find(upper.number(), Names.EMPTY, name) != null) {
      Xattrs.remove(upper.number(), Names.EMPTY, name);
    }
    Stat stat = new Stat();
    Files.stat(upper.number(), stat);
    node.note(stat);
    node.noteProtection(immutable, appendOnly);
  }
}
