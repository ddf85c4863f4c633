package io.samepage.overlay;

import org.jspecify.annotations.Nullable;

/**
 * A directory of one lower layer, by its place there. Lower layers do not change, so that place
 * holds for good; it need not be the place in the mount (redirects).
 */
final class LayerDirectory {
  private final Layer layer;
  private final @Nullable LayerDirectory parent;
  private final byte[] name;

  /**
   * Whether it is known to hold no name that begins with {@code .wh.}, so that nobody need look for
   * such; set once, and wrong only on the side of looking.
   */
  private volatile boolean withoutAufsMarks;

  /** Whether names in it may be whiteouts by attribute (overlay.opaque is "x"); set at look-up. */
  private volatile boolean xattrWhiteouts;

  LayerDirectory(Layer layer, @Nullable LayerDirectory parent, byte[] name) {
    this.layer = layer;
    this.parent = parent;
    this.name = name;
  }

  Layer layer() {
    return layer;
  }

  /** Null for the root of the layer. */
  @Nullable LayerDirectory parent() {
    return parent;
  }

  byte[] name() {
    return name;
  }

  boolean withoutAufsMarks() {
    return withoutAufsMarks;
  }

  void setWithoutAufsMarks() {
    withoutAufsMarks = true;
  }

  boolean xattrWhiteouts() {
    return xattrWhiteouts;
  }

  void setXattrWhiteouts() {
    xattrWhiteouts = true;
  }
}
