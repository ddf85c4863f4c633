package io.samepage.dedup;

import java.util.EnumSet;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Tables of byte strings that the content index is kept in. Thread-safe. Keys are at most 64 bytes.
 */
interface Store extends AutoCloseable {
  /** The tables; their names are part of the format on disk. */
  enum Table {
    /** (domain, file system, inode) to what is known of that file. */
    FILES,
    /** (domain, digest) to the places that hold it. */
    PLACES,
    /** (domain, size) to the one file of that size, or a mark that there are several. */
    SIZES,
    /** The number of a layer to its path. */
    LAYERS,
    /** (domain, digest) to the places that NUMA nodes have for their own. */
    NODES,
    /** (domain, content) to what is known of its pages. */
    CONTENTS,
    /** (pages of a content, part) to the digests of that part of its pages. */
    LEAVES,
    /** (domain, abbreviated digest of a page) to the content that had it first, and where. */
    ANCHORS,
    /** (domain, content, part) to that part of the extents of other contents that it uses. */
    RANGES;

    /** What a content index is. */
    static final Set<Table> OF_FILES = EnumSet.of(FILES, PLACES, SIZES, LAYERS, NODES);

    /** What a page index is. */
    static final Set<Table> OF_PAGES = EnumSet.of(CONTENTS, LEAVES, ANCHORS, RANGES);
  }

  /** The tables as they were at one moment; used by its thread alone. */
  @FunctionalInterface
  interface Reader {
    byte @Nullable [] get(Table table, byte[] key);
  }

  /** The view of a change that is being made; used by its thread alone. */
  interface Writer {
    byte @Nullable [] get(Table table, byte[] key);

    void put(Table table, byte[] key, byte[] value);

    void delete(Table table, byte[] key);
  }

  /** Several changes that become visible together. It may be run twice if the first try failed. */
  @FunctionalInterface
  interface Change {
    void make(Writer writer);
  }

  /** Takes entries of a walk; false ends it. */
  @FunctionalInterface
  interface Visitor {
    boolean entry(byte[] key, byte[] value);
  }

  /** Fails never: what cannot be read is not there. */
  byte @Nullable [] get(Table table, byte[] key);

  /**
   * Reads several entries for little more than the price of one. Fails never; where nothing can be
   * read there is nothing, and it may be found out by a second run.
   */
  <T> T read(Function<Reader, T> reading);

  /** Makes a change. */
  void change(Change change) throws StoreException;

  /**
   * Does what consists of several accesses and must not be done by two processes at the same time.
   * What the other one did is seen afterwards. Who has waited too long goes on all the same.
   */
  default void inTurn(Runnable action) {
    action.run();
  }

  /** Walks over a table, in any order, beside all changes. */
  void walk(Table table, Visitor visitor) throws StoreException;

  /** A number that grows with every change. */
  long version();

  /** How much of the room is taken, from 0 to 1. */
  double fill();

  @Override
  void close();
}
