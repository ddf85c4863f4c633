package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Identified;
import io.samepage.dedup.pages.SharedRanges;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.NativeBuffer;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds out the pages of large files: a file is read once, for its own digest and for those of all
 * its pages, and entered with both. Immutable; for threads that nobody waits for.
 */
final class PageIdentification {
  private static final int ELF_MAGIC = 0x464c457f; // in the order of the machine

  /** What came of hashing a file. */
  enum Outcome {
    /** It is entered. */
    ENTERED,
    /** It has changed meanwhile, or just before. */
    CHANGING,
    /** It was stopped; nothing is entered. */
    STOPPED
  }

  private final ContentIndex known;
  private final PageIndex index;
  private final long domain;
  private final PageOptions options;
  private final BooleanSupplier stopped;

  /**
   * For one domain. It opens the index of pages, if that is not open yet.
   *
   * @param stopped asked while a file is read, whether to leave it
   */
  PageIdentification(
      ContentIndex known, long domain, PageOptions options, BooleanSupplier stopped) {
    this.known = known;
    this.index = known.pages();
    this.domain = domain;
    this.options = options;
    this.stopped = stopped;
  }

  /**
   * Whether the pages of a content are known, or that it is not to be shared in part.
   *
   * @param digest null if it is not known itself
   */
  boolean isKnown(byte @Nullable [] digest) {
    return digest != null && index.find(domain, digest) != null;
  }

  /** Whether a file is a program: it is not shared in part then. */
  static boolean isProgram(Fd fd) throws ErrnoException {
    NativeBuffer begin = NativeBuffer.allocate(Integer.BYTES);
    int got = Files.pread(fd.number(), begin.address(), Integer.BYTES, 0);
    return got == Integer.BYTES && begin.bytes().getInt(0) == ELF_MAGIC;
  }

  /** Enters a content that is not to be shared in part. */
  void enterUnsuitable(byte[] digest, long size) {
    index.enterUnsuitable(domain, digest, size);
  }

  /**
   * Hashes a file and enters it. What others have of it is dropped from the page cache, if it is to
   * be read from them.
   *
   * @param fd for reading
   * @param hashed enters the file with its digest, before its pages are entered
   */
  Outcome hash(Identification made, Fd fd, Place place, Consumer<Identified> hashed)
      throws ErrnoException {
    FileKey file = place.key();
    PageDigests.Collector leaves = index.collector();
    boolean kept = false;
    try {
      byte[] digest =
          made.digest(
              fd.number(),
              file,
              (page, digests, at) -> {
                if (stopped.getAsBoolean()) {
                  throw new CancellationException();
                }
                leaves.leaf(page, digests, at);
              });
      if (digest == null) {
        return Outcome.CHANGING;
      }
      leaves.flush();
      hashed.accept(new Identified(place, digest));
      index.enter(domain, digest, file.size(), leaves.leaves());
      kept = true;
      dropDuplicates(fd, digest);
      return Outcome.ENTERED;
    } catch (CancellationException e) {
      return Outcome.STOPPED;
    } finally {
      if (!kept) {
        leaves.discard();
      }
    }
  }

  /** To be hashed it has been read: what it will not be read for again need not stay in memory. */
  private void dropDuplicates(Fd fd, byte[] digest) {
    PagedContent entry = index.find(domain, digest);
    SharedRanges ranges = entry == null ? null : index.ranges(domain, entry);
    if (entry == null || ranges == null || !ranges.isWorth(options.likeness())) {
      return;
    }
    for (byte[] source : entry.sources()) {
      if (known.places(domain, source).isEmpty()) {
        return;
      }
    }
    // All of it: what the kernel holds as one large folio goes as a whole or not at all.
    Files.dropCache(fd.number(), 0, entry.size());
  }
}
