package io.samepage.overlay;

import io.samepage.fuse.Entry;
import io.samepage.fuse.Opened;
import io.samepage.fuse.Request;
import io.samepage.overlay.LayerAccess.Place;
import io.samepage.overlay.NodeTable.InodeKey;
import io.samepage.posix.Credentials;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import io.samepage.posix.Xattrs;
import org.jspecify.annotations.Nullable;

/**
 * New files and names (fs/overlayfs/dir.c, ovl_create_or_link).
 *
 * <p>What the daemon's own user creates where no whiteout is goes straight into the upper
 * directory, with one system call that leaves owner, mode, umask and inherited ACL to the file
 * system there. All else is made in the work directory and renamed in, so that nobody ever sees it
 * with another owner or with names of a removed directory in it.
 */
final class Creation {
  private static final int NEW = Linux.O_CREAT | Linux.O_EXCL | Linux.O_NOFOLLOW;

  private final Overlay overlay;
  private final Redirects redirects;
  private final OpenFiles openFiles;
  private final int uid = Credentials.effectiveUid();
  private final int gid = Credentials.effectiveGid();

  Creation(Overlay overlay, Redirects redirects, OpenFiles openFiles) {
    this.overlay = overlay;
    this.redirects = redirects;
    this.openFiles = openFiles;
  }

