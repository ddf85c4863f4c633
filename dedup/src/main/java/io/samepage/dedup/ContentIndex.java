package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.Store.Writer;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is known of the content of files: the digest of a file, and the places that hold a digest,
 * the stable file first. It is a cache: whatever is lost of it costs time alone, and whatever is
 * wrong in it is found by checksums and by the checks of those who use it.
 *
 * <p>It is kept in LMDB, for all processes of the host, or in memory where that cannot be: then one
 * warning is logged. A process opens each index once, however often {@link #open} is called.
 *
 * <p>All is apart by domain: a file is known in the domain in which it was entered.
 *
 * <p>Thread-safe.
 */
public final class ContentIndex implements AutoCloseable {
  /** Where the index of a host is. */
  public static final String DEFAULT_DIRECTORY = "/var/lib/samepage/index";

  /** How much room it may take, unless it is told. */
  public static final long DEFAULT_LIMIT = 1L << 30;

  private static final Logger LOG = LoggerFactory.getLogger(ContentIndex.class);
  private static final long MEMORY_LIMIT = 16 << 20;

  /** How many places are kept of a content. */
  static final int MAX_PLACES = 16;

  private static final byte[] SEVERAL = {};

  /** When more than this part of the room is taken, entries are removed until it is so no more. */
  private static final double FULL = 0.9;

  private static final int REMOVED_AT_ONCE = 1000;

  /** Guarded by its own lock, as are the counts of users of what is in it. */
  private static final Map<String, ContentIndex> OPEN = new HashMap<>();

  private final String name;
  private final @Nullable Store disk;
  private volatile @Nullable Store memory;
  private volatile @Nullable String fault;
  private @Nullable String replaced;
  private final Object openingPages = new Object();
  private volatile @Nullable PageIndex pages; // set once, under openingPages
  private final AtomicBoolean warned = new AtomicBoolean();
  private final Set<Long> layersWritten = new HashSet<>(); // guarded by itself
  private int users; // guarded by OPEN
  private int changes; // since it was last seen how full it is; races do no harm

  private ContentIndex(String name, @Nullable Store disk, @Nullable Store memory) {
    this.name = name;
    this.disk = disk;
    this.memory = memory;
  }

  /**
   * Opens an index. It may take as long as it takes to read all of it, if nobody else has it open;
   * never to be called from where an open waits.
   *
   * @param directory its path; made if it is missing
   * @param limit how many bytes it may take; whoever opens it first decides for this process
   */
  public static ContentIndex open(byte[] directory, long limit) {
    String name = new String(directory, StandardCharsets.ISO_8859_1);
    synchronized (OPEN) {
      ContentIndex index = OPEN.get(name);
      if (index == null) {
        index = make(name, directory, limit);
        OPEN.put(name, index);
      }
      index.users++;
      return index;
    }
  }

  private static ContentIndex make(String name, byte[] directory, long limit) {
    try {
      LmdbStore store = LmdbStore.open(directory, limit, LmdbStore.Kind.FILES);
      ContentIndex index = new ContentIndex(name, store, null);
      index.replaced = store.replaced();
      return index;
    } catch (StoreException | LinkageError e) {
      ContentIndex index = inMemory(name);
      index.warn(e);
      return index;
    }
  }

  /** An index that is nowhere but in memory. */
  public static ContentIndex inMemory() {
    ContentIndex index = inMemory("");
    index.users = 1;
    return index;
  }

  private static ContentIndex inMemory(String name) {
    return new ContentIndex(name, null, new MemoryStore(Table.OF_FILES, MEMORY_LIMIT));
  }

  private void warn(Throwable e) {
    fault = String.valueOf(e.getMessage());
    if (warned.compareAndSet(false, true)) {
      LOG.warn(
          "the content index {} cannot be written, sharing goes on from memory: {}",
          name,
          e.getMessage());
    }
  }

  /** Why what is entered does not outlive this process; null if it does, or is not meant to. */
  public @Nullable String fault() {
    return fault;
  }

  /**
   * What was wrong with the index that was found, so that it was set aside as data.mdb.set-aside;
   * null if nothing was.
   */
  public @Nullable String replaced() {
    return replaced;
  }

  /** Whether what is entered outlives this process. */
  public boolean isPersistent() {
    return memory == null;
  }

  @Override
  public void close() {
    synchronized (OPEN) {
      if (--users > 0) {
        return;
      }
      OPEN.remove(name, this);
      PageIndex opened = pages;
      if (opened != null) {
        opened.close();
      }
      if (disk != null) {
        disk.close();
      }
    }
  }

  /**
   * The index of pages that belongs to this one, in a directory below its own; opened by the first
   * call, which may take as long as {@link #open}.
   */
  PageIndex pages() {
    synchronized (openingPages) {
      PageIndex opened = pages;
      if (opened == null) {
        opened =
            disk == null
                ? PageIndex.inMemory()
                : PageIndex.open((name + "/pages").getBytes(StandardCharsets.ISO_8859_1));
        pages = opened;
      }
      return opened;
    }
  }

  /** The index of pages, if it is open. */
  @Nullable PageIndex openPages() {
    return pages;
  }

  // Domains and layers.

  /** The number by which a domain is known here. */
  static long domain(String domain) {
    return number(domain.getBytes(StandardCharsets.UTF_8));
  }

  /** The number of a layer's path. */
  static long layerNumber(byte[] path) {
    return number(path);
  }

  private static long number(byte[] bytes) {
    try {
      return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(bytes)).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Remembers the path of a layer; returns its number. */
  long enterLayer(byte[] path) {
    long layer = layerNumber(path);
    synchronized (layersWritten) {
      if (!layersWritten.add(layer)) {
        return layer;
      }
    }
    byte[] key = key(layer);
    if (get(Table.LAYERS, key) == null) {
      change(writer -> writer.put(Table.LAYERS, key, Seal.put(key, path)));
    }
    return layer;
  }

  /** The path of a layer; null if it is not known any more. */
  byte @Nullable [] layerPath(long layer) {
    byte[] path = get(Table.LAYERS, key(layer));
    return path != null && layerNumber(path) == layer ? path : null;
  }

  // Files.

  /** What is known of a file. */
  enum Knowledge {
    /** Nothing. */
    UNKNOWN,
    /** That no other file of its size has been seen; its digest has not been made. */
    ALONE,
    /** Its digest. */
    DIGEST
  }

  /** Knowledge of one file, with the digest if there is one. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Known(Knowledge knowledge, byte @Nullable [] digest) {
    private static final Known UNKNOWN = new Known(Knowledge.UNKNOWN, null);
    private static final Known ALONE = new Known(Knowledge.ALONE, null);
  }

  /** What is known of a file, just as it is now. */
  Known find(long domain, FileKey file) {
    return decode(file, get(Table.FILES, fileKey(domain, file)));
  }

  private static Known decode(FileKey file, byte @Nullable [] value) {
    if (value == null || value.length < FILE_FIXED) {
      return Known.UNKNOWN;
    }
    ByteBuffer b = ByteBuffer.wrap(value);
    if (b.getLong() != file.size() || b.getLong() != file.mtime() || b.getLong() != file.ctime()) {
      return Known.UNKNOWN;
    }
    if (value.length == FILE_FIXED + VerityDigest.LENGTH) {
      byte[] digest = Arrays.copyOfRange(value, FILE_FIXED, value.length);
      return new Known(Knowledge.DIGEST, digest);
    }
    return Known.ALONE;
  }

  /** Size, mtime, ctime, when it was entered in seconds; then the digest if there is one. */
  private static final int FILE_FIXED = 3 * Long.BYTES + Integer.BYTES;

  private static byte[] fileValue(FileKey file, byte @Nullable [] digest) {
    ByteBuffer b = ByteBuffer.allocate(FILE_FIXED + (digest == null ? 0 : digest.length));
    b.putLong(file.size()).putLong(file.mtime()).putLong(file.ctime());
    b.putInt((int) (System.currentTimeMillis() / 1000));
    if (digest != null) {
      b.put(digest);
    }
    return b.array();
  }

  /** The places that hold a digest, the stable one first. */
  List<Place> places(long domain, byte[] digest) {
    return decodePlaces(get(Table.PLACES, digestKey(domain, digest)));
  }

  /** Which of the places that hold a digest NUMA nodes have for their own. */
  NodePlaces nodePlaces(long domain, byte[] digest) {
    return NodePlaces.decode(get(Table.NODES, digestKey(domain, digest)));
  }

  /**
   * Gives a NUMA node one of the places that hold a digest for its own, if it has none and there is
   * one left.
   *
   * @param node the kernel's number
   * @param wanted which one, unless another node was faster
   * @return whether it has that one now
   */
  boolean assign(long domain, byte[] digest, int node, FileKey wanted) {
    boolean[] has = {false};
    change(
        writer -> {
          byte[] at = digestKey(domain, digest);
          List<Place> places = decodePlaces(open(at, writer.get(Table.PLACES, at)));
          NodePlaces before = NodePlaces.decode(open(at, writer.get(Table.NODES, at)));
          NodePlaces after = before.with(places, node, wanted);
          if (after != before) {
            put(writer, Table.NODES, at, after.encode());
          }
          has[0] = after.has(node, wanted);
        });
    return has[0];
  }

  private static List<Place> decodePlaces(byte @Nullable [] value) {
    List<Place> places = new ArrayList<>(2);
    if (value != null) {
      ByteBuffer b = ByteBuffer.wrap(value);
      while (b.hasRemaining()) {
        Place place = Place.read(b);
        if (place == null) {
          break;
        }
        places.add(place);
      }
    }
    return places;
  }

  private static void deletePlaces(Writer writer, byte[] at) {
    writer.delete(Table.PLACES, at);
    writer.delete(Table.NODES, at);
  }

  private static byte[] encodePlaces(List<Place> places) {
    int length = 0;
    for (Place place : places) {
      length += place.length();
    }
    ByteBuffer b = ByteBuffer.allocate(length);
    for (Place place : places) {
      place.write(b);
    }
    return b.array();
  }

  /**
   * What is to be done with a file that is not known.
   *
   * @param hash whether its digest is to be made; else it is entered, as the only one of its size
   * @param other the file that was the only one of its size, and whose digest is now to be made too
   */
  record Claim(boolean hash, @Nullable Place other) {
    private static final Claim ALONE = new Claim(false, null);
    private static final Claim HASH = new Claim(true, null);
  }

  /**
   * Enters files as the only ones of their sizes, or says that they are not. For each file, in
   * order.
   */
  List<Claim> claim(long domain, List<Place> files) {
    List<Claim> claims = new ArrayList<>(files.size());
    boolean decided = true;
    for (Place file : files) {
      byte[] found = get(Table.SIZES, sizeKey(domain, file.key().size()));
      decided &= found != null && found.length == SEVERAL.length;
      claims.add(Claim.HASH);
    }
    if (decided) {
      return claims;
    }
    change(
        writer -> {
          claims.clear();
          for (Place file : files) {
            claims.add(claim(writer, domain, file));
          }
        });
    return claims.size() == files.size() ? claims : all(files.size());
  }

  /** Where nothing can be entered, everything is hashed. */
  private static List<Claim> all(int count) {
    List<Claim> claims = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      claims.add(Claim.HASH);
    }
    return claims;
  }

  private static Claim claim(Writer writer, long domain, Place file) {
    byte[] key = sizeKey(domain, file.key().size());
    byte[] value = open(key, writer.get(Table.SIZES, key));
    Place other = value == null ? null : Place.read(ByteBuffer.wrap(value));
    if (value != null && value.length == SEVERAL.length) {
      return Claim.HASH;
    }
    if (other != null && !other.isSameFile(file.key())) {
      put(writer, Table.SIZES, key, SEVERAL);
      // Should nobody come to hash it now, it is not known, and will be hashed when it is met.
      writer.delete(Table.FILES, fileKey(domain, other.key()));
      return new Claim(true, other);
    }
    ByteBuffer b = ByteBuffer.allocate(file.length());
    file.write(b);
    put(writer, Table.SIZES, key, b.array());
    put(writer, Table.FILES, fileKey(domain, file.key()), fileValue(file.key(), null));
    return Claim.ALONE;
  }

  /** A file and its digest. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Identified(Place place, byte[] digest) {}

  /**
   * Enters files with their digests, and as places that hold them.
   *
   * @return whether one of them has the content of another place
   */
  boolean enter(long domain, List<Identified> files) {
    boolean[] shared = {false};
    change(
        writer -> {
          shared[0] = false;
          for (Identified file : files) {
            shared[0] |= enter(writer, domain, file);
          }
        });
    // Now and then is often enough: an entry is small against the room that is kept free.
    changes += files.size();
    if (changes >= REMOVED_AT_ONCE) {
      changes = 0;
      trim();
    }
    return shared[0];
  }

  private static boolean enter(Writer writer, long domain, Identified file) {
    FileKey key = file.place().key();
    put(writer, Table.FILES, fileKey(domain, key), fileValue(key, file.digest()));
    byte[] at = digestKey(domain, file.digest());
    List<Place> places = decodePlaces(open(at, writer.get(Table.PLACES, at)));
    for (int i = 0; i < places.size(); i++) {
      if (places.get(i).isSameFile(key)) {
        places.set(i, file.place());
        put(writer, Table.PLACES, at, encodePlaces(places));
        return places.size() > 1;
      }
    }
    if (places.size() < MAX_PLACES) {
      places.add(file.place());
      put(writer, Table.PLACES, at, encodePlaces(places));
    }
    return places.size() > 1;
  }

  /** Removes a place that does not hold a digest any more: the next one takes over. */
  void remove(long domain, byte[] digest, FileKey file) {
    change(
        writer -> {
          byte[] at = digestKey(domain, digest);
          List<Place> places = decodePlaces(open(at, writer.get(Table.PLACES, at)));
          if (places.removeIf(place -> place.key().equals(file))) {
            if (places.isEmpty()) {
              deletePlaces(writer, at);
            } else {
              put(writer, Table.PLACES, at, encodePlaces(places));
            }
            byte[] own = fileKey(domain, file);
            if (decode(file, open(own, writer.get(Table.FILES, own))).knowledge()
                != Knowledge.UNKNOWN) {
              writer.delete(Table.FILES, own);
            }
          }
        });
  }

  /** A number that changes with every change, by whatever process. */
  long version() {
    Store recent = memory;
    return (disk == null ? 0 : disk.version()) + (recent == null ? 0 : recent.version());
  }

  // Room.

  /** How much of the room is taken, from 0 to 1. */
  public double fill() {
    return disk == null ? 0 : disk.fill();
  }

  /**
   * Makes room if little is left: first what was found in layers that are gone, then what was
   * entered longest ago goes.
   */
  void trim() {
    Store store = disk;
    if (store == null || memory != null || store.fill() < FULL) {
      return;
    }
    try {
      Set<Long> gone = goneLayers(store);
      removePlaces(store, gone);
      while (store.fill() >= FULL && removeOldest(store)) {
        // until it is enough
      }
      LOG.info("the content index {} was full: entries of gone and of old files removed", name);
    } catch (StoreException e) {
      goOnFromMemory(e);
    }
  }

  private static Set<Long> goneLayers(Store store) throws StoreException {
    Set<Long> gone = new HashSet<>();
    store.walk(
        Table.LAYERS,
        (key, value) -> {
          byte[] path = open(key, value);
          try {
            Stat stat = new Stat();
            int errno = path == null ? Errno.ENOENT : Files.tryStat(Linux.AT_FDCWD, path, stat);
            if (errno == Errno.ENOENT || errno == Errno.ENOTDIR) {
              gone.add(ByteBuffer.wrap(key).getLong());
            }
          } catch (ErrnoException e) {
            gone.add(ByteBuffer.wrap(key).getLong());
          }
          return true;
        });
    return gone;
  }

  /** Removes all places in some layers, and the files there. */
  private static void removePlaces(Store store, Set<Long> layers) throws StoreException {
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
              List<Place> places = decodePlaces(open(key, writer.get(Table.PLACES, key)));
              List<Place> left = new ArrayList<>();
              for (Place place : places) {
                if (layers.contains(place.layer())) {
                  writer.delete(Table.FILES, fileKey(ByteBuffer.wrap(key).getLong(), place.key()));
                } else {
                  left.add(place);
                }
              }
              if (left.isEmpty()) {
                deletePlaces(writer, key);
              } else {
                put(writer, Table.PLACES, key, encodePlaces(left));
              }
            }
          });
    }
    store.change(
        writer -> {
          for (long layer : layers) {
            writer.delete(Table.LAYERS, key(layer));
          }
        });
  }

  private static boolean touches(byte[] key, byte[] value, Set<Long> layers) {
    byte[] plain = open(key, value);
    if (plain == null) {
      return true;
    }
    for (Place place : decodePlaces(plain)) {
      if (layers.contains(place.layer())) {
        return true;
      }
    }
    return false;
  }

  /** Removes the older half of the files, with their digests; false if there was nothing. */
  private static boolean removeOldest(Store store) throws StoreException {
    List<Integer> times = new ArrayList<>();
    store.walk(
        Table.FILES,
        (key, value) -> {
          times.add(entered(value));
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
          if (entered(value) <= limit) {
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

  private static int entered(byte[] value) {
    return value.length < FILE_FIXED ? 0 : ByteBuffer.wrap(value).getInt(3 * Long.BYTES);
  }

  private static void removeFile(Writer writer, byte[] key) {
    byte[] value = open(key, writer.get(Table.FILES, key));
    writer.delete(Table.FILES, key);
    if (value == null || value.length < FILE_FIXED) {
      return;
    }
    ByteBuffer k = ByteBuffer.wrap(key);
    long domain = k.getLong();
    long fileSystem = k.getLong();
    long ino = k.getLong();
    if (value.length == FILE_FIXED) {
      writer.delete(Table.SIZES, sizeKey(domain, ByteBuffer.wrap(value).getLong()));
      return;
    }
    byte[] at = digestKey(domain, Arrays.copyOfRange(value, FILE_FIXED, value.length));
    List<Place> places = decodePlaces(open(at, writer.get(Table.PLACES, at)));
    places.removeIf(place -> place.key().fileSystem() == fileSystem && place.key().ino() == ino);
    if (places.isEmpty()) {
      deletePlaces(writer, at);
    } else {
      put(writer, Table.PLACES, at, encodePlaces(places));
    }
  }

  // Access to the tables.

  private byte @Nullable [] get(Table table, byte[] key) {
    Store recent = memory;
    if (recent != null) {
      byte[] value = open(key, recent.get(table, key));
      if (value != null || disk == null) {
        return value;
      }
    }
    return disk == null ? null : open(key, disk.get(table, key));
  }

  private void change(Store.Change change) {
    Store recent = memory;
    if (recent == null && disk != null) {
      try {
        disk.change(change);
        return;
      } catch (StoreException e) {
        recent = goOnFromMemory(e);
      }
    }
    if (recent != null) {
      Store below = disk;
      try {
        recent.change(
            below == null ? change : writer -> change.make(new WriterAbove(below, writer)));
      } catch (StoreException e) {
        warn(e);
      }
    }
  }

  /** Changes what is in memory over what is on disk, which stays as it is and shows through. */
  private record WriterAbove(Store below, Writer writer) implements Writer {
    @Override
    public byte @Nullable [] get(Table table, byte[] key) {
      byte[] value = writer.get(table, key);
      return value != null ? value : below.get(table, key);
    }

    @Override
    public void put(Table table, byte[] key, byte[] value) {
      writer.put(table, key, value);
    }

    /** Nothing is put in its place, which means the same in the tables that are changed so. */
    @Override
    public void delete(Table table, byte[] key) {
      writer.put(table, key, Seal.put(key, new byte[0]));
    }
  }

  /** The disk is full, say: what it holds is still read, and what is new is kept in memory. */
  private synchronized Store goOnFromMemory(StoreException e) {
    warn(e);
    Store recent = memory;
    if (recent == null) {
      recent = new MemoryStore(Table.OF_FILES, MEMORY_LIMIT);
      memory = recent;
    }
    return recent;
  }

  private static void put(Writer writer, Table table, byte[] key, byte[] value) {
    writer.put(table, key, Seal.put(key, value));
  }

  private static byte @Nullable [] open(byte[] key, byte @Nullable [] sealed) {
    return Seal.open(key, sealed);
  }

  private static byte[] key(long number) {
    return ByteBuffer.allocate(Long.BYTES).putLong(number).array();
  }

  private static byte[] fileKey(long domain, FileKey file) {
    return ByteBuffer.allocate(3 * Long.BYTES)
        .putLong(domain)
        .putLong(file.fileSystem())
        .putLong(file.ino())
        .array();
  }

  private static byte[] digestKey(long domain, byte[] digest) {
    return ByteBuffer.allocate(Long.BYTES + digest.length).putLong(domain).put(digest).array();
  }

  private static byte[] sizeKey(long domain, long size) {
    return ByteBuffer.allocate(2 * Long.BYTES).putLong(domain).putLong(size).array();
  }
}
