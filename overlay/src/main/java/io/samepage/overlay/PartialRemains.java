package io.samepage.overlay;

import io.samepage.overlay.NodeTable.InodeKey;
import io.samepage.overlay.Partials.Entry;
import io.samepage.overlay.partial.PartialFile;
import io.samepage.overlay.partial.PartialRecord;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What earlier mounts have left copied up in part: each file waits here, opened, until its lower
 * file is looked up, and goes on then. What cannot go on stays in the directory, with one log line.
 * Thread-safe.
 */
final class PartialRemains implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PartialRemains.class);

  private final LayerStack layers;
  private final PartialDirectory directory;
  private final Partials partials;
  private final NodeTable nodes;

  /** By lower inode. */
  private final Map<InodeKey, Entry> pending = new ConcurrentHashMap<>();

  /** Opens what is in the directory, and removes from it what means nothing. */
  PartialRemains(LayerStack layers, PartialDirectory directory, Partials partials, NodeTable nodes)
      throws ErrnoException {
    this.layers = layers;
    this.directory = directory;
    this.partials = partials;
    this.nodes = nodes;
    load();
  }

  private void load() throws ErrnoException {
    Set<String> names = directory.names();
    for (String name : names) {
      if (name.endsWith(PartialDirectory.MAP)) {
        String number = name.substring(0, name.length() - PartialDirectory.MAP.length());
        if (names.contains(number + PartialDirectory.DATA)) {
          load(number);
        } else {
          Files.unlink(directory.fd(), Names.ascii(name)); // it is complete, and above
        }
      } else if (name.endsWith(PartialDirectory.DATA)
          && !names.contains(
              name.substring(0, name.length() - PartialDirectory.DATA.length())
                  + PartialDirectory.MAP)) {
        Stat stat = new Stat();
        Files.stat(directory.fd(), Names.ascii(name), stat);
        if (stat.blocks == 0) {
          Files.unlink(directory.fd(), Names.ascii(name)); // it was never begun
        }
      }
    }
  }

  private void load(String number) throws ErrnoException {
    byte[] data = PartialDirectory.dataName(number);
    byte[] map = PartialDirectory.mapName(number);
    PartialRecord record = PartialFile.record(directory.fd(), map);
    if (record == null && PartialFile.isBlank(directory.fd(), map)) {
      // The power was lost before anybody had asked for anything of it to be durable.
      Files.unlink(directory.fd(), map);
      Files.unlink(directory.fd(), data);
      return;
    }
    if (record == null) {
      LOG.warn(
          "partial/{} in the work directory is damaged, and is left alone",
          number + PartialDirectory.MAP);
      return;
    }
    int opened = layers.openOrigin(record.origin(), Linux.O_RDONLY);
    if (opened < 0) {
      LOG.warn(
          "partial/{} in the work directory has changes of a file that is in no lower layer of this"
              + " mount (inode {}), and is left alone",
          number + PartialDirectory.DATA,
          record.ino());
      return;
    }
    Fd source = new Fd(opened);
    try {
      Stat stat = new Stat();
      Files.stat(source.number(), stat);
      if (!record.matches(stat)) {
        LOG.warn(
            "partial/{} in the work directory has changes of a lower file that has been changed"
                + " itself since (inode {}): they are left alone, and do not show",
            number + PartialDirectory.DATA,
            record.ino());
        source.close();
        return;
      }
      PartialFile file = PartialFile.open(directory.fd(), data, map, record, source);
      pending.put(new InodeKey(stat.dev(), stat.ino), new Entry(data, map, file));
    } catch (ErrnoException e) {
      source.close();
      throw e;
    }
  }

  /** Whether there are none, or no more. */
  boolean isEmpty() {
    return pending.isEmpty();
  }

  /**
   * Lets a lower file that was just found go on where an earlier mount left it, and counts a
   * look-up of it. The caller has seen that it may be copied up page by page.
   *
   * @param stat what its layer says of it
   * @return whether anything was left of it
   */
  boolean bind(Node node, Stat stat) {
    Entry entry = pending.remove(new InodeKey(stat.dev(), stat.ino));
    if (entry == null) {
      return false;
    }
    if (node.nodeid == 0) {
      nodes.add(node);
    } else {
      nodes.count(node);
    }
    partials.add(node, entry);
    return true;
  }

  /** How many files earlier mounts left that can go on, and that nobody has looked up yet. */
  int count() {
    return pending.size();
  }

  /** How many files are in the directory: those that go on, and those that cannot. */
  int inDirectory() throws ErrnoException {
    int left = 0;
    for (String name : directory.names()) {
      left += name.endsWith(PartialDirectory.MAP) ? 1 : 0;
    }
    return left;
  }

  /** Where the files were that earlier mounts left and that nobody has looked up yet. */
  List<byte[]> paths() {
    return pending.values().stream().map(entry -> entry.record().path()).toList();
  }

  /** Lets go of those that nobody has looked up. */
  @Override
  public void close() {
    pending.values().forEach(Entry::retire);
  }
}
