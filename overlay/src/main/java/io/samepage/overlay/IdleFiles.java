package io.samepage.overlay;

import java.util.Iterator;
import java.util.LinkedHashSet;
import org.jspecify.annotations.Nullable;

/**
 * The nodes that are not open but whose file is still registered with the kernel for the next open,
 * in the order of their last release. Thread-safe; its monitor is a leaf.
 */
final class IdleFiles {
  private final int limit;
  private final LinkedHashSet<Node> nodes = new LinkedHashSet<>();

  IdleFiles(int limit) {
    this.limit = limit;
  }

  /** Adds a node; returns the one that has been there longest if there are too many now. */
  synchronized @Nullable Node add(Node node) {
    nodes.remove(node);
    nodes.add(node);
    if (nodes.size() <= limit) {
      return null;
    }
    Iterator<Node> oldest = nodes.iterator();
    Node evicted = oldest.next();
    oldest.remove();
    return evicted;
  }

  synchronized void remove(Node node) {
    nodes.remove(node);
  }
}
