package io.samepage.dedup;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Tables in the heap, for a host where the index cannot be on disk. What is old falls out. */
final class MemoryStore implements Store {
  /** Each entry weighs its bytes and what the heap adds to them. */
  private static final int OVERHEAD = 120;

  private final Map<Table, Cache<ByteBuffer, byte[]>> tables = new EnumMap<>(Table.class);
  private final Object writing = new Object();

  /**
   * Makes empty tables.
   *
   * @param bytes how much heap they may take in all
   */
  MemoryStore(Set<Table> names, long bytes) {
    for (Table table : names) {
      tables.put(
          table,
          Caffeine.newBuilder()
              .maximumWeight(bytes / names.size())
              .weigher((ByteBuffer key, byte[] value) -> key.capacity() + value.length + OVERHEAD)
              .executor(Runnable::run)
              .build());
    }
  }

  /** Guarded by {@link #writing}. */
  private long version;

  private Cache<ByteBuffer, byte[]> table(Table table) {
    Cache<ByteBuffer, byte[]> found = tables.get(table);
    if (found == null) {
      throw new IllegalArgumentException(table.name());
    }
    return found;
  }

  @Override
  public byte @Nullable [] get(Table table, byte[] key) {
    return table(table).getIfPresent(ByteBuffer.wrap(key));
  }

  @Override
  public <T> T read(Function<Reader, T> reading) {
    return reading.apply(this::get);
  }

  @Override
  public void change(Change change) {
    synchronized (writing) {
      version++;
      change.make(
          new Writer() {
            @Override
            public byte @Nullable [] get(Table table, byte[] key) {
              return MemoryStore.this.get(table, key);
            }

            @Override
            public void put(Table table, byte[] key, byte[] value) {
              table(table).put(ByteBuffer.wrap(key), value);
            }

            @Override
            public void delete(Table table, byte[] key) {
              table(table).invalidate(ByteBuffer.wrap(key));
            }
          });
    }
  }

  @Override
  public void walk(Table table, Visitor visitor) {
    for (Map.Entry<ByteBuffer, byte[]> entry : table(table).asMap().entrySet()) {
      if (!visitor.entry(entry.getKey().array(), entry.getValue())) {
        return;
      }
    }
  }

  @Override
  public long version() {
    synchronized (writing) {
      return version;
    }
  }

  @Override
  public double fill() {
    return 0; // it bounds itself
  }

  @Override
  public void close() {
    tables.values().forEach(Cache::invalidateAll);
  }
}
