package io.samepage.overlay;

import io.samepage.fuse.DirectoryPlusReply;
import io.samepage.fuse.DirectoryReply;
import io.samepage.fuse.Entry;
import io.samepage.fuse.Request;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;

/**
 * Hands the entries of a directory to the kernel: its {@link Listing}, with "." and ".." before it,
 * and the number or the attributes of each name. Callers hold neither the tree lock nor the monitor
 * of the directory. Thread-safe.
 */
final class DirectoryEntries {
  private static final byte[] PARENT = {'.', '.'};

  private final Overlay overlay;
  private final LookAhead lookAhead = new LookAhead();

  DirectoryEntries(Overlay overlay) {
    this.overlay = overlay;
  }

  /** A process has looked a name up in a directory, which tells what it may want of the next. */
  void lookedUp(int pid, long directory) {
    lookAhead.lookedUp(pid, directory);
  }

  /** Hands out names, as getdents64(2) does, from an offset on, until the reply is full. */
  void read(Directory directory, long offset, DirectoryReply reply) throws ErrnoException {
    overlay.tree.readLock().lock();
    try {
      synchronized (directory) {
        if (offset < Listing.SELF_OFFSET
            && !reply.add(Names.SELF, directory.ino(), Linux.DT_DIR, Listing.SELF_OFFSET)) {
          return;
        }
        if (offset < Listing.PARENT_OFFSET
            && !reply.add(PARENT, parentIno(directory), Linux.DT_DIR, Listing.PARENT_OFFSET)) {
          return;
        }
        Listing listing = overlay.reader.list(directory);
        for (int i = listing.after(offset); i < listing.size(); i++) {
          byte[] name = listing.name(i);
          if (name.length == 0) {
            continue;
          }
          long ino = inoOf(directory, listing, i);
          if (ino == 0) {
            continue;
          }
          if (!reply.add(name, ino, listing.type(i), listing.offset(i))) {
            return;
          }
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  /**
   * The inode number of a name that is listed; 0 if nobody can find it, or if that fails: then it
   * is left out (ovl_cache_update_ino in fs/overlayfs/readdir.c).
   */
  private long inoOf(Directory directory, Listing listing, int i) {
    long ino = listing.ino(i);
    if (ino != 0) {
      return ino;
    }
    try {
      Node node = overlay.peek(directory, listing.name(i));
      return node == null ? 0 : node.ino();
    } catch (ErrnoException e) {
      return 0;
    }
  }

  private static long parentIno(Directory directory) {
    Directory parent = directory.parent();
    return parent == null ? directory.ino() : parent.ino();
  }

  /**
   * The same with the attributes of each name, for which it is looked up, as far as {@link
   * LookAhead} expects that they are wanted; what is not looked up has nodeid 0.
   */
  void readPlus(Request request, Directory directory, long offset, DirectoryPlusReply reply)
      throws ErrnoException {
    overlay.tree.readLock().lock();
    try {
      synchronized (directory) {
        if (offset < Listing.SELF_OFFSET
            && !dots(reply, Names.SELF, directory.ino(), Listing.SELF_OFFSET)) {
          return;
        }
        if (offset < Listing.PARENT_OFFSET
            && !dots(reply, PARENT, parentIno(directory), Listing.PARENT_OFFSET)) {
          return;
        }
        boolean wanted = lookAhead.isWanted(request.pid(), directory.nodeid, offset == 0);
        boolean sample = true;
        Listing listing = overlay.reader.list(directory);
        for (int i = listing.after(offset); i < listing.size(); i++) {
          byte[] name = listing.name(i);
          if (name.length == 0) {
            continue;
          }
          if (!reply.fits(name)) {
            return;
          }
          Entry entry = reply.entry();
          entry.nodeid = 0;
          if (wanted && !(sample && lookAhead.isSample(request.pid(), listing.size() - i))) {
            try {
              overlay.lookup(directory, name, entry);
            } catch (ErrnoException e) {
              // Listed all the same: whoever uses the name gets the error then.
              entry.nodeid = 0;
            }
          }
          sample = false;
          if (entry.nodeid == 0) {
            long ino = inoOf(directory, listing, i);
            if (ino == 0) {
              continue;
            }
            entry.attributes.ino = ino;
            entry.attributes.mode = listing.type(i) << 12;
          }
          reply.add(name, listing.offset(i));
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  private static boolean dots(DirectoryPlusReply reply, byte[] name, long ino, long offset) {
    if (!reply.fits(name)) {
      return false;
    }
    Entry entry = reply.entry();
    entry.nodeid = 0;
    entry.attributes.ino = ino;
    entry.attributes.mode = Linux.S_IFDIR;
    reply.add(name, offset);
    return true;
  }
}
