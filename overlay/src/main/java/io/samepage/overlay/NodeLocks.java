package io.samepage.overlay;

/**
 * The locks that guard how nodes are open, what is kept of them for their next open, and which
 * nodeid stands for a file. There is a fixed number of them, and a nodeid always has the same one;
 * other nodes may have it too.
 *
 * <p>Order: the tree lock and the monitors of directories come before one of these, {@link
 * NodeTable} and the other leaves after it ({@link Overlay}). Nobody takes two of them. No data are
 * copied under them.
 */
final class NodeLocks {
  private static final int COUNT = 64;

  private final Object[] locks = new Object[COUNT];

  NodeLocks() {
    for (int i = 0; i < COUNT; i++) {
      locks[i] = new Object();
    }
  }

  /** To be synchronized on. As long as it is held the node is not superseded. */
  Object of(Node node) {
    return locks[(int) (node.nodeid ^ (node.nodeid >>> 6)) & (COUNT - 1)];
  }
}
