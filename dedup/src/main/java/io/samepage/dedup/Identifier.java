package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Claim;
import io.samepage.dedup.ContentIndex.Identified;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.FileHandles.FileHandle;
import io.samepage.posix.Files;
import io.samepage.posix.Stat;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Finds out in the background what content files have, and enters it into the index. A file is
 * hashed only if another one of its size is known in the domain; that one is hashed then, too.
 *
 * <p>{@link #queue} and the counters are for any thread, all else for the background thread.
 */
final class Identifier {
  /** What {@link SharingCounters} says of identification, under the same names. */
  record Counts(
      long filesHashed,
      long bytesHashed,
      long filesAlone,
      long filesChanging,
      long pagesVolatile,
      long filesUnreadable) {}

  private final ContentPlaces places;
  private final OpenTrees trees;
  private final BackgroundQueue queue;
  private final long settledNanos;
  private final boolean dropsPages;

  /** Made by the background thread when it is needed. */
  private @Nullable Identification identification;

  private final LongAdder filesHashed = new LongAdder();
  private final LongAdder bytesHashed = new LongAdder();
  private final LongAdder filesAlone = new LongAdder();
  private final LongAdder filesChanging = new LongAdder();
  private final LongAdder pagesVolatile = new LongAdder();
  private final LongAdder filesUnreadable = new LongAdder();

  /**
   * @param settledNanos how long ago a file must have been changed, see {@link Identification}
   * @param dropsPages whether what is read only to be hashed is dropped from the page cache
   */
  Identifier(
      ContentPlaces places,
      OpenTrees trees,
      BackgroundQueue queue,
      long settledNanos,
      boolean dropsPages) {
    this.places = places;
    this.trees = trees;
    this.queue = queue;
    this.settledNanos = settledNanos;
    this.dropsPages = dropsPages;
  }

  /** A file of which nothing is known. */
  void queue(LayerTree tree, FileAt at, FileKey file) throws ErrnoException {
    queue.add(file, tree, at, handle -> identify(tree, file, handle));
  }

  private void identify(LayerTree tree, FileKey file, FileHandle handle) {
    ContentIndex known = places.index();
    if (known == null) {
      return;
    }
    Place place = new Place(file, handle, known.enterLayer(tree.path()));
    if (known.find(places.domain(), file).knowledge() != ContentIndex.Knowledge.UNKNOWN) {
      return;
    }
    if (isTooRecent(file)) {
      return;
    }
    Claim claim = known.claim(places.domain(), List.of(place)).get(0);
    if (!claim.hash()) {
      filesAlone.increment();
      return;
    }
    Place other = claim.other();
    if (other != null) {
      hash(other, tree);
    }
    int fd = trees.open(tree, place, new Stat());
    hash(fd < 0 ? null : new Fd(fd), place);
  }

  /** Makes digests, for this thread. */
  Identification identification() {
    Identification made = identification;
    if (made == null) {
      made = new Identification(settledNanos);
      identification = made;
    }
    return made;
  }

  /** Whether a file was changed so lately that it cannot be identified yet; counts those. */
  boolean isTooRecent(FileKey file) {
    boolean recent = identification().isTooRecent(file);
    if (recent) {
      changing(file);
    }
    return recent;
  }

  /** Makes the digest of another file than the one that was asked for. */
  void hash(Place other, LayerTree near) {
    ContentIndex known = places.index();
    if (known != null) {
      hash(trees.openAnyway(near, known, other, new Stat()), other);
    }
  }

  private void hash(@Nullable Fd fd, Place place) {
    if (fd == null) {
      unreadable();
      return;
    }
    try (fd) {
      byte[] digest = identification().digest(fd.number(), place.key(), null);
      if (digest == null) {
        changing(place.key());
        return;
      }
      hashed(new Identified(place, digest));
      leaveToReaders(fd, place.key().size());
    } catch (ErrnoException e) {
      unreadable();
    }
  }

  /** Enters a file whose digest was made. */
  void hashed(Identified file) {
    ContentIndex known = places.index();
    if (known != null && known.enter(places.domain(), List.of(file))) {
      places.moreIsKnown();
    }
    filesHashed.increment();
    bytesHashed.add(file.place().key().size());
  }

  /**
   * What was read only to be hashed is not to stay on the node where this thread runs, but to be
   * read by those who want it, on theirs. Nothing where that makes no difference.
   */
  void leaveToReaders(Fd fd, long size) {
    if (dropsPages) {
      Files.dropCache(fd.number(), 0, size);
    }
  }

  /** A file changes while it is looked at, or has just changed. */
  void changing(FileKey file) {
    filesChanging.increment();
    pagesVolatile.add(file.pages());
  }

  /** A file could not be read. */
  void unreadable() {
    filesUnreadable.increment();
  }

  /** What has been counted until now. */
  Counts counts() {
    return new Counts(
        filesHashed.sum(),
        bytesHashed.sum(),
        filesAlone.sum(),
        filesChanging.sum(),
        pagesVolatile.sum(),
        filesUnreadable.sum());
  }
}
