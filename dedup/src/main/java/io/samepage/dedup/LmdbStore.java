package io.samepage.dedup;

import static org.lmdbjava.EnvFlags.MDB_NORDAHEAD;
import static org.lmdbjava.EnvFlags.MDB_NOSYNC;
import static org.lmdbjava.EnvFlags.MDB_NOTLS;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.lmdbjava.ByteArrayProxy;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.LmdbException;
import org.lmdbjava.Stat;
import org.lmdbjava.Txn;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tables in LMDB, in a directory that all processes of the host share. Nothing but this class
 * touches lmdbjava, so that nothing of it is loaded before sharing first needs the index.
 *
 * <p>Commits are not synced: a killed process loses nothing, since the pages are in the page cache
 * and the page that says which are valid is written last. A power cut may leave any mixture of
 * pages behind, and a disk may return anything. LMDB follows what it reads, so a bad page could end
 * the whole process. Hence whoever opens the index while nobody else has it open walks all pages
 * first ({@link LmdbPages}), and sets the index aside if they are not sound. That it is alone, it
 * knows from two lock files:
 *
 * <ul>
 *   <li>{@code gate}, locked exclusively by one process at a time while it opens the index;
 *   <li>{@code users}, locked shared by all that have it open; who gets it exclusively is alone.
 * </ul>
 *
 * <p>A third one, {@code turn}, is for {@link #inTurn}.
 *
 * <p>A file that is mapped and that somebody makes shorter ends the process that reads it (SIGBUS),
 * and LMDB reads by its map alone. So before each access it is looked whether its files are as long
 * as they have been, and if not, none is made any more. Who makes them shorter in the middle of an
 * access, some microseconds, or writes to them, is not guarded against but by their permissions: a
 * JVM cannot go on after a SIGBUS in native code. To remove them, or to put others in their place
 * by rename(2), does no harm.
 *
 * <p>The map is of a fixed size, the same in all processes, so that none outgrows another's; how
 * much of it may be used is another matter ({@link #fill}).
 */
final class LmdbStore implements Store {
  private static final Logger LOG = LoggerFactory.getLogger(LmdbStore.class);

  /** Bytes of address space. */
  static final long MAP_SIZE = 8L << 30;

  private static final int PAGE = 4096;
  private static final int SEEK_END = 2;
  private static final int MAX_READERS = 2048;
  private static final int MODE = 0600;
  private static final byte[] DATA = name("data.mdb");
  private static final byte[] LOCK = name("lock.mdb");
  private static final byte[] SET_ASIDE = name("data.mdb.set-aside");
  private static final byte[] GATE = name("gate");
  private static final byte[] USERS = name("users");
  private static final byte[] TURN = name("turn");

  /** How long it is waited for a turn: the other process may have been stopped. */
  private static final long TURN_NANOS = TimeUnit.SECONDS.toNanos(60);

  private static final long LOOK_AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  /** What the data files of this version hold, under a name that no table has. */
  private static final String ABOUT = "about";

  private static final byte[] FORMAT_KEY = name("format");

  private static final Reader NOTHING = (table, key) -> null;

  /**
   * What is kept in one environment.
   *
   * @param format what its data files say of themselves
   */
  record Kind(String format, Set<Table> tables) {
    static final Kind FILES = new Kind("samepage content index 1", Table.OF_FILES);
    static final Kind PAGES = new Kind("samepage page index 1", Table.OF_PAGES);
  }

  private final Fd directory;
  private final Fd users;

  /** The files that LMDB has mapped, to see how long they are. */
  private final Fd data;

  private final Fd lock;
  private final long limit;
  private final Env<byte[]> env;
  private final Map<Table, Dbi<byte[]>> tables = new EnumMap<>(Table.class);

  /** Read transactions that nobody uses; all are reset. */
  private final ConcurrentLinkedDeque<Txn<byte[]>> idle = new ConcurrentLinkedDeque<>();

  /** Held for reading by every access, for writing by close. */
  private final ReadWriteLock open = new ReentrantReadWriteLock();

  private boolean closed; // guarded by open

  /**
   * How long the mapped files have been at some time; LMDB makes them longer only. A thread may put
   * a smaller number in the place of another's, which is as true.
   */
  private volatile long dataSize;

  private volatile long lockSize;

  /** Whether they were made shorter, so that LMDB is left alone. */
  private volatile boolean shortened;

  private @Nullable String replaced;

  private LmdbStore(Fd directory, Fd users, long limit, Kind kind) throws StoreException {
    this.directory = directory;
    this.users = users;
    this.limit = limit;
    Env<byte[]> opened = null;
    Fd dataFile = null;
    Fd lockFile = null;
    try {
      // The directory's name need not be text: LMDB gets it by descriptor.
      opened =
          Env.create(ByteArrayProxy.PROXY_BA)
              .setMapSize(MAP_SIZE)
              .setMaxDbs(kind.tables().size() + 1)
              .setMaxReaders(MAX_READERS)
              .open(
                  new File("/proc/self/fd/" + directory.number()),
                  MODE,
                  MDB_NOSYNC,
                  MDB_NOTLS,
                  MDB_NORDAHEAD);
      opened.readerCheck(); // frees what killed processes were reading
      checkFormat(opened, name(kind.format()));
      for (Table table : kind.tables()) {
        tables.put(
            table, opened.openDbi(table.name().toLowerCase(Locale.ROOT), DbiFlags.MDB_CREATE));
      }
      dataFile = new Fd(Files.open(directory.number(), DATA, Linux.O_RDONLY, 0));
      lockFile = new Fd(Files.open(directory.number(), LOCK, Linux.O_RDONLY, 0));
      dataSize = size(dataFile);
      lockSize = size(lockFile);
    } catch (LmdbException | IllegalArgumentException | ErrnoException | StoreException e) {
      if (opened != null) {
        opened.close();
      }
      if (dataFile != null) {
        dataFile.close();
      }
      if (lockFile != null) {
        lockFile.close();
      }
      throw e instanceof StoreException known
          ? known
          : new StoreException("LMDB says: " + e.getMessage(), e);
    }
    env = opened;
    data = dataFile;
    lock = lockFile;
  }

  /** Another program's tables are foreign, and so are those of another version. */
  private static void checkFormat(Env<byte[]> env, byte[] expected) throws StoreException {
    int names = env.getDbiNames().size();
    Dbi<byte[]> about = env.openDbi(ABOUT, DbiFlags.MDB_CREATE);
    try (Txn<byte[]> txn = env.txnWrite()) {
      byte[] format = about.get(txn, FORMAT_KEY);
      if (format == null && names == 0) {
        about.put(txn, FORMAT_KEY, expected);
      } else if (!Arrays.equals(format, expected)) {
        throw new StoreException("it is not of this version of samepage, or not samepage's");
      }
      txn.commit();
    }
  }

  /**
   * Opens the index in a directory, which is made if it is missing. Waits while another process
   * opens it.
   *
   * @param path of the directory
   * @param limit how many bytes it may take
   * @throws StoreException if there can be none: a full or read-only disk, no permission
   */
  static LmdbStore open(byte[] path, long limit, Kind kind) throws StoreException {
    try {
      makeDirectories(path);
    } catch (ErrnoException e) {
      throw new StoreException("its directory cannot be made: " + e.getMessage(), e);
    }
    Fd directory = null;
    Fd users = null;
    try {
      directory = new Fd(Files.open(Linux.AT_FDCWD, path, Linux.O_RDONLY | Linux.O_DIRECTORY, 0));
      try (Fd gate = openLock(directory, GATE)) {
        Files.lockExclusively(gate.number());
        users = openLock(directory, USERS);
        boolean alone = Files.tryLockExclusively(users.number());
        String fault = null;
        if (alone) {
          fault = LmdbPages.fault(directory.number(), DATA);
          if (fault != null) {
            setAside(directory, path, fault);
          }
        }
        LmdbStore store;
        try {
          store = new LmdbStore(directory, users, Math.min(limit, MAP_SIZE / 4 * 3), kind);
        } catch (StoreException e) {
          if (!alone) {
            throw e;
          }
          fault = String.valueOf(e.getMessage());
          setAside(directory, path, fault);
          store = new LmdbStore(directory, users, Math.min(limit, MAP_SIZE / 4 * 3), kind);
        }
        Files.lockShared(users.number());
        store.replaced = fault;
        directory = null;
        users = null;
        return store;
      }
    } catch (ErrnoException e) {
      throw new StoreException(String.valueOf(e.getMessage()), e);
    } finally {
      if (users != null) {
        users.close();
      }
      if (directory != null) {
        directory.close();
      }
    }
  }

  /** What was wrong with an index that was set aside for this one; null if there was none. */
  @Nullable String replaced() {
    return replaced;
  }

  private static Fd openLock(Fd directory, byte[] name) throws ErrnoException {
    return new Fd(
        Files.open(
            directory.number(), name, Linux.O_RDWR | Linux.O_CREAT | Linux.O_NOFOLLOW, MODE));
  }

  /** Only ever called by who is alone. An older one that was set aside goes. */
  private static void setAside(Fd directory, byte[] path, String fault) throws ErrnoException {
    LOG.warn(
        "the content index in {} is set aside as data.mdb.set-aside, and built anew: {}",
        new String(path, StandardCharsets.UTF_8),
        fault);
    Files.rename(directory.number(), DATA, directory.number(), SET_ASIDE, 0);
    try {
      Files.unlink(directory.number(), LOCK);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
    }
  }

  private static void makeDirectories(byte[] path) throws ErrnoException {
    for (int i = 1; i <= path.length; i++) {
      if (i == path.length || path[i] == '/') {
        try {
          Files.mkdir(Linux.AT_FDCWD, Arrays.copyOf(path, i), 0700);
        } catch (ErrnoException e) {
          if (e.errno() != Errno.EEXIST && i == path.length) {
            throw e;
          }
        }
      }
    }
  }

  private static byte[] name(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static long size(Fd file) throws ErrnoException {
    return Files.seek(file.number(), 0, SEEK_END);
  }

  /**
   * Whether LMDB is not to be asked: it is closed, or its files are shorter than they were. The
   * caller holds {@link #open}.
   */
  private boolean isUnusable() {
    if (closed || shortened) {
      return true;
    }
    try {
      // What is known comes first: what another thread learns after that may be more than this
      // one sees.
      long dataBefore = dataSize;
      long lockBefore = lockSize;
      long dataNow = size(data);
      long lockNow = size(lock);
      if (dataNow >= dataBefore && lockNow >= lockBefore) {
        dataSize = dataNow;
        lockSize = lockNow;
        return false;
      }
    } catch (ErrnoException e) {
      return true;
    }
    shortened = true;
    LOG.error(
        "the files of the content index were made shorter while it was in use: it is not used any"
            + " more until the next mount. It may be deleted, as a directory, at any time");
    return true;
  }

  private void requireUsable() throws StoreException {
    if (isUnusable()) {
      throw new StoreException(closed ? "it is closed" : "its files were made shorter");
    }
  }

  private Dbi<byte[]> table(Table table) {
    Dbi<byte[]> found = tables.get(table);
    if (found == null) {
      throw new IllegalArgumentException(table.name());
    }
    return found;
  }

  @Override
  public byte @Nullable [] get(Table table, byte[] key) {
    return read(reader -> reader.get(table, key));
  }

  @Override
  public <T> T read(Function<Reader, T> reading) {
    open.readLock().lock();
    try {
      if (isUnusable()) {
        return reading.apply(NOTHING);
      }
      Txn<byte[]> polled = idle.poll();
      Txn<byte[]> txn = polled == null ? env.txnRead() : polled;
      if (polled != null) {
        txn.renew();
      }
      try {
        return reading.apply((table, key) -> table(table).get(txn, key));
      } finally {
        txn.reset();
        idle.push(txn);
      }
    } catch (LmdbException e) {
      return reading.apply(NOTHING); // no reader slot left, say: as if it were not known
    } finally {
      open.readLock().unlock();
    }
  }

  @Override
  public void change(Change change) throws StoreException {
    open.readLock().lock();
    try {
      requireUsable();
      try (Txn<byte[]> txn = env.txnWrite()) {
        change.make(
            new Writer() {
              @Override
              public byte @Nullable [] get(Table table, byte[] key) {
                return table(table).get(txn, key);
              }

              @Override
              public void put(Table table, byte[] key, byte[] value) {
                table(table).put(txn, key, value);
              }

              @Override
              public void delete(Table table, byte[] key) {
                table(table).delete(txn, key);
              }
            });
        txn.commit();
      }
    } catch (LmdbException e) {
      throw new StoreException("LMDB says: " + e.getMessage(), e);
    } finally {
      open.readLock().unlock();
    }
  }

  @Override
  public void inTurn(Runnable action) {
    Fd turn = awaitTurn();
    try {
      action.run();
    } finally {
      if (turn != null) {
        turn.close(); // which unlocks it
      }
    }
  }

  /** The lock file, locked if that could be had in time; null if there can be none. */
  private @Nullable Fd awaitTurn() {
    Fd turn;
    open.readLock().lock();
    try {
      if (closed) {
        return null;
      }
      turn = openLock(directory, TURN);
    } catch (ErrnoException e) {
      return null; // nothing can be written there, it seems
    } finally {
      open.readLock().unlock();
    }
    long end = System.nanoTime() + TURN_NANOS;
    try {
      while (!Files.tryLockExclusively(turn.number())
          && end - System.nanoTime() > 0
          && !Thread.currentThread().isInterrupted()) {
        LockSupport.parkNanos(LOOK_AGAIN_NANOS);
      }
    } catch (ErrnoException e) {
      // As if it had taken too long.
    }
    return turn;
  }

  @Override
  public void walk(Table table, Visitor visitor) throws StoreException {
    open.readLock().lock();
    try {
      requireUsable();
      try (Txn<byte[]> txn = env.txnRead();
          var cursor = table(table).openCursor(txn)) {
        boolean more = cursor.first();
        while (more && visitor.entry(cursor.key(), cursor.val())) {
          more = cursor.next();
        }
      }
    } catch (LmdbException e) {
      throw new StoreException("LMDB says: " + e.getMessage(), e);
    } finally {
      open.readLock().unlock();
    }
  }

  @Override
  public long version() {
    open.readLock().lock();
    try {
      return isUnusable() ? 0 : env.info().lastTransactionId;
    } finally {
      open.readLock().unlock();
    }
  }

  @Override
  public double fill() {
    open.readLock().lock();
    try {
      if (isUnusable()) {
        return 0;
      }
      long pages = 0;
      try (Txn<byte[]> txn = env.txnRead()) {
        for (Dbi<byte[]> table : tables.values()) {
          Stat stat = table.stat(txn);
          pages += stat.branchPages + stat.leafPages + stat.overflowPages;
        }
      }
      return (double) pages * PAGE / limit;
    } catch (LmdbException e) {
      return 0;
    } finally {
      open.readLock().unlock();
    }
  }

  @Override
  public void close() {
    open.writeLock().lock();
    try {
      if (closed) {
        return;
      }
      boolean unusable = isUnusable();
      closed = true;
      if (!unusable) { // else what LMDB would touch may not be there; it stays as it is
        for (Txn<byte[]> txn = idle.poll(); txn != null; txn = idle.poll()) {
          txn.close();
        }
        env.close();
      }
      data.close();
      lock.close();
      users.close();
      directory.close();
    } finally {
      open.writeLock().unlock();
    }
  }
}
