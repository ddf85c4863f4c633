package io.samepage.fuse.libfuse;

import io.samepage.fuse.FileSystem;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The nodes of which this transport holds look-ups, by their nodeids: each once, however many names
 * lead to it. When nobody uses one any more its look-ups are given back.
 *
 * <p>The monitor of this object guards which there are and their look-ups, and is a leaf: the file
 * system is called outside of it. How many use one is counted without it, since every request does.
 */
final class KnownNodes {
  private final FileSystem fs;
  private final Map<Long, KnownNode> nodes = new HashMap<>();
  private final KnownNode root = new KnownNode(FileSystem.ROOT);

  KnownNodes(FileSystem fs) {
    this.fs = fs;
    nodes.put(root.nodeid, root);
  }

  /** The root directory, which is never forgotten. */
  KnownNode root() {
    return root;
  }

  /** A node that the file system has just counted a look-up of; used by the caller from now on. */
  synchronized KnownNode lookedUp(long nodeid) {
    KnownNode node = nodes.get(nodeid);
    if (node == null || !use(node)) {
      // Whoever has ended the last use of the other gives its look-ups back, and not this one.
      node = new KnownNode(nodeid);
      nodes.put(nodeid, node);
    }
    node.lookups++;
    return node;
  }

  /** Begins to use a node; false if it has been given back meanwhile. */
  boolean use(KnownNode node) {
    int users;
    do {
      users = node.users.get();
      if (users == 0) {
        return false;
      }
    } while (!node.users.compareAndSet(users, users + 1));
    return true;
  }

  /** Ends a use. */
  void release(KnownNode node) {
    if (node.users.decrementAndGet() > 0) {
      return;
    }
    long lookups;
    synchronized (this) {
      nodes.remove(node.nodeid, node);
      lookups = node.lookups;
    }
    fs.forget(node.nodeid, lookups);
  }

  /** A node, if it is known; not used by the caller. */
  synchronized @Nullable KnownNode find(long nodeid) {
    return nodes.get(nodeid);
  }

  synchronized int size() {
    return nodes.size();
  }
}
