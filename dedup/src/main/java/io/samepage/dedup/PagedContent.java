package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A content whose pages are known. Its number is the first 8 bytes of its digest; in the table
 * {@link Table#CONTENTS} it is under (domain, number) as
 *
 * <pre>
 *   digest 32 | size 8 | leaves 8 | shared 8 | own 8 | entered 8 | extents 4 | n 4 | n digests
 * </pre>
 *
 * @param digest of the file
 * @param size in bytes
 * @param leaves what its pages' digests are kept under; 0 if it is not to be shared in part
 * @param shared how many pages it uses of others
 * @param own how many it does not, without those that are zeros
 * @param entered milliseconds since 1970
 * @param extents how many extents its map has; 0 if it uses nothing of others
 * @param sources digests of the contents that it uses
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record PagedContent(
    byte[] digest,
    long size,
    long leaves,
    long shared,
    long own,
    long entered,
    int extents,
    List<byte[]> sources) {
  private static final int FIXED = VerityDigest.LENGTH + 5 * Long.BYTES + 2 * Integer.BYTES;

  /** One that was entered this moment and uses nothing of others. */
  static PagedContent ofItsOwn(byte[] digest, long size, long leaves) {
    return new PagedContent(digest, size, leaves, 0, 0, System.currentTimeMillis(), 0, List.of());
  }

  /** The number of a content. */
  static long number(byte[] digest) {
    return ByteBuffer.wrap(digest).getLong();
  }

  long number() {
    return number(digest);
  }

  long wholePages() {
    return size / VerityDigest.BLOCK;
  }

  long pages() {
    return (size + VerityDigest.BLOCK - 1) / VerityDigest.BLOCK;
  }

  byte[] encode() {
    ByteBuffer b = ByteBuffer.allocate(FIXED + sources.size() * VerityDigest.LENGTH);
    b.put(digest).putLong(size).putLong(leaves);
    b.putLong(shared).putLong(own).putLong(entered);
    b.putInt(extents).putInt(sources.size());
    sources.forEach(b::put);
    return b.array();
  }

  /** Null if it is too short. */
  static @Nullable PagedContent decode(byte @Nullable [] value) {
    if (value == null || value.length < FIXED) {
      return null;
    }
    ByteBuffer b = ByteBuffer.wrap(value);
    byte[] digest = new byte[VerityDigest.LENGTH];
    b.get(digest);
    long size = b.getLong();
    long leaves = b.getLong();
    long shared = b.getLong();
    long own = b.getLong();
    long entered = b.getLong();
    int extents = b.getInt();
    int count = b.getInt();
    List<byte[]> sources = new ArrayList<>();
    for (int i = 0; i < count && b.remaining() >= VerityDigest.LENGTH; i++) {
      byte[] source = new byte[VerityDigest.LENGTH];
      b.get(source);
      sources.add(source);
    }
    return new PagedContent(digest, size, leaves, shared, own, entered, extents, sources);
  }
}
