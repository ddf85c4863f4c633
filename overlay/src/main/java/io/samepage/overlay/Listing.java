package io.samepage.overlay;

import java.util.Arrays;
import java.util.HashMap;
import java.util.function.ToLongFunction;

/**
 * The names in one directory of the overlay, in the order of a hash of each. The hash is also the
 * offset that readdir goes on from, so that it means the same whatever comes, goes, or is read
 * again: no directory needs to be kept open for that.
 *
 * <p>Guarded by the monitor of its directory.
 */
final class Listing {
  /** Offsets of "." and ".."; names have larger ones. */
  static final long SELF_OFFSET = 1;

  static final long PARENT_OFFSET = 2;
  private static final long FIRST = 16;

  private final ToLongFunction<byte[]> hash;
  private final byte[][] names;
  private final long[] offsets;
  private final long[] inodes;
  private final byte[] types;
  private int live;

  private Listing(
      ToLongFunction<byte[]> hash, byte[][] names, long[] offsets, long[] inodes, byte[] types) {
    this.hash = hash;
    this.names = names;
    this.offsets = offsets;
    this.inodes = inodes;
    this.types = types;
    this.live = names.length;
  }

  /** Names are gathered here first; a name that is there already is not taken again. */
  static final class Builder {
    private final HashMap<NameKey, long[]> entries = new HashMap<>();
    private final ToLongFunction<byte[]> hash;

    Builder() {
      this(Names::hash);
    }

    /** Takes another hash, so that tests can have names of which several have the same. */
    Builder(ToLongFunction<byte[]> hash) {
      this.hash = hash;
    }

    /** Whether a name was added, or hidden, by a layer further up. */
    boolean isKnown(byte[] name) {
      return entries.containsKey(new NameKey(name));
    }

    void add(byte[] name, long ino, int type) {
      entries.putIfAbsent(new NameKey(name), new long[] {ino, type});
    }

    /** A whiteout: the name is not listed, whatever comes below. */
    void hide(byte[] name) {
      entries.putIfAbsent(new NameKey(name), new long[] {0, HIDDEN});
    }

    Listing build() {
      entries.values().removeIf(entry -> entry[1] == HIDDEN);
      int count = entries.size();
      @SuppressWarnings("ArrayRecordComponent") // never compared
      record Slot(byte[] name, long offset, long ino, byte type) {}
      Slot[] slots = new Slot[count];
      int i = 0;
      for (var entry : entries.entrySet()) {
        byte[] name = entry.getKey().name;
        slots[i++] =
            new Slot(name, offset(hash, name), entry.getValue()[0], (byte) entry.getValue()[1]);
      }
      Arrays.sort(
          slots,
          (a, b) -> {
            int order = Long.compare(a.offset, b.offset);
            return order != 0 ? order : Arrays.compare(a.name, b.name);
          });
      byte[][] names = new byte[count][];
      long[] offsets = new long[count];
      long[] inodes = new long[count];
      byte[] types = new byte[count];
      for (i = 0; i < count; i++) {
        names[i] = slots[i].name;
        // Two names of one hash would be one offset: the second takes the next one.
        offsets[i] =
            i > 0 && slots[i].offset <= offsets[i - 1] ? offsets[i - 1] + 1 : slots[i].offset;
        inodes[i] = slots[i].ino;
        types[i] = slots[i].type;
      }
      return new Listing(hash, names, offsets, inodes, types);
    }
  }

  private static final int HIDDEN = 255;

  /** A name as a key of a map. */
  private static final class NameKey {
    private final byte[] name;
    private final int hash;

    NameKey(byte[] name) {
      this.name = name;
      this.hash = Arrays.hashCode(name);
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof NameKey key && Arrays.equals(name, key.name);
    }
  }

  private static long offset(ToLongFunction<byte[]> hash, byte[] name) {
    return (hash.applyAsLong(name) >>> 2) + FIRST;
  }

  /** How many names there are. */
  int size() {
    return names.length;
  }

  boolean isEmpty() {
    return live == 0;
  }

  /** The first place whose offset is greater than the one given. */
  int after(long offset) {
    int low = 0;
    int high = offsets.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (offsets[middle] <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Takes a name out, if it is there. */
  void remove(byte[] name) {
    long offset = offset(hash, name);
    for (int i = after(offset - 1); i < names.length; i++) {
      byte[] each = names[i];
      if (each.length == 0) {
        continue;
      }
      if (Arrays.equals(each, name)) {
        names[i] = Names.EMPTY;
        live--;
        return;
      }
      // Names of the same hash come one after the other, at offsets that are not their hash.
      if (offset(hash, each) > offset) {
        return;
      }
    }
  }

  /** A name; empty if it was removed meanwhile. */
  byte[] name(int i) {
    return names[i];
  }

  long offset(int i) {
    return offsets[i];
  }

  /** The inode number that users see; 0 if it takes a look-up to tell. */
  long ino(int i) {
    return inodes[i];
  }

  /** DT_*. */
  int type(int i) {
    return types[i];
  }
}
