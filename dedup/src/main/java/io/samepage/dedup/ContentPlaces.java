package io.samepage.dedup;

import io.samepage.dedup.ContentIndex.Identified;
import io.samepage.dedup.numa.HomeNode;
import io.samepage.dedup.numa.NumaTopology;
import io.samepage.posix.ErrnoException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Where each content of a domain is: the index as one mount sees it, with the places in the order
 * in which that mount is to try them. What turns out to be wrong or to be missing is mended by the
 * background thread, which also opens the index: until something has been asked, or it was told to
 * begin, there is none.
 *
 * <p>Thread-safe.
 */
final class ContentPlaces {
  private static final long TICK_NANOS = TimeUnit.SECONDS.toNanos(BackgroundQueue.TICK_SECONDS);

  private record NodeOf(long content, int node) {}

  private final byte @Nullable [] path;
  private final long limit;
  private final long domain;
  private final OpenTrees trees;
  private final @Nullable HomeNode home;
  private final BackgroundQueue queue;

  /** Set once, by the background thread. */
  private volatile @Nullable ContentIndex index;

  /** Written by the background thread alone. */
  private volatile long generation;

  /** How often another place was used than is to be; written by the background thread alone. */
  private volatile long missed;

  /** How many files could not be read; written by the background thread alone. */
  private volatile long discarded;

  /** Of the background thread alone: {@link ContentIndex#version} when that was last asked. */
  private long seenVersion;

  private long seenAt;

  private final LongAdder fallbacks = new LongAdder();

  ContentPlaces(StableFiles.Options options, OpenTrees trees, BackgroundQueue queue) {
    this.path = options.index();
    this.limit = options.indexLimit();
    this.domain = ContentIndex.domain(options.domain());
    this.home = options.home();
    this.trees = trees;
    this.queue = queue;
  }

  /** Opens the index. Called by the background thread, once. */
  void openIndex() {
    index = path == null ? ContentIndex.inMemory() : ContentIndex.open(path, limit);
  }

  /** The index, once it is open. */
  @Nullable ContentIndex index() {
    return index;
  }

  /** The domain, as the index has it. */
  long domain() {
    return domain;
  }

  /** The places that hold a content, in the order in which this mount is to try them. */
  List<Place> of(ContentIndex known, byte[] digest) {
    return ordered(known, digest, known.places(domain, digest), null);
  }

  /**
   * The same, where it is known already which they are.
   *
   * @param file the one that is asked for; null if none is
   */
  List<Place> ordered(
      ContentIndex known, byte[] digest, List<Place> places, @Nullable FileKey file) {
    HomeNode at = home;
    int node = at == null || places.size() < 2 ? NumaTopology.UNKNOWN : at.node();
    if (at == null || node == NumaTopology.UNKNOWN) {
      return places;
    }
    NodePlaces.Choice choice =
        known.nodePlaces(domain, digest).choose(places, at.topology(), node, file);
    if (!choice.settled()) {
      FileKey wanted = choice.places().get(0).key();
      queue.add(
          new NodeOf(PagedContent.number(digest), node),
          () -> {
            if (!known.assign(domain, digest, node, wanted)) {
              miss();
            }
          });
    }
    return choice.places();
  }

  /**
   * A file whose digest is known is not among the places that hold it: there were too many, or a
   * damaged entry was left out. There is room now.
   */
  void add(ContentIndex known, LayerTree tree, FileAt at, FileKey file, byte[] digest)
      throws ErrnoException {
    queue.add(
        file,
        tree,
        at,
        handle -> {
          Place place = new Place(file, handle, known.enterLayer(tree.path()));
          if (known.enter(domain, List.of(new Identified(place, digest)))) {
            moreIsKnown();
          }
        });
  }

  /** A place is in a layer that no mount here has: it is to be mounted, or left out. */
  void mount(ContentIndex known, byte[] digest, Place place) {
    queue.add(
        place.layer(),
        () -> {
          byte[] layer = known.layerPath(place.layer());
          if (layer == null || !trees.mount(layer, place.key().fileSystem())) {
            known.remove(domain, digest, place.key());
            fallbacks.increment();
          }
          miss();
        });
  }

  /** A place does not hold the content any more. */
  void remove(ContentIndex known, byte[] digest, FileKey file) {
    queue.add(
        file,
        () -> {
          known.remove(domain, digest, file);
          fallbacks.increment();
          miss();
        });
  }

  /**
   * A file could not be read: from now on it stands for no other, nor for those it has stood for.
   */
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  void discard(FileKey stable) {
    ContentIndex known = index;
    if (known != null) {
      queue.add(
          List.of(stable), // beside an identification of the same file
          () -> {
            byte[] digest = known.find(domain, stable).digest();
            if (digest != null) {
              known.remove(domain, digest, stable);
              fallbacks.increment();
              discarded++;
            }
          });
    }
  }

  /** See {@link StableFiles#layerOf}. */
  byte @Nullable [] layerOf(FileKey file) {
    ContentIndex known = index;
    byte[] digest = known == null ? null : known.find(domain, file).digest();
    if (known == null || digest == null) {
      return null;
    }
    for (Place place : known.places(domain, digest)) {
      if (place.isSameFile(file)) {
        return known.layerPath(place.layer());
      }
    }
    return null;
  }

  /** See {@link StableFiles#generation}. */
  long generation() {
    return generation;
  }

  /** Called by the background thread. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  void moreIsKnown() {
    generation++;
  }

  /**
   * What others have entered shows now and then; what was entered here has been seen to. Called by
   * the background thread, when the index is open.
   */
  void seeChanges() {
    ContentIndex known = index;
    long now = System.nanoTime();
    if (known != null && (generation == 0 || now - seenAt > TICK_NANOS)) {
      seenAt = now;
      long version = known.version();
      if (version != seenVersion || generation == 0) {
        seenVersion = version;
        moreIsKnown();
      }
    }
  }

  /** See {@link StableFiles#placing}. */
  long placing() {
    return discarded + (home == null ? 0 : home.changes() + missed);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void miss() {
    missed++;
  }

  /** How often a place could not stand for a file any more. */
  long fallbacks() {
    return fallbacks.sum();
  }

  /** Lets go of the index. No task may run any more. */
  void close() {
    ContentIndex known = index;
    if (known != null) {
      known.close();
    }
  }
}