  /** What is to be created. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Kind(int mode, int umask, int rdev, byte @Nullable [] target, int openFlags) {
    int type() {
      return mode & Linux.S_IFMT;
    }

    /** Makes it; returns a descriptor of a regular file, or −1. */
    int make(int dirfd, byte[] name, int permissions) throws ErrnoException {
      switch (type()) {
        case Linux.S_IFREG -> {
          return Files.open(dirfd, name, NEW | openFlags, permissions);
        }
        case Linux.S_IFDIR -> Files.mkdir(dirfd, name, permissions);
        case Linux.S_IFLNK -> Files.symlink(target == null ? Names.EMPTY : target, dirfd, name);
        default -> Files.mknod(dirfd, name, type() | permissions, rdev);
      }
      return -1;
    }
  }

  void mknod(
      Request request, Directory parent, byte[] name, int mode, int umask, int rdev, Entry entry)
      throws ErrnoException {
    int full = (mode & Linux.S_IFMT) == 0 ? mode | Linux.S_IFREG : mode;
    if ((full & Linux.S_IFMT) == Linux.S_IFCHR && rdev == 0) {
      throw ErrnoException.of(Errno.EPERM); // it would be a whiteout; so says the kernel's as well
    }
    make(request, parent, name, new Kind(full, umask, rdev, null, Linux.O_WRONLY), entry, null, 0);
  }

  void mkdir(Request request, Directory parent, byte[] name, int mode, int umask, Entry entry)
      throws ErrnoException {
    Kind kind = new Kind((mode & 07777) | Linux.S_IFDIR, umask, 0, null, 0);
    make(request, parent, name, kind, entry, null, 0);
  }

  void symlink(Request request, Directory parent, byte[] name, byte[] target, Entry entry)
      throws ErrnoException {
    make(request, parent, name, new Kind(Linux.S_IFLNK | 0777, 0, 0, target, 0), entry, null, 0);
  }

  void create(
      Request request,
      Directory parent,
      byte[] name,
      int flags,
      int mode,
      int umask,
      Entry entry,
      Opened opened)
      throws ErrnoException {
    Kind kind = new Kind((mode & 07777) | Linux.S_IFREG, umask, 0, null, Linux.O_RDWR);
    make(request, parent, name, kind, entry, opened, flags);
  }

  private void make(
      Request request,
      Directory parent,
      byte[] name,
      Kind kind,
      Entry entry,
      @Nullable Opened opened,
      int flags)
      throws ErrnoException {
    overlay.work();
    Protection.checkEntry(parent);
    overlay.copyUp.directory(parent);
    Stat stat = new Stat();
    overlay.tree.readLock().lock();
    try {
      synchronized (parent) {
        try (var above = overlay.descriptors.upper(parent)) {
          int fd = place(request, above.number(), name, kind, stat);
          if (stat.isDirectory() && parent.hasLowers()) {
            markOpaque(above.number(), name);
            Files.stat(above.number(), name, stat); // its ctime is new
          }
          register(parent, name, stat, fd, entry, opened, flags);
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  /** Saves later mounts the search below: nothing there belongs to a directory that is new. */
  private void markOpaque(int dirfd, byte[] name) {
    try {
      Xattrs.set(dirfd, name, overlay.xattrs.opaque, OverlayXattrs.YES, 0);
    } catch (ErrnoException e) {
      // What must be hidden has been already.
    }
  }

  private void register(
      Directory parent,
      byte[] name,
      Stat stat,
      int fd,
      Entry entry,
      @Nullable Opened opened,
      int flags)
      throws ErrnoException {
    long ino = overlay.layers.numbers().number(stat.dev(), stat.ino);
    Node node =
        stat.isDirectory()
            ? new Directory(parent, name, ino, new LayerDirectory[0])
            : new Node(parent, name, stat.mode, ino);
    node.setUpper();
    node.note(stat);
    overlay.reader.changed(parent);
    overlay.nodes.add(node);
    if (opened != null) {
      try {
        openFiles.created(node, new Fd(fd), flags, opened);
      } catch (ErrnoException e) {
        overlay.forget(node.nodeid, 1);
        throw e;
      }
    } else if (fd >= 0) {
      Files.close(fd);
    }
    overlay.show(node, stat, entry);
    // Even if it is open for mapping: what is empty cannot be written through a mapping, and
    // whatever makes it longer has the kernel drop these.
    entry.attributes.validNanos = entry.entryValidNanos;
  }

  /** Makes it at its place; fills {@code stat}; returns a descriptor of a regular file, or −1. */
  private int place(Request request, int dirfd, byte[] name, Kind kind, Stat stat)
      throws ErrnoException {
    boolean whiteout = false;
    if (request.uid() == uid && request.gid() == gid) {
      Credentials.umask(kind.umask());
      try {
        int fd = kind.make(dirfd, name, kind.mode() & 07777);
        if (fd >= 0) {
          Files.stat(fd, stat);
        } else {
          Files.stat(dirfd, name, stat);
        }
        return fd;
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EEXIST) {
          throw e;
        }
      } finally {
        Credentials.umask(0);
      }
    }
    if (Files.tryStat(dirfd, name, stat) == 0) {
      if (!overlay.xattrs.isWhiteout(dirfd, name, stat)) {
        throw ErrnoException.of(Errno.EEXIST);
      }
      whiteout = true;
    }
    return stage(request, dirfd, name, kind, whiteout, stat);
  }

  private int stage(Request request, int dirfd, byte[] name, Kind kind, boolean whiteout, Stat stat)
      throws ErrnoException {
    WorkDirectory work = overlay.work();
    byte[] temporary = work.temporaryName();
    int fd = -1;
    boolean done = false;
    try {
      fd = kind.make(work.fd(), temporary, 0700);
      try (Fd made = new Fd(Files.open(work.fd(), temporary, Linux.O_PATH | Linux.O_NOFOLLOW, 0))) {
        inherit(request, dirfd, made.number(), kind.mode(), kind.umask());
        if (kind.type() == Linux.S_IFDIR && whiteout) {
          Xattrs.set(made.number(), Names.EMPTY, overlay.xattrs.opaque, OverlayXattrs.YES, 0);
        }
        publish(work, temporary, dirfd, name, kind.type() == Linux.S_IFDIR, whiteout);
        done = true;
        Files.stat(made.number(), stat);
      }
      return fd;
    } finally {
      if (!done) {
        work.discard(temporary);
        if (fd >= 0) {
          Files.close(fd);
        }
      }
    }
  }

  private static void publish(
      WorkDirectory work,
      byte[] temporary,
      int dirfd,
      byte[] name,
      boolean directory,
      boolean whiteout)
      throws ErrnoException {
    if (!whiteout) {
      Files.rename(work.fd(), temporary, dirfd, name, Linux.RENAME_NOREPLACE);
    } else if (directory) {
      Files.rename(work.fd(), temporary, dirfd, name, Linux.RENAME_EXCHANGE);
      work.discard(temporary); // the whiteout
    } else {
      Files.rename(work.fd(), temporary, dirfd, name, 0);
    }
  }

  /** Gives a new file what it would have had if its creator had made it in the directory. */
  private void inherit(Request request, int parentFd, int fd, int mode, int umask)
      throws ErrnoException {
    Stat parent = new Stat();
    Files.stat(parentFd, parent);
    boolean setgid = (parent.mode & Linux.S_ISGID) != 0;
    Files.chown(fd, Names.EMPTY, request.uid(), setgid ? parent.gid : request.gid());
    int type = mode & Linux.S_IFMT;
    if (type == Linux.S_IFLNK) {
      return;
    }
    int full = mode & 07777;
    if (setgid && type == Linux.S_IFDIR) {
      full |= Linux.S_ISGID;
    }
    byte[] inherited = Xattrs.find(parentFd, Names.EMPTY, DefaultAcl.DEFAULT);
    if (inherited == null) {
      Files.chmod(fd, full & ~umask);
      return;
    }
    DefaultAcl acl = DefaultAcl.apply(inherited, full);
    Files.chmod(fd, acl.mode());
    byte[] access = acl.access();
    if (access != null) {
      Xattrs.set(fd, Names.EMPTY, DefaultAcl.ACCESS, access, 0);
    }
    if (type == Linux.S_IFDIR) {
      Xattrs.set(fd, Names.EMPTY, DefaultAcl.DEFAULT, inherited, 0);
    }
  }

  /** O_TMPFILE: a file without a name, until it is linked. */
  void tmpfile(
      Request request, Directory parent, int flags, int mode, int umask, Entry entry, Opened opened)
      throws ErrnoException {
    overlay.work();
    Protection.checkEntry(parent);
    overlay.copyUp.directory(parent);
    Stat stat = new Stat();
    overlay.tree.readLock().lock();
    try (var above = overlay.descriptors.upper(parent)) {
      Fd fd = new Fd(Files.open(above.number(), Names.SELF, Linux.O_TMPFILE | Linux.O_RDWR, 0600));
      inherit(request, above.number(), fd.number(), (mode & 07777) | Linux.S_IFREG, umask);
      Files.stat(fd.number(), stat);
      long ino = overlay.layers.numbers().number(stat.dev(), stat.ino);
      Node node = new Node(null, Names.EMPTY, stat.mode, ino);
      node.setUpper();
      node.note(stat);
      node.setAnchor(new Fd(Files.dup(fd.number())));
      node.setRemoved(true);
      overlay.nodes.add(node);
      openFiles.created(node, fd, flags, opened);
      overlay.show(node, stat, entry);
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  void link(Node node, Directory newParent, byte[] newName, Entry entry) throws ErrnoException {
    WorkDirectory work = overlay.work();
    Protection.checkFixed(node);
    Protection.checkEntry(newParent);
    overlay.copyUp.directory(newParent);
    overlay.copyUp.node(node, CopyUp.Extent.METADATA);
    Stat stat = new Stat();
    overlay.tree.readLock().lock();
    try {
      // The name must not be given to a node that is superseded this moment.
      synchronized (newParent) {
        synchronized (overlay.nodeLocks.of(node)) {
          linkNow(node, newParent, newName, work, stat);
        }
        overlay.access.complete(node, stat);
        overlay.show(node, stat, entry);
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  private void linkNow(
      Node node, Directory newParent, byte[] newName, WorkDirectory work, Stat stat)
      throws ErrnoException {
    if (node.isSuperseded()) {
      throw ErrnoException.of(Errno.ESTALE);
    }
    try (var above = overlay.descriptors.upper(newParent);
        Place from = overlay.access.upper(node)) {
      if (node.isMetacopy()) {
        Directory parent = node.parent();
        if (parent == null) {
          throw ErrnoException.of(Errno.ENOENT); // its last name went this moment
        }
        try (Fd upper = LayerAccess.openPath(from)) {
          redirects.set(node, parent, node.name(), upper, false);
        }
      }
      if (!newParent.isImpure()) {
        Files.stat(from.dirfd(), from.name(), stat);
        if (overlay.layers.numbers().number(stat.dev(), stat.ino) != node.ino()) {
          // Its number is that of a file below (ovl_create_or_link() in fs/overlayfs/dir.c).
          overlay.xattrs.markImpure(newParent, above.number());
        }
      }
      linkTo(from, above.number(), newName, work);
      Files.stat(from.dirfd(), from.name(), stat);
    }
    overlay.reader.changed(newParent);
    if (!node.isLinked()) {
      overlay.nodes.linkInode(new InodeKey(stat.dev(), stat.ino), node);
    }
    overlay.nodes.addName(newParent, newName, node);
    overlay.nodes.count(node);
  }

  private void linkTo(Place from, int dirfd, byte[] name, WorkDirectory work)
      throws ErrnoException {
    try {
      linkOnce(from, dirfd, name);
    } catch (ErrnoException e) {
      Stat stat = new Stat();
      if (e.errno() != Errno.EEXIST
          || Files.tryStat(dirfd, name, stat) != 0
          || !overlay.xattrs.isWhiteout(dirfd, name, stat)) {
        throw e;
      }
      byte[] temporary = work.temporaryName();
      linkOnce(from, work.fd(), temporary);
      try {
        Files.rename(work.fd(), temporary, dirfd, name, 0);
      } catch (ErrnoException failed) {
        work.discard(temporary);
        throw failed;
      }
    }
  }

  private static void linkOnce(Place from, int dirfd, byte[] name) throws ErrnoException {
    if (from.name().length == 0) {
      Files.link(from.dirfd(), dirfd, name);
    } else {
      Files.link(from.dirfd(), from.name(), dirfd, name);
    }
  }
}
