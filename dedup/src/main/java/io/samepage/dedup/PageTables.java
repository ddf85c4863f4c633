package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.Store.Writer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tables of a page index: values under the {@link Seal} of their keys, and changes that cannot
 * be made cost what they would have added, after one warning. Keys are made of numbers, of 8 bytes
 * each. Thread-safe.
 */
final class PageTables implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PageTables.class);
  private static final long MEMORY_LIMIT = 16 << 20;

  /** How full it may be, from 0 to 1, before room is to be made. */
  private static final double FULL = 0.9;

  private final Store store;

  /** For messages; empty where it is in memory. */
  private final String name;

  private final AtomicBoolean warned = new AtomicBoolean();

  private PageTables(Store store, String name) {
    this.store = store;
    this.name = name;
  }

  static PageTables inMemory() {
    return new PageTables(new MemoryStore(Table.OF_PAGES, MEMORY_LIMIT), "");
  }

  /** Opens them, or such as are in memory where that cannot be; made if they are missing. */
  static PageTables open(byte[] directory, long limit) {
    String name = new String(directory, StandardCharsets.UTF_8);
    try {
      return new PageTables(LmdbStore.open(directory, limit, LmdbStore.Kind.PAGES), name);
    } catch (StoreException | LinkageError e) {
      PageTables tables = new PageTables(new MemoryStore(Table.OF_PAGES, MEMORY_LIMIT), name);
      tables.warn(e);
      return tables;
    }
  }

  private void warn(Throwable e) {
    if (warned.compareAndSet(false, true)) {
      LOG.warn("the page index {} cannot be written, and remembers less: {}", name, e.getMessage());
    }
  }

  static byte[] key(long a, long b) {
    return ByteBuffer.allocate(2 * Long.BYTES).putLong(a).putLong(b).array();
  }

  static byte[] key(long a, long b, long c) {
    return ByteBuffer.allocate(3 * Long.BYTES).putLong(a).putLong(b).putLong(c).array();
  }

  /** The value of a key; null if there is none, or a damaged one. */
  byte @Nullable [] get(Table table, byte[] key) {
    return Seal.open(key, store.get(table, key));
  }

  /** The same, as a change that is being made sees it. */
  static byte @Nullable [] get(Writer writer, Table table, byte[] key) {
    return Seal.open(key, writer.get(table, key));
  }

  /** Puts a value, as a part of a change. */
  static void put(Writer writer, Table table, byte[] key, byte[] value) {
    writer.put(table, key, Seal.put(key, value));
  }

  /** Makes a change, if it can be made; it may be run twice. */
  void change(Store.Change change) {
    try {
      store.change(change);
    } catch (StoreException e) {
      warn(e);
    }
  }

  /** See {@link Store#inTurn}. */
  void inTurn(Runnable action) {
    store.inTurn(action);
  }

  void put(Table table, byte[] key, byte[] value) {
    change(writer -> put(writer, table, key, value));
  }

  void delete(Table table, byte[] key) {
    change(writer -> writer.delete(table, key));
  }

  /** Walks over a table; its values are sealed. */
  void walk(Table table, Store.Visitor visitor) throws StoreException {
    store.walk(table, visitor);
  }

  /** Whether room is to be made. */
  boolean isFull() {
    return store.fill() >= FULL;
  }

  @Override
  public void close() {
    store.close();
  }
}
