package io.samepage.dedup;

import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether the data file of an LMDB environment is sound: every page that LMDB could follow, from
 * the newest meta page on, is within the file, is of its kind, is used once, and holds nodes that
 * lie within it and are in order; the counts in the tables' descriptions are right; and the list of
 * free pages names none that is used. LMDB itself checks hardly anything of that, and a file that
 * is not so may end the process or lead it astray. What the values say is not looked at: they have
 * checksums of their own.
 *
 * <p>The format is that of LMDB 0.9 (mdb.c) on a little-endian 64-bit machine:
 *
 * <pre>
 *  page  0        8    10      12      14      16
 *        | number | -  | flags | lower | upper |  offsets of nodes (u16 each) …      … nodes
 *        |        |    |       | overflow pages|  data
 *  meta                                        | magic version address mapsize free main last txn
 *  table   flags depth branch leaf overflow entries root     (48 bytes; u16 at 4 and 6, then u64)
 *  node  0    2    4       6          8
 *        | lo | hi | flags | key size | key … data       leaf: data size is lo, hi
 *                                                        branch: page number is lo, hi, flags
 * </pre>
 */
final class LmdbPages {
  private static final int PAGE = 4096;
  private static final int HEADER = 16;
  private static final int NODE = 8;
  private static final int TABLE = 48;
  private static final long NO_PAGE = -1;
  private static final int P_BRANCH = 1;
  private static final int P_LEAF = 2;
  private static final int P_OVERFLOW = 4;
  private static final int P_META = 8;
  private static final int F_BIGDATA = 1;
  private static final int F_SUBDATA = 2;
  private static final int MDB_INTEGERKEY = 8;
  private static final int MAGIC = 0xbeefc0de;
  private static final int MAX_KEY = 511;
  private static final int MAX_DEPTH = 10;

  /** Metas lie where these numbers say. */
  private static final int META_ADDRESS = HEADER + 8;

  private static final int META_MAP_SIZE = HEADER + 16;
  private static final int META_FREE = HEADER + 24;
  private static final int META_MAIN = META_FREE + TABLE;
  private static final int META_LAST = META_MAIN + TABLE;
  private static final int META_TXN = META_LAST + 8;

  /** What is wrong; it ends the walk. */
  private static final class Unsound extends Exception {
    private static final long serialVersionUID = 1;

    Unsound(String message) {
      super(message, null, false, false);
    }
  }

  private final int fd;
  private final long filePages;
  private final NativeBuffer tree = NativeBuffer.allocate(PAGE);
  private final NativeBuffer other = NativeBuffer.allocate(PAGE);
  private final BitSet seen = new BitSet();
  private long last;
  private long transaction;

  /** What a walk over one table has counted. */
  private static final class Count {
    long branch;
    long leaf;
    long overflow;
    long entries;
  }

  private LmdbPages(int fd, long filePages) {
    this.fd = fd;
    this.filePages = filePages;
  }

  /**
   * What is wrong with a data file; null if it is sound, empty, or not there.
   *
   * @throws ErrnoException if it cannot be read for another reason than its content
   */
  static @Nullable String fault(int dirfd, byte[] name) throws ErrnoException {
    int number =
        Files.tryOpen(dirfd, name, Linux.O_RDONLY | Linux.O_NOFOLLOW | Linux.O_NONBLOCK, 0);
    if (number == -Errno.ENOENT) {
      return null;
    }
    if (number == -Errno.ELOOP) {
      return "data.mdb is a symbolic link";
    }
    if (number < 0) {
      throw ErrnoException.of(-number);
    }
    try (Fd fd = new Fd(number)) {
      Stat stat = new Stat();
      Files.stat(fd.number(), stat);
      if (!stat.isRegular()) {
        return "data.mdb is no regular file";
      }
      if (stat.size == 0) {
        return null;
      }
      if (stat.size / PAGE > Integer.MAX_VALUE) {
        return "data.mdb is larger than any that samepage writes";
      }
      try {
        new LmdbPages(fd.number(), stat.size / PAGE).check();
        return null;
      } catch (Unsound e) {
        return e.getMessage();
      }
    }
  }

  private static void require(boolean holds, String message, long page) throws Unsound {
    if (!holds) {
      throw new Unsound("page " + page + ": " + message);
    }
  }

  private ByteBuffer page(long number, NativeBuffer buffer) throws Unsound, ErrnoException {
    require(number >= 0 && number < filePages, "beyond the end of the file", number);
    int have = 0;
    while (have < PAGE) {
      int count = Files.pread(fd, buffer.address() + have, PAGE - have, number * PAGE + have);
      require(count > 0, "cannot be read", number);
      have += count;
    }
    return buffer.bytes();
  }

