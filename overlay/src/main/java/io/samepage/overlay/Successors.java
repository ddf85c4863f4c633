package io.samepage.overlay;

import io.samepage.fuse.Connection;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Which nodeid stands for a file now.
 *
 * <p>A file that readers have open on its lower file and that is now to be written gets a nodeid of
 * its own: the old node is <em>superseded</em>, OPEN is answered with ESTALE, and the kernel looks
 * the name up again and finds the successor, with the same inode number. The old nodeid goes on
 * serving what is open through it: metadata and locks from the successor, data from the lower file
 * (native handles) or from the upper one (coherent handles).
 *
 * <p>Thread-safe. Successors are added under the lock that {@link NodeLocks} has for the old node,
 * and asked for under any lock or none.
 */
final class Successors {
  private final NodeTable nodes;
  private final Connection connection;
  private final Map<Node, Node> successors = new ConcurrentHashMap<>();

  /** What locks of successors are kept by; of all others it is the node. */
  private final Map<Node, Node> lockKeys = new ConcurrentHashMap<>();

  private final LongAdder breaks = new LongAdder();

  Successors(NodeTable nodes, Connection connection) {
    this.nodes = nodes;
    this.connection = connection;
  }

  /** Nodes that got a nodeid of their own because they were to be written. */
  long breaks() {
    return breaks.sum();
  }

  /** The node that stands for a file now: itself, or what superseded it. */
  Node current(Node node) {
    Node now = node;
    while (now.isSuperseded()) {
      Node successor = successors.get(now);
      if (successor == null) {
        return now;
      }
      now = successor;
    }
    return now;
  }

  /** Whether a node has superseded another, by whose nodeid the kernel may know it still. */
  boolean isSuccessor(Node node) {
    return lockKeys.containsKey(node);
  }

  /**
   * What locks of a file are kept by: the same object for all nodeids that the file has had, so
   * that no lock need move when it gets another one. It stays the first of them when the kernel has
   * forgotten that one.
   */
  Object lockKey(Node node) {
    return lockKeys.getOrDefault(node, node);
  }

  /**
   * Gives a file a nodeid of its own; what is open through the old one stays as it is. ESTALE if it
   * has no name any more by which the kernel could find that.
   *
   * <p>The caller holds the tree lock and the lock of the node, which is not superseded yet, and
   * then answers its request with ESTALE.
   */
  void supersede(Node node) throws ErrnoException {
    if (node.isRemoved()) {
      throw ErrnoException.of(Errno.ESTALE);
    }
    Node successor = new Node(null, Names.EMPTY, node.type(), node.ino());
    LayerDirectory lower = node.lowerDirectory();
    byte[] lowerName = node.lowerName();
    if (!node.hasUpper() && lower != null && lowerName != null) {
      successor.setLower(lower, lowerName); // to be copied up page by page
    } else {
      successor.setUpper();
    }
    successor.setDressed(); // an attribute may be being set through the old node this moment
    successor.noteProtection(node.isImmutable(), node.isAppendOnly());
    if (node.isIndexed()) {
      successor.setIndexed();
    }
    Fd anchor = node.anchor();
    if (anchor != null) {
      successor.setAnchor(new Fd(Files.dup(anchor.number())));
    }
    lockKeys.put(successor, lockKeys.getOrDefault(node, node));
    successors.put(node, successor);
    breaks.increment();
    List<Link> names = nodes.supersede(node, successor);
    // With the data that sendfile(2) has left in its cache, if any: see FileData.
    connection.invalidateInode(node.nodeid, 0, 0);
    for (Link link : names) {
      Directory parent = link.parent();
      if (parent != null) {
        connection.invalidateEntry(parent.nodeid, link.name());
      }
    }
  }

  /**
   * Forgets a node that the kernel has forgotten.
   *
   * @return its successor, which was held only because this one referred to it; null if it had none
   */
  @Nullable Node forgotten(Node node) {
    lockKeys.remove(node);
    return successors.remove(node);
  }
}
