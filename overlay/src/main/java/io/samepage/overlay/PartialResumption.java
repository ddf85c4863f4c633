package io.samepage.overlay;

import io.samepage.fuse.Entry;
import io.samepage.fuse.FileSystem;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Finds the files that earlier mounts have left copied up in part, by looking them up: that is when
 * they go on.
 */
final class PartialResumption {
  private final Overlay overlay;
  private final PartialRemains remains;

  PartialResumption(Overlay overlay, PartialRemains remains) {
    this.overlay = overlay;
    this.remains = remains;
  }

  /** Looks them up where they were; what is not there goes on when somebody looks it up. */
  void lookUp() {
    for (byte[] path : remains.paths()) {
      List<Long> counted = new ArrayList<>();
      try {
        walk(path, counted);
      } catch (ErrnoException e) {
        // It is not there any more.
      }
      for (int i = counted.size() - 1; i >= 0; i--) {
        overlay.forget(counted.get(i), 1);
      }
    }
  }

  private void walk(byte[] path, List<Long> counted) throws ErrnoException {
    Directory directory = overlay.nodes.directory(FileSystem.ROOT);
    Entry entry = new Entry();
    int start = 0;
    for (int end = 0; end <= path.length; end++) {
      if (end < path.length && path[end] != '/') {
        continue;
      }
      byte[] name = Arrays.copyOfRange(path, start, end);
      start = end + 1;
      lookUp(directory, name, entry);
      if (entry.nodeid == 0) {
        return;
      }
      counted.add(entry.nodeid);
      if (end < path.length) {
        directory = overlay.nodes.directory(entry.nodeid);
      }
    }
  }

  private void lookUp(Directory directory, byte[] name, Entry entry) throws ErrnoException {
    overlay.tree.readLock().lock();
    try {
      synchronized (directory) {
        overlay.lookup(directory, name, entry);
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
  }

  /** Looks them up everywhere, since a directory above them may have another name by now. */
  void search() throws ErrnoException {
    search(overlay.nodes.directory(FileSystem.ROOT));
  }

  private void search(Directory directory) throws ErrnoException {
    List<byte[]> names = new ArrayList<>();
    overlay.tree.readLock().lock();
    try {
      synchronized (directory) {
        Listing listing = overlay.reader.list(directory);
        for (int i = 0; i < listing.size(); i++) {
          int type = listing.type(i);
          if (type == Linux.DT_DIR || type == Linux.DT_REG || type == Linux.DT_UNKNOWN) {
            names.add(listing.name(i));
          }
        }
      }
    } finally {
      overlay.tree.readLock().unlock();
    }
    for (byte[] name : names) {
      if (remains.count() == 0) {
        return;
      }
      Entry entry = new Entry();
      lookUp(directory, name, entry);
      if (entry.nodeid != 0) {
        try {
          if (overlay.nodes.get(entry.nodeid) instanceof Directory inner) {
            search(inner);
          }
        } finally {
          overlay.forget(entry.nodeid, 1);
        }
      }
    }
  }
}
