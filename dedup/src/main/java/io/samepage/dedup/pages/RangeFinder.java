package io.samepage.dedup.pages;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds the ranges of a content that are equal to ranges of contents that came before, at any
 * offset, by the digests of their pages.
 *
 * <p>Some pages, chosen by their digests, are <i>anchors</i>: the index knows who had them first.
 * From an anchor that both have, a range is extended in both directions as far as the pages are
 * equal; and what follows a difference is first looked for where the range would go on, so that a
 * file that was changed in place is found whatever the index knows. A range that holds no anchor
 * and continues none is missed.
 *
 * <p>Digests are compared in full, so that neither an abbreviated one nor a wrong index makes pages
 * shared that differ. A page of zeros is a HOLE, and never shared. Who had a page first is its one
 * owner: a page that a source itself uses of another content is used of that one.
 *
 * <p>An object is used by one thread at a time.
 */
public final class RangeFinder {
  /** Bytes in a digest. */
  public static final int DIGEST = 32;

  /** More extents than one for so many pages would cut each read into small pieces. */
  public static final int LEAST_MEAN_RUN = 4;

  /** How many other contents one may use, each of which is an open file. */
  public static final int MAX_CONTENTS = 64;

  /** Where a range went on last, and those before it. */
  private static final int RECENT = 4;

  /** The digests of the pages of a content, in order. */
  public interface Digests {
    /** How many there are. */
    long pages();

    /** What holds the digest of a page, at {@link #at}; null if it has been lost. */
    byte @Nullable [] holding(long page);

    /** Where in it the digest begins. */
    int at(long page);
  }

  /** A page of a content. */
  public record Page(long content, long page) {}

  /**
   * A content that came before.
   *
   * @param wholePages how many of its pages it fills: one that it fills in part cannot be read as a
   *     page
   * @param ranges what it uses of others; null if nothing
   */
  public record Source(
      long content, Digests digests, long wholePages, @Nullable SharedRanges ranges) {}

  /** What is known of contents that came before. */
  public interface Knowledge {
    /** Who had a page first, if it is known; by an abbreviated digest, perhaps. */
    @Nullable Page find(byte[] digests, int at);

    /** A content; null if it is not known any more. */
    @Nullable Source source(long content);
  }

  /** Another content, read at a distance. */
  private record Candidate(Source source, long distance) {}

  private final byte[] zero;
  private final int anchorMask;

  /**
   * Sets it up.
   *
   * @param zero the digest of a page of zeros
   * @param anchorMask a page is an anchor if these bits of its digest's last byte are 0; 0 for all
   *     pages
   */
  public RangeFinder(byte[] zero, int anchorMask) {
    this.zero = zero.clone();
    this.anchorMask = anchorMask;
  }

  /** Whether a page is to be entered into the index, and looked up there. */
  public boolean isAnchor(byte[] digests, int at) {
    return (digests[at + DIGEST - 1] & anchorMask) == 0 && !isZero(digests, at);
  }

  private boolean isZero(byte[] digests, int at) {
    return Arrays.equals(digests, at, at + DIGEST, zero, 0, DIGEST);
  }

  /**
   * Finds what a content uses of others.
   *
   * @param content its number, which it never uses itself
   * @return null if that is nothing, or is in too many pieces
   */
  public @Nullable SharedRanges find(long content, Digests own, Knowledge knowledge) {
    return new Search(content, own, knowledge).run();
  }

  private final class Search {
    private final long content;
    private final Digests own;
    private final Knowledge knowledge;
    private final ExtentMap map;
    private final List<Long> contents = new ArrayList<>();
    private final ArrayDeque<Candidate> recent = new ArrayDeque<>();
    private long shared;
    private long owned;

    /** Before it nothing is OWN that a range could be extended to. */
    private long settled;

    Search(long content, Digests own, Knowledge knowledge) {
      this.content = content;
      this.own = own;
      this.knowledge = knowledge;
      this.map = new ExtentMap(own.pages());
    }

    @Nullable SharedRanges run() {
      for (long page = 0; page < own.pages(); page++) {
        byte[] digests = own.holding(page);
        if (digests == null) {
          return null;
        }
        int at = own.at(page);
        if (isZero(digests, at)) {
          settled = page + 1;
          continue; // a HOLE as it is
        }
        Candidate found = follow(page, digests, at);
        if (found == null && isAnchor(digests, at)) {
          found = lookUp(page, digests, at);
        }
        if (found == null || !use(found, page)) {
          map.set(page, 1, PageState.OWN, 0, page);
          owned++;
          continue;
        }
        extendBackwards(found, page);
        settled = page + 1;
      }
      if (shared == 0 || map.extents() > Math.max(2, own.pages() / LEAST_MEAN_RUN)) {
        return null;
      }
      return new SharedRanges(map, contents, shared, owned);
    }

    private @Nullable Candidate follow(long page, byte[] digests, int at) {
      boolean first = true;
      for (Iterator<Candidate> i = recent.iterator(); i.hasNext(); first = false) {
        Candidate candidate = i.next();
        if (isEqual(candidate, page, digests, at)) {
          if (!first) {
            i.remove();
            recent.addFirst(candidate);
          }
          return candidate;
        }
      }
      return null;
    }

    private @Nullable Candidate lookUp(long page, byte[] digests, int at) {
      Page first = knowledge.find(digests, at);
      if (first == null || first.content == content) {
        return null;
      }
      Source source = knowledge.source(first.content);
      if (source == null) {
        return null;
      }
      Candidate candidate = new Candidate(source, first.page - page);
      if (!isEqual(candidate, page, digests, at)) {
        return null;
      }
      recent.addFirst(candidate);
      if (recent.size() > RECENT) {
        recent.removeLast();
      }
      return candidate;
    }

    private boolean isEqual(Candidate candidate, long page, byte[] digests, int at) {
      long there = page + candidate.distance;
      if (there < 0 || there >= candidate.source.wholePages) {
        return false;
      }
      byte[] theirs = candidate.source.digests.holding(there);
      int theirAt = candidate.source.digests.at(there);
      return theirs != null
          && Arrays.equals(digests, at, at + DIGEST, theirs, theirAt, theirAt + DIGEST);
    }

    private void extendBackwards(Candidate found, long from) {
      for (long page = from - 1; page >= settled; page--) {
        byte[] digests = own.holding(page);
        if (digests == null || !isEqual(found, page, digests, own.at(page)) || !use(found, page)) {
          return;
        }
        owned--;
      }
    }

    /** A page is to use what is equal to it; false if it cannot. */
    private boolean use(Candidate candidate, long page) {
      long owner = candidate.source.content;
      long there = page + candidate.distance;
      SharedRanges ranges = candidate.source.ranges;
      if (ranges != null) {
        PageExtent extent = ranges.map().at(there);
        if (extent.state() == PageState.SHARED) {
          long other = ranges.contents().get(extent.file());
          // What is gone by now is not used by the source either.
          if (other == content || knowledge.source(other) != null) {
            owner = other;
            there = extent.source() + (there - extent.first());
          }
        }
      }
      int file = owner == content ? -1 : number(owner);
      if (file < 0) {
        return false;
      }
      map.set(page, 1, PageState.SHARED, file, there);
      shared++;
      return true;
    }

    private int number(long owner) {
      int file = contents.indexOf(owner);
      if (file < 0 && contents.size() < MAX_CONTENTS) {
        contents.add(owner);
        return contents.size() - 1;
      }
      return file;
    }
  }
}
