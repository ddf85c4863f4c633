package io.samepage.fuse.libfuse;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A node of the file system of which look-ups are held, and what this transport has to remember of
 * it while anybody uses it: a name in the cache, an open handle, a call in work.
 */
final class KnownNode {
  private static final long[] NOBODY = {};

  final long nodeid;

  /** Held by who appends: what is the end for one must not be so for another, by another name. */
  final Object appending = new Object();

  /** Look-ups to give back; guarded by {@link KnownNodes}. */
  long lookups;

  /** By how many this object is held; once nobody holds it, nobody ever will. */
  final AtomicInteger users = new AtomicInteger(1);

  /** For how long the kernel may keep the last name that led here. */
  volatile long entryValidNanos;

  /**
   * The number under which libfuse has last shown the node to the kernel; 0: none. A file with
   * several names has a number for each.
   */
  volatile long shownAs;

  /**
   * libfuse's numbers under which the kernel may hold pages that are good. Replaced, never changed.
   */
  private volatile long[] caches = NOBODY;

  KnownNode(long nodeid) {
    this.nodeid = nodeid;
  }

  /** The data are read under a number: whether what the kernel has cached under it is good. */
  boolean readUnder(long number) {
    if (contains(caches, number)) {
      return true;
    }
    synchronized (this) {
      long[] now = caches;
      if (contains(now, number)) {
        return true;
      }
      long[] more = Arrays.copyOf(now, now.length + 1);
      more[now.length] = number;
      caches = more;
      return false;
    }
  }

  /**
   * The data change under a number, or behind the kernel's back; those under which the kernel may
   * hold outdated pages now. Under the number itself it keeps what it has written
   * (fuse_send_write_pages() in the kernel's fs/fuse/file.c), though nobody has read it.
   *
   * @param number 0: under none
   */
  long[] changeUnder(long number) {
    long[] now = caches;
    if (number == 0 ? now.length == 0 : now.length == 1 && now[0] == number) {
      return NOBODY;
    }
    synchronized (this) {
      long[] others = Arrays.stream(caches).filter(n -> n != number).toArray();
      caches = number == 0 ? NOBODY : new long[] {number};
      return others;
    }
  }

  private static boolean contains(long[] numbers, long number) {
    for (long n : numbers) {
      if (n == number) {
        return true;
      }
    }
    return false;
  }
}
