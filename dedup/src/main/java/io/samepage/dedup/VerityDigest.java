package io.samepage.dedup;

import io.samepage.posix.ErrnoException;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The fs-verity digest of a file: SHA-256, blocks of 4 KiB, no salt, computed as the kernel's
 * Documentation/filesystems/fsverity.rst says. The file is read once; blocks of the Merkle tree are
 * hashed as they fill, so that it takes one block of memory for each level.
 *
 * <p>An object is used again and again, by one thread at a time.
 */
public final class VerityDigest {
  /** Bytes in a block, which is a page. */
  public static final int BLOCK = 4096;

  /** Bytes in a digest. */
  public static final int LENGTH = 32;

  private static final int CHUNK = 128 * BLOCK;
  private static final int DESCRIPTOR = 256;

  /** Takes the digest of each page, in the order of the file. */
  @FunctionalInterface
  public interface Leaves {
    /**
     * One page.
     *
     * @param page its number, from 0 on
     * @param digests holds the digest at {@code at}; to be copied, for it is written over
     */
    void leaf(long page, byte[] digests, int at);
  }

  private final Sha256 sha256;
  private final NativeBuffer chunk = NativeBuffer.allocate(CHUNK);
  private final byte[] leaf = new byte[LENGTH];
  private final byte[] zeroLeaf = new byte[LENGTH];
  private final List<Level> levels = new ArrayList<>();

  /** A block of the tree that fills. */
  private static final class Level {
    final NativeBuffer block = NativeBuffer.allocate(BLOCK);
    int filled;
    long blocks;
  }

  public VerityDigest() {
    this(new Sha256());
  }

  VerityDigest(Sha256 sha256) {
    this.sha256 = sha256;
    sha256.hash(chunk, 0, BLOCK, zeroLeaf, 0);
  }

  /** The digest of a page of zeros. */
  static byte[] zeroPage() {
    byte[] digest = new byte[LENGTH];
    new Sha256().hash(NativeBuffer.allocate(BLOCK), 0, BLOCK, digest, 0);
    return digest;
  }

  /**
   * Reads a file from its beginning.
   *
   * @param fd a descriptor that can read
   * @param size the file's size in bytes, as fstat says
   * @return 32 bytes; null if the file ends before its size: somebody changes it
   * @throws ErrnoException as of pread(2)
   */
  public byte @Nullable [] of(int fd, long size, @Nullable Leaves leaves) throws ErrnoException {
    for (Level level : levels) {
      level.filled = 0;
      level.blocks = 0;
    }
    long pages = (size + BLOCK - 1) / BLOCK;
    long page = 0;
    long dataEnd = 0; // up to here there are data, as far as is known
    while (page < pages) {
      long offset = page * BLOCK;
      if (offset >= dataEnd) {
        long next = seek(fd, offset, Linux.SEEK_DATA, size);
        long holePages = next >= size ? pages - page : (next - offset) / BLOCK;
        for (long i = 0; i < holePages; i++) {
          add(page++, pages, zeroLeaf, leaves);
        }
        if (page >= pages) {
          break;
        }
        offset = page * BLOCK;
        dataEnd = seek(fd, Math.max(next, offset), Linux.SEEK_HOLE, size);
      }
      int wanted = (int) Math.min(CHUNK, size - offset);
      if (!readFully(fd, offset, wanted)) {
        return null;
      }
      int padded = (wanted + BLOCK - 1) / BLOCK * BLOCK;
      fill(chunk, wanted, padded);
      for (int at = 0; at < padded; at += BLOCK) {
        sha256.hash(chunk, at, BLOCK, leaf, 0);
        add(page++, pages, leaf, leaves);
      }
    }
    return describe(size, root(pages));
  }

  /** The next data or hole; where the file system cannot tell, all is data. */
  private static long seek(int fd, long offset, int whence, long size) {
    try {
      return Files.seek(fd, offset, whence);
    } catch (ErrnoException e) {
      // ENXIO: no data up to the end. Otherwise unknown, and then everything is read.
      boolean noData = e.errno() == io.samepage.posix.Errno.ENXIO;
      return whence == Linux.SEEK_HOLE || noData ? size : offset;
    }
  }

  private boolean readFully(int fd, long offset, int wanted) throws ErrnoException {
    int have = 0;
    while (have < wanted) {
      int count = Files.pread(fd, chunk.address() + have, wanted - have, offset + have);
      if (count == 0) {
        return false;
      }
      have += count;
    }
    return true;
  }

  private static void fill(NativeBuffer buffer, int from, int to) {
    for (int i = from; i < to; i++) {
      buffer.bytes().put(i, (byte) 0);
    }
  }

  private void add(long page, long pages, byte[] digest, @Nullable Leaves leaves) {
    if (leaves != null) {
      leaves.leaf(page, digest, 0);
    }
    if (pages == 1) {
      System.arraycopy(digest, 0, leaf, 0, LENGTH); // it is the root itself
      return;
    }
    append(0, digest, 0);
  }

  private void append(int depth, byte[] digest, int at) {
    Level level = level(depth);
    if (level.filled == BLOCK) {
      close(depth);
    }
    level.block.bytes().put(level.filled, digest, at, LENGTH);
    level.filled += LENGTH;
  }

  private Level level(int depth) {
    if (depth == levels.size()) {
      levels.add(new Level());
    }
    return levels.get(depth);
  }

  /** Hashes a level's block into the level above. */
  private void close(int depth) {
    Level level = level(depth);
    fill(level.block, level.filled, BLOCK);
    byte[] digest = new byte[LENGTH];
    sha256.hash(level.block, 0, BLOCK, digest, 0);
    level.filled = 0;
    level.blocks++;
    append(depth + 1, digest, 0);
  }

  private byte[] root(long pages) {
    byte[] root = new byte[LENGTH];
    if (pages == 0) {
      return root;
    }
    if (pages == 1) {
      System.arraycopy(leaf, 0, root, 0, LENGTH);
      return root;
    }
    int depth = 0;
    while (level(depth).blocks > 0) {
      close(depth);
      depth++;
    }
    Level top = level(depth);
    fill(top.block, top.filled, BLOCK);
    sha256.hash(top.block, 0, BLOCK, root, 0);
    return root;
  }

  /** The digest of struct fsverity_descriptor (linux/fsverity.h). */
  private byte[] describe(long size, byte[] root) {
    fill(chunk, 0, DESCRIPTOR);
    ByteBuffer descriptor = chunk.bytes();
    descriptor.put(0, (byte) 1); // version
    descriptor.put(1, (byte) 1); // FS_VERITY_HASH_ALG_SHA256
    descriptor.put(2, (byte) 12); // log2 of the block size
    descriptor.putLong(8, size);
    descriptor.put(16, root, 0, LENGTH);
    byte[] digest = new byte[LENGTH];
    sha256.hash(chunk, 0, DESCRIPTOR, digest, 0);
    return digest;
  }
}
