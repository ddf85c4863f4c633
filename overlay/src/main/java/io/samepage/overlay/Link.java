package io.samepage.overlay;

import org.jspecify.annotations.Nullable;

/**
 * A name in a directory that leads to a node. Most nodes have one name and are their own link; the
 * further names of a hard-linked file are {@link Alias} objects.
 */
abstract class Link {
  /** The directory; null for the root, for a removed name, and for a file without one. */
  private @Nullable Directory parent;

  private byte[] name;

  Link(@Nullable Directory parent, byte[] name) {
    this.parent = parent;
    this.name = name;
  }

  abstract Node node();

  /** Guarded by the tree lock. */
  final @Nullable Directory parent() {
    return parent;
  }

  /** Guarded by the tree lock. */
  final byte[] name() {
    return name;
  }

  /** Called by {@link NodeTable} alone, which keeps its table of names in step. */
  final void place(@Nullable Directory newParent, byte[] newName) {
    parent = newParent;
    name = newName;
  }

  /** A further name of a file. */
  static final class Alias extends Link {
    private final Node node;

    Alias(Directory parent, byte[] name, Node node) {
      super(parent, name);
      this.node = node;
    }

    @Override
    Node node() {
      return node;
    }
  }
}
