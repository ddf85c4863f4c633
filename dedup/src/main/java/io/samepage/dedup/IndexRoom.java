package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.Store.Writer;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How much room a content index takes of what it may, and what goes when too little is left. */
final class IndexRoom {
  private static final Logger LOG = LoggerFactory.getLogger(IndexRoom.class);

  /** When more than this part of the room is taken, entries are removed until it is so no more. */
  private static final double FULL = 0.9;

  private static final int REMOVED_AT_ONCE = 1000;

  private final String name;
  private final Store store;

  /**
   * Of one index.
   *
   * @param name for messages
   */
  IndexRoom(String name, Store store) {
    this.name = name;
    this.store = store;
  }

  /**
   * Makes room if little is left: first what was found in layers that are gone, then what was
   * entered longest ago goes. It walks whole tables, and changes them in many transactions.
   */
  void trim() throws StoreException {
    if (store.fill() < FULL) {
      return;
    }
    removePlaces(goneLayers());
    while (store.fill() >= FULL && removeOldest()) {
      // until it is enough
    }
    LOG.info("the content index {} was full: entries of gone and of old files removed", name);
  }

  private Set<Long> goneLayers() throws StoreException {
    Set<Long> gone = new HashSet<>();
    store.walk(
        Table.LAYERS,
        (key, value) -> {
          byte[] path = Seal.open(key, value);
          try {
            Stat stat = new Stat();
            int errno = path == null ? Errno.ENOENT : Files.tryStat(Linux.AT_FDCWD, path, stat);
            if (errno == Errno.ENOENT || errno == Errno.ENOTDIR) {
              gone.add(FileRecords.layer(key));
            }
          } catch (ErrnoException e) {
            gone.add(FileRecords.layer(key));
          }
          return true;
        });
    return gone;
  }

  /** Removes all places in some layers, and the files there. */
  private void removePlaces(Set<Long> layers) throws StoreException {
    if (layers.isEmpty()) {
      return;
    }
    List<byte[]> keys = new ArrayList<>();
    store.walk(Table.PLACES, (key, value) -> touches(key, value, layers) ? keys.add(key) : true);
    for (int i = 0; i < keys.size(); i += REMOVED_AT_ONCE) {
      List<byte[]> some = keys.subList(i, Math.min(keys.size(), i + REMOVED_AT_ONCE));
      store.change(
          writer -> {
            for (byte[] key : some) {
              List<Place> left = new ArrayList<>();
              for (Place place : FileRecords.places(writer, key)) {
                if (layers.contains(place.layer())) {
                  long domain = FileRecords.domain(key);
                  writer.delete(Table.FILES, FileRecords.fileKey(domain, place.key()));
                } else {
                  left.add(place);
                }
              }
              FileRecords.putPlaces(writer, key, left);
            }
          });
    }
    store.change(
        writer -> {
          for (long layer : layers) {
            writer.delete(Table.LAYERS, FileRecords.layerKey(layer));
          }
        });
  }

  /** Whether places are in some layers, or damaged. */
  private static boolean touches(byte[] key, byte[] value, Set<Long> layers) {
    byte[] plain = Seal.open(key, value);
    if (plain == null) {
      return true;
    }
    for (Place place : FileRecords.places(plain)) {
      if (layers.contains(place.layer())) {
        return true;
      }
    }
    return false;
  }

  /** Removes the older half of the files, with their digests; false if there was nothing. */
  private boolean removeOldest() throws StoreException {
    List<Integer> times = new ArrayList<>();
    store.walk(
        Table.FILES,
        (key, value) -> {
          times.add(FileRecords.enteredAt(value));
          return true;
        });
    if (times.isEmpty()) {
      return false;
    }
    times.sort(null);
    int limit = times.get(times.size() / 2);
    int most = times.size() / 2 + 1;
    List<byte[]> keys = new ArrayList<>();
    store.walk(
        Table.FILES,
        (key, value) -> {
          if (FileRecords.enteredAt(value) <= limit) {
            keys.add(key);
          }
          return keys.size() < most;
        });
    for (int i = 0; i < keys.size(); i += REMOVED_AT_ONCE) {
      List<byte[]> some = keys.subList(i, Math.min(keys.size(), i + REMOVED_AT_ONCE));
      store.change(
          writer -> {
            for (byte[] key : some) {
              removeFile(writer, key);
            }
          });
    }
    return true;
  }

  private static void removeFile(Writer writer, byte[] key) {
    byte[] value = FileRecords.get(writer, Table.FILES, key);
    writer.delete(Table.FILES, key);
    if (value == null || !FileRecords.isFile(value)) {
      return;
    }
    long domain = FileRecords.domain(key);
    byte[] digest = FileRecords.digest(value);
    if (digest == null) {
      writer.delete(Table.SIZES, FileRecords.sizeKey(domain, FileRecords.size(value)));
      return;
    }
    byte[] at = FileRecords.digestKey(domain, digest);
    List<Place> places = FileRecords.places(writer, at);
    places.removeIf(place -> FileRecords.isNamed(key, place));
    FileRecords.putPlaces(writer, at, places);
  }
}
