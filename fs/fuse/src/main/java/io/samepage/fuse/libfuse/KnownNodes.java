package io.samepage.fuse.libfuse;

import io.samepage.fuse.FileSystem;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The nodes of which this transport holds look-ups, by their nodeids: each once, however many names
 * lead to it. When nobody uses one any more its look-ups are given back.
 *
 * <p>The monitor of this object guards it, and is a leaf: the file system is called outside of it.
 */
final class KnownNodes {
  private final FileSystem fs;
  private final Map<Long, KnownNode> nodes = new HashMap<>();
  private final KnownNode root = new KnownNode(FileSystem.ROOT);

  KnownNodes(FileSystem fs) {
    this.fs = fs;
    root.users = 1;
    nodes.put(root.nodeid, root);
  }

  /** The root directory, which is never forgotten. */
  KnownNode root() {
    return root;
  }

  /** A node that the file system has just counted a look-up of; used by the caller from now on. */
  synchronized KnownNode lookedUp(long nodeid) {
    KnownNode node = nodes.computeIfAbsent(nodeid, KnownNode::new);
    node.lookups++;
    node.users++;
    return node;
  }

  /** Begins to use a node; false if it has been given back meanwhile. */
  synchronized boolean use(KnownNode node) {
    if (node.users == 0) {
      return false;
    }
    node.users++;
    return true;
  }

  /** Ends a use. */
  void release(KnownNode node) {
    synchronized (this) {
      node.users--;
      if (node.users > 0) {
        return;
      }
      nodes.remove(node.nodeid);
    }
    fs.forget(node.nodeid, node.lookups);
  }

  /** A node, if it is known; not used by the caller. */
  synchronized @Nullable KnownNode find(long nodeid) {
    return nodes.get(nodeid);
  }

  synchronized int size() {
    return nodes.size();
  }
}