  private void check() throws Unsound, ErrnoException {
    require(filePages >= 2, "there are no meta pages", 0);
    long[] txn = new long[2];
    for (int i = 0; i < 2; i++) {
      ByteBuffer b = page(i, other);
      require(b.getLong(0) == i, "has another number", i);
      require(b.getShort(10) == P_META, "is no meta page", i);
      require(b.getInt(HEADER) == MAGIC, "is not LMDB's", i);
      require(b.getInt(HEADER + 4) == 1, "is of another version of LMDB", i);
      require(b.getLong(META_ADDRESS) == 0, "asks for an address", i);
      require(b.getInt(META_FREE) == PAGE, "is for another page size", i);
      txn[i] = b.getLong(META_TXN);
      // LMDB writes metas in turns, and finds the newest by the parity of its transaction.
      require(txn[i] >= 0 && (txn[i] == 0 || (txn[i] & 1) == i), "has a wrong transaction", i);
    }
    int newest = txn[0] < txn[1] ? 1 : 0;
    transaction = txn[newest];
    ByteBuffer meta = page(newest, other);
    last = meta.getLong(META_LAST);
    long mapSize = meta.getLong(META_MAP_SIZE);
    require(last >= 1 && last < LmdbStore.MAP_SIZE / PAGE, "names a wrong last page", newest);
    require(mapSize > 0 && mapSize <= LmdbStore.MAP_SIZE, "has a wrong map size", newest);
    byte[] tables = new byte[2 * TABLE];
    meta.get(META_FREE, tables);
    ByteBuffer descriptions = ByteBuffer.wrap(tables).order(ByteOrder.LITTLE_ENDIAN);
    seen.set(0, 2);
    table(descriptions, 0, MDB_INTEGERKEY, true, false, newest);
    table(descriptions, TABLE, 0, false, true, newest);
  }

  /** Walks a table and compares what it finds with its description. */
  private void table(ByteBuffer b, int at, int flags, boolean free, boolean main, long page)
      throws Unsound, ErrnoException {
    require((b.getShort(at + 4) & 0xffff) == flags, "has a table of unknown flags", page);
    int depth = b.getShort(at + 6) & 0xffff;
    long root = b.getLong(at + 40);
    Count count = new Count();
    Walk walk = new Walk(count, free, main, depth);
    if (root != NO_PAGE) {
      require(depth >= 1 && depth < MAX_DEPTH, "has a table of a wrong depth", page);
      walk.subtree(root, 1, null, null);
    } else {
      require(depth == 0, "has a table of a wrong depth", page);
    }
    require(
        b.getLong(at + 8) == count.branch
            && b.getLong(at + 16) == count.leaf
            && b.getLong(at + 24) == count.overflow
            && b.getLong(at + 32) == count.entries,
        "has a table of wrong counts",
        page);
    // Only now: what a named table uses must be known before the free list can be judged.
    for (byte[] description : walk.named) {
      ByteBuffer d = ByteBuffer.wrap(description).order(ByteOrder.LITTLE_ENDIAN);
      require(d.getInt(0) == 0, "has a table of unknown flags", page);
      table(d, 0, 0, false, false, page);
    }
  }

  private void use(long number, long from) throws Unsound {
    require(number >= 2 && number <= last, "refers to page " + number, from);
    require(!seen.get((int) number), "refers to page " + number + ", which is used twice", from);
    seen.set((int) number);
  }

  /** A walk over the tree of one table. */
  private final class Walk {
    private final Count count;
    private final boolean free;
    private final boolean main;
    private final int depth;
    private final List<byte[]> named = new ArrayList<>();

    Walk(Count count, boolean free, boolean main, int depth) {
      this.count = count;
      this.free = free;
      this.main = main;
      this.depth = depth;
    }

