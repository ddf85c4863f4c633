package io.samepage.overlay;

import org.jspecify.annotations.Nullable;

/**
 * A file that is a metacopy in a lower layer: its metadata come from that layer, its data from one
 * further down.
 */
final class SplitNode extends Node {
  private final LayerDirectory metadataDirectory;
  private final byte[] metadataName;

  SplitNode(
      @Nullable Directory parent,
      byte[] name,
      int type,
      long ino,
      LayerDirectory metadataDirectory,
      byte[] metadataName) {
    super(parent, name, type, ino);
    this.metadataDirectory = metadataDirectory;
    this.metadataName = metadataName;
  }

  LayerDirectory metadataDirectory() {
    return metadataDirectory;
  }

  byte[] metadataName() {
    return metadataName;
  }
}
