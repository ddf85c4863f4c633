package io.samepage.fuse.libfuse;

import io.samepage.fuse.Entry;
import io.samepage.fuse.FileSystem;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * From libfuse's paths to nodes. A path is absolute within the mount, of bytes, and has no "." and
 * no empty component; symbolic links in it are not followed, since the kernel has done that.
 *
 * <p>It also knows the names that libfuse gives to what is unlinked while it is open
 * (".fuse_hidden…"). Such a name leads to the node here and exists nowhere else: the file system
 * keeps what is open without a name, and need not know of them.
 */
final class Paths {
  private static final byte[] HIDDEN = {'.', 'f', 'u', 's', 'e', '_', 'h', 'i', 'd', 'd', 'e', 'n'};

  private final FileSystem fs;
  private final KnownNodes nodes;
  private final NameCache names;

  /** By the last part of the path, which libfuse never gives twice. Each use of a node is one. */
  private final Map<String, KnownNode> hidden = new ConcurrentHashMap<>();

  Paths(FileSystem fs, KnownNodes nodes, NameCache names) {
    this.fs = fs;
    this.nodes = nodes;
    this.names = names;
  }

  /** A name in a directory that is used by whoever has got this. */
  final class Place implements AutoCloseable {
    final KnownNode directory;
    final byte[] name;

    private Place(KnownNode directory, byte[] name) {
      this.directory = directory;
      this.name = name;
    }

    @Override
    public void close() {
      nodes.release(directory);
    }
  }

  /** The node that a path leads to, used by the caller from now on. */
  KnownNode node(Call call, byte[] path) throws ErrnoException {
    KnownNode found = find(call, path);
    if (found == null) {
      throw ErrnoException.of(Errno.ENOENT);
    }
    return found;
  }

  /**
   * The same; null if the last name leads nowhere, which is so often asked for that it must not
   * cost an exception.
   */
  @Nullable KnownNode find(Call call, byte[] path) throws ErrnoException {
    KnownNode found = hiddenNode(path);
    return found != null ? found : walk(call, path, path.length);
  }

  /** The directory that a path's last name is in. */
  Place place(Call call, byte[] path) throws ErrnoException {
    int slash = lastSlash(path);
    if (slash == path.length - 1) {
      throw ErrnoException.of(Errno.EBUSY); // the root
    }
    KnownNode directory = walk(call, path, slash);
    if (directory == null) {
      throw ErrnoException.of(Errno.ENOENT);
    }
    return new Place(directory, lastName(path));
  }

  /** The node that a path leads to, used by the caller from now on; null if there is none. */
  private @Nullable KnownNode walk(Call call, byte[] path, int end) throws ErrnoException {
    KnownNode at = nodes.root();
    nodes.use(at);
    int from = 1;
    while (at != null && from < end) {
      int to = from;
      while (to < end && path[to] != '/') {
        to++;
      }
      KnownNode directory = at;
      at = names.get(directory, path, from, to);
      if (at != null) {
        call.entryValidNanos = at.entryValidNanos;
        nodes.release(directory);
      } else {
        try {
          at = lookUp(call, directory, Arrays.copyOfRange(path, from, to));
        } finally {
          nodes.release(directory);
        }
      }
      from = to + 1;
    }
    return at;
  }

  /**
   * The node of a name, used by the caller from now on; ENOENT if there is none. If it had to be
   * looked up, its attributes are {@link Call#freshNode}'s.
   */
  KnownNode child(Call call, KnownNode directory, byte[] name) throws ErrnoException {
    KnownNode known = names.get(directory, name);
    if (known != null) {
      call.entryValidNanos = known.entryValidNanos;
      return known;
    }
    KnownNode found = lookUp(call, directory, name);
    if (found == null) {
      throw ErrnoException.of(Errno.ENOENT);
    }
    return found;
  }

  /** The same for a name that is not known; null if there is none. */
  private @Nullable KnownNode lookUp(Call call, KnownNode directory, byte[] name)
      throws ErrnoException {
    long begun = names.begin();
    Entry entry = call.entry;
    entry.nodeid = 0;
    call.freshNode = null;
    fs.lookup(call.request, directory.nodeid, name, entry);
    call.entryValidNanos = entry.entryValidNanos;
    if (entry.nodeid == 0) {
      return null;
    }
    KnownNode node = lookedUp(call);
    names.put(directory, name, node, begun);
    return node;
  }

  /** Takes the node that the file system has put into {@link Call#entry}; used by the caller. */
  private KnownNode lookedUp(Call call) {
    KnownNode node = nodes.lookedUp(call.entry.nodeid);
    node.entryValidNanos = call.entry.entryValidNanos;
    call.entryValidNanos = call.entry.entryValidNanos;
    call.freshNode = node;
    call.fresh = call.entry.attributes;
    return node;
  }

  /** Takes what has just been created in a place, and in {@link Call#entry}; used by the caller. */
  KnownNode created(Call call, Place place) {
    names.forget(place.directory.nodeid, place.name);
    long begun = names.begin();
    KnownNode node = lookedUp(call);
    names.put(place.directory, place.name, node, begun);
    return node;
  }

  /** The node of a name if it is known, used by the caller from now on. */
  @Nullable KnownNode known(Place place) {
    return names.get(place.directory, place.name);
  }

  /** A name leads nowhere any more, or elsewhere. */
  void changed(Place place) {
    names.forget(place.directory.nodeid, place.name);
  }

  // ------------------------------------------------------------------ hidden names

  /** Gives a node, which the caller uses, a name that only libfuse knows. */
  void hide(byte[] path, KnownNode node) {
    nodes.use(node);
    KnownNode before = hidden.put(key(path), node);
    if (before != null) {
      nodes.release(before);
    }
  }

  /** Takes such a name back; false if it is none. */
  boolean unhide(byte[] path) {
    if (!isHiddenName(path)) {
      return false;
    }
    KnownNode node = hidden.remove(key(path));
    if (node == null) {
      return false;
    }
    nodes.release(node);
    return true;
  }

  /** Takes all such names of a node back: it is not open any more. */
  void unhide(KnownNode node) {
    hidden.forEach(
        (key, hiddenNode) -> {
          if (hiddenNode == node && hidden.remove(key, node)) {
            nodes.release(node);
          }
        });
  }

  /** Whether there is any such name. */
  boolean anyHidden() {
    return !hidden.isEmpty();
  }

  private @Nullable KnownNode hiddenNode(byte[] path) {
    if (!isHiddenName(path)) {
      return null;
    }
    KnownNode node = hidden.get(key(path));
    return node != null && nodes.use(node) ? node : null;
  }

  /** Whether the last name of a path is of the form that libfuse gives to what it hides. */
  static boolean isHiddenName(byte[] path) {
    int from = lastSlash(path) + 1;
    return path.length - from >= HIDDEN.length
        && Arrays.equals(path, from, from + HIDDEN.length, HIDDEN, 0, HIDDEN.length);
  }

  private static String key(byte[] path) {
    return new String(lastName(path), java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  /** What follows the last slash. */
  static byte[] lastName(byte[] path) {
    return Arrays.copyOfRange(path, lastSlash(path) + 1, path.length);
  }

  private static int lastSlash(byte[] path) {
    int at = path.length - 1;
    while (path[at] != '/') {
      at--;
    }
    return at;
  }
}
