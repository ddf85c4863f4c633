package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.Store.Writer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
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

  /** After how many files that were entered it is seen how full it is. */
  private static final int ENTERED_BETWEEN_LOOKS = 1000;

  /** Guarded by its own lock, as are the counts of users of what is in it. */
  private static final Map<String, ContentIndex> OPEN = new HashMap<>();

  private final String name;
  private final @Nullable Store disk;
  private final @Nullable IndexRoom room; // on the disk
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
    room = disk == null ? null : new IndexRoom(name, disk);
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
    byte[] key = FileRecords.layerKey(layer);
    if (get(Table.LAYERS, key) == null) {
      change(writer -> writer.put(Table.LAYERS, key, Seal.put(key, path)));
    }
    return layer;
  }

  /** The path of a layer; null if it is not known any more. */
  byte @Nullable [] layerPath(long layer) {
    byte[] path = get(Table.LAYERS, FileRecords.layerKey(layer));
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

  /**
   * Knowledge of one file, with the digest if there is one, and the places that hold it, the stable
   * one first.
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Known(Knowledge knowledge, byte @Nullable [] digest, List<Place> places) {
    private static final Known UNKNOWN = new Known(Knowledge.UNKNOWN, null, List.of());
    private static final Known ALONE = new Known(Knowledge.ALONE, null, List.of());
  }

  /** What is known of a file, just as it is now. */
  Known find(long domain, FileKey file) {
    return read(
        reader -> {
          byte[] value = reader.get(Table.FILES, FileRecords.fileKey(domain, file));
          if (value == null || !FileRecords.isOf(file, value)) {
            return Known.UNKNOWN;
          }
          byte[] digest = FileRecords.digest(value);
          if (digest == null) {
            return Known.ALONE;
          }
          byte[] places = reader.get(Table.PLACES, FileRecords.digestKey(domain, digest));
          return new Known(Knowledge.DIGEST, digest, FileRecords.places(places));
        });
  }

  /** The places that hold a digest, the stable one first. */
  List<Place> places(long domain, byte[] digest) {
    return FileRecords.places(get(Table.PLACES, FileRecords.digestKey(domain, digest)));
  }

  /** Which of the places that hold a digest NUMA nodes have for their own. */
  NodePlaces nodePlaces(long domain, byte[] digest) {
    return NodePlaces.decode(get(Table.NODES, FileRecords.digestKey(domain, digest)));
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
          byte[] at = FileRecords.digestKey(domain, digest);
          List<Place> places = FileRecords.places(writer, at);
          NodePlaces before = NodePlaces.decode(FileRecords.get(writer, Table.NODES, at));
          NodePlaces after = before.with(places, node, wanted);
          if (after != before) {
            FileRecords.put(writer, Table.NODES, at, after.encode());
          }
          has[0] = after.has(node, wanted);
        });
    return has[0];
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
      byte[] found = get(Table.SIZES, FileRecords.sizeKey(domain, file.key().size()));
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
    byte[] key = FileRecords.sizeKey(domain, file.key().size());
    byte[] value = FileRecords.get(writer, Table.SIZES, key);
    Place other = value == null ? null : Place.read(ByteBuffer.wrap(value));
    if (value != null && value.length == SEVERAL.length) {
      return Claim.HASH;
    }
    if (other != null && !other.isSameFile(file.key())) {
      FileRecords.put(writer, Table.SIZES, key, SEVERAL);
      if (hasDigest(writer, domain, other.key())) {
        return Claim.HASH; // it was hashed for the sake of its pages
      }
      // Should nobody come to hash it now, it is not known, and will be hashed when it is met.
      writer.delete(Table.FILES, FileRecords.fileKey(domain, other.key()));
      return new Claim(true, other);
    }
    if (hasDigest(writer, domain, file.key())) {
      return Claim.HASH;
    }
    FileRecords.put(writer, Table.SIZES, key, FileRecords.ofPlaces(List.of(file)));
    FileRecords.put(
        writer,
        Table.FILES,
        FileRecords.fileKey(domain, file.key()),
        FileRecords.file(file.key(), null));
    return Claim.ALONE;
  }

  private static boolean hasDigest(Writer writer, long domain, FileKey file) {
    byte[] value = FileRecords.get(writer, Table.FILES, FileRecords.fileKey(domain, file));
    return value != null && FileRecords.isOf(file, value) && FileRecords.digest(value) != null;
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
    if (changes >= ENTERED_BETWEEN_LOOKS) {
      changes = 0;
      trim();
    }
    return shared[0];
  }

  private static boolean enter(Writer writer, long domain, Identified file) {
    FileKey key = file.place().key();
    FileRecords.put(
        writer,
        Table.FILES,
        FileRecords.fileKey(domain, key),
        FileRecords.file(key, file.digest()));
    byte[] at = FileRecords.digestKey(domain, file.digest());
    List<Place> places = FileRecords.places(writer, at);
    for (int i = 0; i < places.size(); i++) {
      if (places.get(i).isSameFile(key)) {
        places.set(i, file.place());
        FileRecords.putPlaces(writer, at, places);
        return places.size() > 1;
      }
    }
    if (places.size() < MAX_PLACES) {
      places.add(file.place());
      FileRecords.putPlaces(writer, at, places);
    }
    return places.size() > 1;
  }

  /** Removes a place that does not hold a digest any more: the next one takes over. */
  void remove(long domain, byte[] digest, FileKey file) {
    change(
        writer -> {
          byte[] at = FileRecords.digestKey(domain, digest);
          List<Place> places = FileRecords.places(writer, at);
          if (places.removeIf(place -> place.key().equals(file))) {
            FileRecords.putPlaces(writer, at, places);
            byte[] own = FileRecords.fileKey(domain, file);
            byte[] known = FileRecords.get(writer, Table.FILES, own);
            if (known != null && FileRecords.isOf(file, known)) {
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

  /** Makes room if little is left; see {@link IndexRoom#trim}. */
  void trim() {
    if (room == null || memory != null) {
      return;
    }
    try {
      room.trim();
    } catch (StoreException e) {
      goOnFromMemory(e);
    }
  }

  // Access to the tables.

  private byte @Nullable [] get(Table table, byte[] key) {
    return read(reader -> reader.get(table, key));
  }

  private <T> T read(Function<Store.Reader, T> reading) {
    Store recent = memory;
    Store below = disk;
    if (below == null) {
      return Objects.requireNonNull(recent)
          .read(reader -> reading.apply(new ReaderAbove(null, reader)));
    }
    return below.read(reader -> reading.apply(new ReaderAbove(recent, reader)));
  }

  /** Reads what is in memory, and below it what is on disk; what is damaged is not there. */
  private record ReaderAbove(@Nullable Store recent, Store.Reader below) implements Store.Reader {
    @Override
    public byte @Nullable [] get(Table table, byte[] key) {
      byte[] value = recent == null ? null : Seal.open(key, recent.get(table, key));
      return value != null ? value : Seal.open(key, below.get(table, key));
    }
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
}