    /** Walks below a page, whose keys are all at least {@code least} and below {@code limit}. */
    void subtree(long number, int level, byte @Nullable [] least, byte @Nullable [] limit)
        throws Unsound, ErrnoException {
      use(number, number);
      ByteBuffer b = page(number, tree);
      require(b.getLong(0) == number, "has another number", number);
      boolean leaf = level == depth;
      require(b.getShort(10) == (leaf ? P_LEAF : P_BRANCH), "is of a wrong kind", number);
      int lower = b.getShort(12) & 0xffff;
      int upper = b.getShort(14) & 0xffff;
      require(
          lower >= HEADER && (lower & 1) == 0 && lower <= upper && upper <= PAGE,
          "has wrong bounds",
          number);
      int nodes = (lower - HEADER) / 2;
      require(nodes >= (leaf ? 1 : 2), "has too few nodes", number);
      if (leaf) {
        count.leaf++;
        count.entries += nodes;
      } else {
        count.branch++;
      }
      int[] offsets = new int[nodes];
      byte[][] keys = new byte[nodes][];
      long[] children = new long[nodes];
      long[] extents = new long[nodes];
      for (int i = 0; i < nodes; i++) {
        int at = b.getShort(HEADER + 2 * i) & 0xffff;
        require(at >= upper && (at & 1) == 0 && at + NODE <= PAGE, "has a wrong node", number);
        offsets[i] = at;
        long low = (b.getShort(at) & 0xffffL) | (b.getShort(at + 2) & 0xffffL) << 16;
        int flags = b.getShort(at + 4) & 0xffff;
        int keySize = b.getShort(at + 6) & 0xffff;
        require(keySize <= MAX_KEY && at + NODE + keySize <= PAGE, "has a wrong key", number);
        byte[] key = new byte[keySize];
        b.get(at + NODE, key);
        keys[i] = key;
        int size = NODE + keySize;
        if (leaf) {
          size += leafData(b, at, low, flags, keySize, key, number);
        } else {
          children[i] = low | (long) flags << 32;
        }
        extents[i] = (long) at << 32 | (at + size + 1 & ~1);
        boolean first = !leaf && i == 0; // its key is never looked at
        require(leaf || first || keySize > 0, "has a wrong key", number);
        if (!first) {
          byte[] before = i == 0 || (i == 1 && !leaf) ? null : keys[i - 1];
          boolean ordered =
              before != null ? compare(before, key) < 0 : least == null || compare(least, key) <= 0;
          require(
              ordered && (limit == null || compare(key, limit) < 0),
              "has keys out of order",
              number);
        }
      }
      Arrays.sort(extents);
      long end = upper;
      for (long extent : extents) {
        require(extent >>> 32 == end, "has nodes that overlap, or gaps", number);
        end = extent & 0xffffffffL;
      }
      require(end == PAGE, "has nodes that overlap, or gaps", number);
      if (!leaf) {
        for (int i = 0; i < nodes; i++) {
          subtree(
              children[i],
              level + 1,
              i == 0 ? least : keys[i],
              i + 1 < nodes ? keys[i + 1] : limit);
        }
      }
    }

    /** Checks a value; returns how many bytes of it are in the node. */
    private int leafData(
        ByteBuffer b, int at, long size, int flags, int keySize, byte[] key, long number)
        throws Unsound, ErrnoException {
      int dataAt = at + NODE + keySize;
      if (flags == F_BIGDATA) {
        require(
            !main && dataAt + 8 <= PAGE && size <= (last + 1) * PAGE, "has a wrong value", number);
        long first = b.getLong(dataAt);
        long pages = (HEADER - 1 + size) / PAGE + 1;
        overflow(first, pages, size, key, number);
        return 8;
      }
      require(flags == (main ? F_SUBDATA : 0), "has a wrong node", number);
      require(dataAt + size <= PAGE, "has a wrong value", number);
      if (main) {
        require(size == TABLE, "has a wrong table", number);
        byte[] description = new byte[TABLE];
        b.get(dataAt, description);
        named.add(description);
      } else if (free) {
        require(size >= 8 && size % 8 == 0, "has a wrong free list", number);
        long[] pages = new long[(int) (size / 8)];
        for (int i = 0; i < pages.length; i++) {
          pages[i] = b.getLong(dataAt + 8 * i);
        }
        freeList(pages, key, number);
      }
      return (int) size;
    }

    private void overflow(long first, long pages, long size, byte[] key, long number)
        throws Unsound, ErrnoException {
      ByteBuffer b = page(first, other);
      require(b.getLong(0) == first, "has another number", first);
      require(b.getShort(10) == P_OVERFLOW, "is of a wrong kind", first);
      require(b.getInt(12) == pages, "has a wrong length", first);
      require(first + pages <= filePages, "ends beyond the end of the file", first);
      for (long i = 0; i < pages; i++) {
        use(first + i, number);
      }
      count.overflow += pages;
      if (free) {
        require(size % 8 == 0, "has a wrong free list", first);
        long[] list = new long[(int) (size / 8)];
        for (int i = 0; i < list.length; i++) {
          long at = HEADER + 8L * i;
          if (at % PAGE == 0 || i == 0) {
            b = page(first + at / PAGE, other);
          }
          list[i] = b.getLong((int) (at % PAGE));
        }
        freeList(list, key, number);
      }
    }

    /** A free list: how many, and then their numbers, the largest first. */
    private void freeList(long[] list, byte[] key, long number) throws Unsound {
      require(list[0] >= 0 && list[0] < list.length, "has a wrong free list", number);
      for (int i = 1; i <= list[0]; i++) {
        require(i == 1 || list[i] < list[i - 1], "has a free list out of order", number);
        use(list[i], number);
      }
      long from = ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getLong();
      require(from >= 0 && from <= transaction, "frees pages in the future", number);
    }

    private int compare(byte[] a, byte[] b) throws Unsound {
      if (!free) {
        return Arrays.compareUnsigned(a, b);
      }
      require(a.length == 8 && b.length == 8, "a free list has a wrong key", 0);
      return Long.compareUnsigned(
          ByteBuffer.wrap(a).order(ByteOrder.LITTLE_ENDIAN).getLong(),
          ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).getLong());
    }
  }
}
