package io.samepage.overlay;

import io.samepage.overlay.partial.PartialFile;
import io.samepage.overlay.partial.PartialRecord;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * The nodes that are being copied up page by page, and their files. A node is here from the first
 * write to it until its copy is complete and in the upper directory; the flag {@link
 * Node#isPartial} says so without looking. Thread-safe; the monitors of entries are leaves.
 */
final class Partials {
  /** One such node. */
  static final class Entry {
    final byte[] dataName;
    final byte[] mapName;
    private final PartialFile file;

    /** When it was last written, by System.nanoTime(). */
    volatile long writtenAt = System.nanoTime();

    /** By System.nanoTime(); filling has failed, and is not tried before. */
    volatile long pausedUntil = writtenAt;

    /** Whether its names in the work directory survive a loss of power. */
    volatile boolean named;

    /** Whether its names in the work directory are gone. Guarded by the monitor. */
    private boolean removed;

    /** Whether nobody is to begin with it. Guarded by the monitor. */
    private boolean retired;

    /** Guarded by the monitor. */
    private int uses;

    Entry(byte[] dataName, byte[] mapName, PartialFile file) {
      this.dataName = dataName;
      this.mapName = mapName;
      this.file = file;
    }

    private synchronized @Nullable Use use() {
      if (retired) {
        return null;
      }
      uses++;
      return new Use(this);
    }

    private synchronized void release() {
      uses--;
      closeIfUnused();
    }

    /** Closes its file as soon as nobody uses it. */
    synchronized void retire() {
      retired = true;
      closeIfUnused();
    }

    private void closeIfUnused() {
      if (retired && uses == 0) {
        file.close();
      }
    }

    PartialRecord record() {
      return file.record();
    }

    synchronized boolean isRemoved() {
      return removed;
    }

    /** Takes its names out of the directory; first the map, without which the data are nothing. */
    synchronized void unlink(int directory) {
      if (removed) {
        return;
      }
      removed = true;
      for (byte[] name : List.of(mapName, dataName)) {
        try {
          Files.unlink(directory, name);
        } catch (ErrnoException e) {
          // It was renamed into the upper directory, or is found to be left over at a later mount.
        }
      }
    }
  }

  /** An entry that stays open until this is closed. */
  static final class Use implements AutoCloseable {
    private final Entry entry;

    private Use(Entry entry) {
      this.entry = entry;
    }

    PartialFile file() {
      return entry.file;
    }

    Entry entry() {
      return entry;
    }

    @Override
    public void close() {
      entry.release();
    }
  }

  private final Map<Node, Entry> entries = new ConcurrentHashMap<>();
  private final Queue<Node> released = new ConcurrentLinkedQueue<>();

  /** Begins to use the file of a node; null if it has none (any more). */
  @Nullable Use use(Node node) {
    if (!node.isPartial()) {
      return null;
    }
    Entry entry = entries.get(node);
    return entry == null ? null : entry.use();
  }

  void add(Node node, Entry entry) {
    entries.put(node, entry);
    node.setPartial(true);
  }

  /** Nodes that are not to be held any more, since they are complete or have no name. */
  Queue<Node> released() {
    return released;
  }

  /** The copy of a node is where it belongs, and {@link Node#hasUpper} says so. */
  void completed(Node node) {
    Entry entry = entries.get(node);
    if (entry != null && !entry.isRemoved()) {
      released.add(node);
    }
    forgotten(node);
  }

  /** The last name of a node is gone: so are those in the work directory. */
  void removed(Node node, int directory) {
    Entry entry = entries.get(node);
    if (entry != null && !entry.isRemoved()) {
      entry.unlink(directory);
      released.add(node);
    }
  }

  /** Nobody knows the node any more. */
  void forgotten(Node node) {
    Entry entry = entries.remove(node);
    node.setPartial(false);
    if (entry != null) {
      entry.retire();
    }
  }

  Map<Node, Entry> all() {
    return entries;
  }

  /** Puts into a lower file's attributes what has changed. */
  void show(Node node, Stat stat) throws ErrnoException {
    try (Use use = use(node)) {
      if (use != null) {
        use.file().show(stat);
      }
    }
  }
}
