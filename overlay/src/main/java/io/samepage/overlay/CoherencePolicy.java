package io.samepage.overlay;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.Coherence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Decides how handles that only read a lower file do so, given that the file may be copied up and
 * written while they are open.
 *
 * <p>On the kernel's overlayfs such a handle reads the new data afterwards. Passthrough cannot keep
 * that promise by itself, since the kernel reads the lower file on. Of the two ways that can, the
 * kernel's cache of the FUSE inode is as fast as any once it is filled, and is best for small
 * files; passthrough for mmap with reads through the daemon keeps large files in memory once.
 * Immutable.
 */
final class CoherencePolicy {
  /** Files up to this size are cached under their own inode, in bytes. */
  static final long CACHED_LIMIT = 128 * 1024;

  /** How a handle reads. */
  enum Reading {
    /** Passthrough: the old data after a copy-up. */
    NATIVE,
    /** Passthrough for mmap, the daemon for read. */
    COHERENT,
    /** The kernel's cache of this inode. */
    CACHED
  }

  private final OverlayConfig config;
  private final List<byte[][]> nativeDirectories = new ArrayList<>();

  CoherencePolicy(OverlayConfig config) {
    this.config = config;
    for (ByteString path : config.nativeDirectories()) {
      nativeDirectories.add(components(path.toBytes()));
    }
  }

  private static byte[][] components(byte[] path) {
    List<byte[]> components = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= path.length; i++) {
      if (i == path.length || path[i] == '/') {
        if (i > start) {
          components.add(Arrays.copyOfRange(path, start, i));
        }
        start = i + 1;
      }
    }
    return components.toArray(new byte[0][]);
  }

  /** How to read a lower file of {@code size} bytes. The caller holds the tree lock. */
  Reading reading(Node node, long size) {
    if (isNative(node)) {
      return Reading.NATIVE;
    }
    return size <= CACHED_LIMIT ? Reading.CACHED : Reading.COHERENT;
  }

  /** Whether a file is not to be written while it is read. The caller holds the tree lock. */
  boolean isNative(Node node) {
    return config.readOnly()
        || config.coherence() == Coherence.RELAXED
        || (config.coherence() == Coherence.AUTO && isInNativeDirectory(node));
  }

  private boolean isInNativeDirectory(Node node) {
    List<byte[]> path = new ArrayList<>();
    @Nullable Directory directory = node.parent();
    while (directory != null && directory.parent() != null) {
      path.add(0, directory.name());
      directory = directory.parent();
    }
    for (byte[][] prefix : nativeDirectories) {
      if (prefix.length <= path.size() && matches(path, prefix)) {
        return true;
      }
    }
    return false;
  }

  private static boolean matches(List<byte[]> path, byte[][] prefix) {
    for (int i = 0; i < prefix.length; i++) {
      if (!Arrays.equals(path.get(i), prefix[i])) {
        return false;
      }
    }
    return true;
  }
}
