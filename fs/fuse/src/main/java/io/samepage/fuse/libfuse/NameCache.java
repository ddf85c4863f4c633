package io.samepage.fuse.libfuse;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Which node a name in a directory leads to, for the walk along a path; bounded. A name is kept by
 * the node of its directory, not by its path: so the rename of a directory changes one entry, and
 * all that is below it stays good.
 *
 * <p>An entry uses its node and its directory. Thread-safe. What changes names calls {@link
 * #forget} after the change; a look-up that began before it is then not remembered.
 */
final class NameCache {
  private final KnownNodes nodes;
  private final Cache<Name, Lead> leads;
  private final AtomicLong changes = new AtomicLong();

  /** A name in a directory. */
  private static final class Name {
    private final long directory;
    private final byte[] name;
    private final int hash;

    Name(long directory, byte[] name) {
      this.directory = directory;
      this.name = name;
      hash = Long.hashCode(directory) * 31 + Arrays.hashCode(name);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Name that
          && directory == that.directory
          && Arrays.equals(name, that.name);
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }

  private record Lead(KnownNode directory, KnownNode node) {}

  /**
   * @param most how many names are kept at most
   */
  NameCache(KnownNodes nodes, int most) {
    this.nodes = nodes;
    leads =
        Caffeine.newBuilder()
            .maximumSize(most)
            .executor(Runnable::run)
            .removalListener(this::removed)
            .build();
  }

  private void removed(@Nullable Name name, @Nullable Lead lead, RemovalCause cause) {
    if (lead != null) {
      nodes.release(lead.node);
      nodes.release(lead.directory);
    }
  }

  /** The node that a name leads to, used by the caller from now on; null if it is not known. */
  @Nullable KnownNode get(KnownNode directory, byte[] name) {
    Lead lead = leads.getIfPresent(new Name(directory.nodeid, name));
    return lead != null && nodes.use(lead.node) ? lead.node : null;
  }

  /** What a look-up passes to {@link #put} when it has found something. */
  long begin() {
    return changes.get();
  }

  /** Remembers what a name leads to, unless names have changed since {@link #begin}. */
  void put(KnownNode directory, byte[] name, KnownNode node, long begun) {
    if (changes.get() != begun || !nodes.use(directory)) {
      return;
    }
    if (!nodes.use(node)) {
      nodes.release(directory);
      return;
    }
    Name key = new Name(directory.nodeid, name);
    leads.put(key, new Lead(directory, node));
    if (changes.get() != begun) {
      leads.invalidate(key);
    }
  }

  /** A name has changed: it leads elsewhere now, or nowhere. */
  void forget(long directory, byte[] name) {
    changes.incrementAndGet();
    leads.invalidate(new Name(directory, name));
  }

  /** Forgets all names. */
  void clear() {
    changes.incrementAndGet();
    leads.invalidateAll();
    leads.cleanUp();
  }
}
