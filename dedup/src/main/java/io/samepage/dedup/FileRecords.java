package io.samepage.dedup;

import io.samepage.dedup.Store.Table;
import io.samepage.dedup.Store.Writer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The keys and values of the tables of a content index ({@link Table#OF_FILES}): numbers of 8 bytes
 * and digests, big-endian, one after the other. Every value is under the {@link Seal} of its key.
 */
final class FileRecords {
  /** Size, mtime, ctime, when it was entered in seconds; then the digest if there is one. */
  private static final int FILE_FIXED = 3 * Long.BYTES + Integer.BYTES;

  private FileRecords() {}

  /** Of a layer's path. */
  static byte[] layerKey(long layer) {
    return ByteBuffer.allocate(Long.BYTES).putLong(layer).array();
  }

  /** Of what is known of a file. */
  static byte[] fileKey(long domain, FileKey file) {
    return fileKey(domain, file.fileSystem(), file.ino());
  }

  private static byte[] fileKey(long domain, long fileSystem, long ino) {
    return ByteBuffer.allocate(3 * Long.BYTES)
        .putLong(domain)
        .putLong(fileSystem)
        .putLong(ino)
        .array();
  }

  /** Of the places that hold a digest, and of those that NUMA nodes have for their own. */
  static byte[] digestKey(long domain, byte[] digest) {
    return ByteBuffer.allocate(Long.BYTES + digest.length).putLong(domain).put(digest).array();
  }

  /** Of the only file of a size. */
  static byte[] sizeKey(long domain, long size) {
    return ByteBuffer.allocate(2 * Long.BYTES).putLong(domain).putLong(size).array();
  }

  /** The domain that a key of files, digests or sizes begins with. */
  static long domain(byte[] key) {
    return ByteBuffer.wrap(key).getLong();
  }

  /** The number in the key of a layer. */
  static long layer(byte[] key) {
    return ByteBuffer.wrap(key).getLong();
  }

  /** Whether the place is of the file that a key of files names, as it is now or as it was. */
  static boolean isNamed(byte[] fileKey, Place place) {
    return Arrays.equals(
        fileKey, fileKey(domain(fileKey), place.key().fileSystem(), place.key().ino()));
  }

  /** What is entered of a file, this second; {@code digest} is null if it has not been made. */
  static byte[] file(FileKey file, byte @Nullable [] digest) {
    ByteBuffer b = ByteBuffer.allocate(FILE_FIXED + (digest == null ? 0 : digest.length));
    b.putLong(file.size()).putLong(file.mtime()).putLong(file.ctime());
    b.putInt((int) (System.currentTimeMillis() / 1000));
    if (digest != null) {
      b.put(digest);
    }
    return b.array();
  }

  /** Whether a value is what was entered of a file; false if it has changed since. */
  static boolean isOf(FileKey file, byte[] value) {
    if (!isFile(value)) {
      return false;
    }
    ByteBuffer b = ByteBuffer.wrap(value);
    return b.getLong() == file.size() && b.getLong() == file.mtime() && b.getLong() == file.ctime();
  }

  /** Whether a value is what was entered of any file, and not what was put for a deleted one. */
  static boolean isFile(byte[] value) {
    return value.length >= FILE_FIXED;
  }

  /** The size of the file of which a value was entered, in bytes. */
  static long size(byte[] value) {
    return ByteBuffer.wrap(value).getLong();
  }

  /** The digest of the file of which a value was entered; null if it has not been made. */
  static byte @Nullable [] digest(byte[] value) {
    return value.length == FILE_FIXED + VerityDigest.LENGTH
        ? Arrays.copyOfRange(value, FILE_FIXED, value.length)
        : null;
  }

  /** When a value of a file was entered, in seconds since 1970; it may still be sealed. */
  static int enteredAt(byte[] value) {
    return isFile(value) ? ByteBuffer.wrap(value).getInt(3 * Long.BYTES) : 0;
  }

  /** The value of a list of places. */
  static byte[] ofPlaces(List<Place> places) {
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

  /** The places in a value, the stable one first; none if there is no value. */
  static List<Place> places(byte @Nullable [] value) {
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

  /** The value of a key, as a change that is being made sees it; null if none or damaged. */
  static byte @Nullable [] get(Writer writer, Table table, byte[] key) {
    return Seal.open(key, writer.get(table, key));
  }

  /** Puts a value, as a part of a change. */
  static void put(Writer writer, Table table, byte[] key, byte[] value) {
    writer.put(table, key, Seal.put(key, value));
  }

  /** The places that hold a digest, as a change that is being made sees them. */
  static List<Place> places(Writer writer, byte[] digestKey) {
    return places(get(writer, Table.PLACES, digestKey));
  }

  /**
   * Puts the places that hold a digest, as a part of a change; if there are none, those that NUMA
   * nodes have for their own go too.
   */
  static void putPlaces(Writer writer, byte[] digestKey, List<Place> places) {
    if (places.isEmpty()) {
      writer.delete(Table.PLACES, digestKey);
      writer.delete(Table.NODES, digestKey);
    } else {
      put(writer, Table.PLACES, digestKey, ofPlaces(places));
    }
  }
}
