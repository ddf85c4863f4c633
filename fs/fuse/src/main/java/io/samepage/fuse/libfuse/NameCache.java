package io.samepage.fuse.libfuse;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Which node a name in a directory leads to, for the walk along a path; bounded. A name is kept by
 * the node of its directory, not by its path: so the rename of a directory changes one entry, and
 * all that is below it stays good.
 *
 * <p>An entry uses its node and its directory. Thread-safe. What changes names calls {@link
 * #forget} after the change; a look-up that began before it is then not remembered.
 *
 * <p>Each request asks for as many names as its path has, so what a hit costs matters more than
 * which entry goes when there are too many. Hence no cache that keeps an order of use, but the
 * clock: a hit marks its entry, and the hand, going round, takes those that have no mark.
 */
final class NameCache {
  private final KnownNodes nodes;
  private final int most;
  private final Map<Name, Lead> leads = new ConcurrentHashMap<>();
  private final AtomicLong changes = new AtomicLong();

  /** Guarded by this: where the next entry is that may have to go. */
  private Iterator<Map.Entry<Name, Lead>> hand = leads.entrySet().iterator();

  /**
   * @param most how many names are kept at most
   */
  NameCache(KnownNodes nodes, int most) {
    this.nodes = nodes;
    this.most = most;
  }

  /** A name in a directory: a part of some bytes, which never change. */
  private static final class Name {
    private final long directory;
    private final byte[] bytes;
    private final int from;
    private final int to;
    private final int hash;

    Name(long directory, byte[] bytes, int from, int to) {
      this.directory = directory;
      this.bytes = bytes;
      this.from = from;
      this.to = to;
      int h = Long.hashCode(directory);
      for (int i = from; i < to; i++) {
        h = 31 * h + bytes[i];
      }
      hash = h;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      if (!(other instanceof Name that)
          || hash != that.hash
          || directory != that.directory
          || to - from != that.to - that.from) {
        return false;
      }
      for (int i = from, j = that.from; i < to; i++, j++) {
        if (bytes[i] != that.bytes[j]) {
          return false;
        }
      }
      return true;
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }

  /** What a name leads to; each is itself alone. */
  private static final class Lead {
    final KnownNode directory;
    final KnownNode node;

    /**
     * Whether it was asked for since the hand was here; not guarded: losing a mark does no harm.
     */
    boolean marked;

    Lead(KnownNode directory, KnownNode node) {
      this.directory = directory;
      this.node = node;
    }
  }

  private void drop(Lead lead) {
    nodes.release(lead.node);
    nodes.release(lead.directory);
  }

  /** The node that a name leads to, used by the caller from now on; null if it is not known. */
  @Nullable KnownNode get(KnownNode directory, byte[] name) {
    return get(directory, name, 0, name.length);
  }

  /** The same with the bytes of the name from {@code from} to before {@code to}. */
  @Nullable KnownNode get(KnownNode directory, byte[] bytes, int from, int to) {
    Lead lead = leads.get(new Name(directory.nodeid, bytes, from, to));
    if (lead == null || !nodes.use(lead.node)) {
      return null;
    }
    if (!lead.marked) {
      lead.marked = true;
    }
    return lead.node;
  }

  /** What a look-up passes to {@link #put} when it has found something. */
  long begin() {
    return changes.get();
  }

  /**
   * Remembers what a name leads to, unless names have changed since {@link #begin}.
   *
   * @param name never changed any more
   */
  void put(KnownNode directory, byte[] name, KnownNode node, long begun) {
    if (changes.get() != begun || !nodes.use(directory)) {
      return;
    }
    if (!nodes.use(node)) {
      nodes.release(directory);
      return;
    }
    Name key = new Name(directory.nodeid, name, 0, name.length);
    Lead lead = new Lead(directory, node);
    Lead before = leads.put(key, lead);
    if (before != null) {
      drop(before);
    }
    if (changes.get() != begun && leads.remove(key, lead)) {
      drop(lead);
    }
    if (leads.size() > most) {
      turn().forEach(this::drop);
    }
  }

  /** Moves the hand until there are not too many; what it has taken. */
  private synchronized List<Lead> turn() {
    List<Lead> taken = new ArrayList<>();
    while (leads.size() > most) {
      if (!hand.hasNext()) {
        hand = leads.entrySet().iterator();
        continue;
      }
      Map.Entry<Name, Lead> entry = hand.next();
      Lead lead = entry.getValue();
      if (lead.marked) {
        lead.marked = false;
      } else if (leads.remove(entry.getKey(), lead)) {
        taken.add(lead);
      }
    }
    return taken;
  }

  /** A name has changed: it leads elsewhere now, or nowhere. */
  void forget(long directory, byte[] name) {
    changes.incrementAndGet();
    Lead lead = leads.remove(new Name(directory, name, 0, name.length));
    if (lead != null) {
      drop(lead);
    }
  }

  /** Forgets all names. */
  void clear() {
    changes.incrementAndGet();
    leads.forEach(
        (name, lead) -> {
          if (leads.remove(name, lead)) {
            drop(lead);
          }
        });
  }
}
