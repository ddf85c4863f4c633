package io.samepage.overlay;

import io.samepage.fuse.Attributes;
import io.samepage.fuse.Connection;
import io.samepage.fuse.Entry;
import io.samepage.overlay.lock.LockTable;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Stat;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * The parts of one mount, put together, and what all kinds of requests need of them.
 *
 * <p>Order of locks, outermost first:
 *
 * <ol>
 *   <li>the monitor of a file that is being copied up ({@link CopyUp}), or that of {@link CopyUp}
 *       for directories;
 *   <li>{@link #tree}: for reading by whoever follows names or parents of nodes, for writing by
 *       rename, which changes them;
 *   <li>the monitor of a {@link Directory}, for its names; of two, the parent's first;
 *   <li>the {@link NodeLocks};
 *   <li>leaves: {@link NodeTable}, caches.
 * </ol>
 *
 * <p>The kernel serialises changes of one directory, but not copy-up, and not the look-up that
 * revalidates a name.
 */
final class Overlay implements AutoCloseable {
  /**
   * Nobody else changes the tree, so what the kernel has been told stays true until it changes it.
   */
  private static final long FOR_LONG = TimeUnit.DAYS.toNanos(1);

  final OverlayConfig config;
  final LayerStack layers;
  final OverlayXattrs xattrs;
  final NodeTable nodes;
  final Descriptors descriptors;
  final LayerAccess access;
  final Resolver resolver;
  final DirectoryReader reader;
  final @Nullable WorkDirectory work;
  final @Nullable HardLinkIndex index;
  final CopyUp copyUp;
  final LockTable locks;
  final NodeLocks nodeLocks = new NodeLocks();
  final Successors successors;
  final PageUses pageUses;
  final RegisteredFiles registered;
  final Handles handles = new Handles();
  final Partials partials = new Partials();

  /** Null on a mount that cannot change. */
  final @Nullable PartialCopies partialCopies;

  final ReentrantReadWriteLock tree;
  final Connection connection;

  /**
   * Puts them together.
   *
   * @param directories stay the caller's, who closes them after this
   * @param sharing what lower files use the pages of; null if each is to use its own
   */
  Overlay(
      OverlayConfig config,
      OverlayDirectories directories,
      Connection connection,
      @Nullable Sharing sharing)
      throws ErrnoException {
    this.config = config;
    this.connection = connection;
    layers = directories.layers();
    work = directories.work();
    index = directories.index();
    xattrs = new OverlayXattrs(config.userXattrs());
    nodes = new NodeTable(Resolver.root(layers, xattrs));
    descriptors = new Descriptors(Descriptors.limit(), layers.upper());
    access = new LayerAccess(descriptors, layers, xattrs, index, partials);
    resolver = new Resolver(layers, xattrs, config, descriptors, nodes, index);
    reader = new DirectoryReader(descriptors, layers, xattrs);
    tree = new ReentrantReadWriteLock();
    CopiedMetadata metadata = new CopiedMetadata(access, xattrs, tree);
    Publication publication =
        new Publication(access, xattrs, descriptors, reader, index, tree, connection);
    PartialDirectory partialDirectory = directories.partial();
    PartialCompletion completion =
        partialDirectory == null
            ? null
            : new PartialCompletion(
                config,
                metadata,
                publication,
                xattrs,
                partials,
                partialDirectory,
                descriptors,
                reader,
                tree);
    copyUp =
        new CopyUp(
            access,
            xattrs,
            config,
            work,
            index,
            metadata,
            publication,
            completion,
            tree,
            connection);
    locks = new LockTable();
    partialCopies =
        work == null || partialDirectory == null
            ? null
            : new PartialCopies(
                config,
                access,
                layers,
                partials,
                partialDirectory,
                work,
                copyUp,
                nodes,
                tree,
                directories.partialLayers(),
                node -> forget(node.nodeid, 1));
    successors = new Successors(nodes, connection);
    pageUses = new PageUses(nodeLocks, sharing);
    registered = new RegisteredFiles(access, nodeLocks, pageUses, connection.backingFiles());
  }

  /** The work directory; EROFS on a mount that cannot change. */
  WorkDirectory work() throws ErrnoException {
    if (config.readOnly() || work == null) {
      throw ErrnoException.of(Errno.EROFS);
    }
    return work;
  }

  /** A node by its nodeid, or what superseded it. */
  Node node(long nodeid) throws ErrnoException {
    return successors.current(nodes.get(nodeid));
  }

  /** What is done with a node. */
  @FunctionalInterface
  interface NodeOperation<T> {
    T on(Node node) throws ErrnoException;
  }

  /** Does what can be repeated with a node, or with what supersedes it while that is done. */
  <T> T onCurrent(long nodeid, NodeOperation<T> operation) throws ErrnoException {
    Node node = node(nodeid);
    while (true) {
      try {
        return operation.on(node);
      } catch (ErrnoException e) {
        node = insteadOf(node, nodeid, e);
      }
    }
  }

  /**
   * What has superseded a node while something was done with it that can be repeated, and that has
   * failed; if nothing has, the failure is thrown.
   *
   * @param nodeid by which the node was found
   */
  Node insteadOf(Node node, long nodeid, ErrnoException failure) throws ErrnoException {
    if (failure.errno() == Errno.ESTALE) {
      Node now = node(nodeid);
      if (now != node) {
        return now;
      }
    }
    throw failure;
  }

  /** What the locks of a file are kept by; see {@link Successors#lockKey}. */
  Object lockKey(long nodeid) throws ErrnoException {
    return successors.lockKey(nodes.get(nodeid));
  }

  /**
   * Looks a name up and counts that; fills {@code entry}, with nodeid 0 if there is none.
   *
   * <p>The caller holds the tree lock and the monitor of {@code parent}.
   */
  void lookup(Directory parent, byte[] name, Entry entry) throws ErrnoException {
    if (name.length > layers.nameMax()) {
      // A lower layer may allow less, and says that it has no such file; but no more than this.
      throw ErrnoException.of(Errno.ENAMETOOLONG);
    }
    Stat stat = new Stat();
    Node node = nodes.lookup(parent, name);
    while (node != null) {
      try {
        access.stat(node, stat);
        show(node, stat, entry);
        return;
      } catch (ErrnoException e) {
        forget(node.nodeid, 1);
        if (e.errno() != Errno.ESTALE || !node.isSuperseded()) {
          throw e;
        }
        node = nodes.lookup(parent, name); // what superseded it has the name now
      }
    }
    boolean fresh = false;
    while (node == null) {
      Resolver.Found found = resolver.find(parent, name, stat);
      if (found == null) {
        absent(entry);
        return;
      }
      fresh = !found.known();
      node = take(found, parent, name);
      fresh = fresh && node == found.node();
      if (fresh && node != null) {
        bindPartial(node, stat);
      }
    }
    try {
      if (fresh) {
        access.complete(node, stat);
      } else {
        // Found by another name of the file, which may have been copied up since: what was looked
        // at under this name need not be what counts now.
        access.stat(node, stat);
      }
    } catch (ErrnoException e) {
      forget(node.nodeid, 1);
      throw e;
    }
    show(node, stat, entry);
  }

  /**
   * Takes what was found into the table, with one look-up; null if it has to be found anew, since
   * the kernel has forgotten it meanwhile.
   */
  private @Nullable Node take(Resolver.Found found, Directory parent, byte[] name) {
    Node fresh = found.node();
    if (found.key() == null) {
      nodes.add(fresh);
      return fresh;
    }
    Node node = nodes.addLinked(found.key(), fresh, parent, name);
    if (node != fresh && fresh.nodeid == 0) {
      drop(fresh); // another thread was faster
    }
    return node;
  }

  /** The node of a name, known or found; null if there is none. Counts no look-up. */
  @Nullable Node peek(Directory parent, byte[] name) throws ErrnoException {
    Node node = nodes.peek(parent, name);
    if (node != null) {
      return node;
    }
    Stat stat = new Stat();
    Resolver.Found found = resolver.find(parent, name, stat);
    if (found == null) {
      return null;
    }
    node = found.node();
    if (!found.known()) {
      bindPartial(node, stat);
      node.note(stat);
    }
    return node;
  }

  /** Has what earlier mounts have left half copied up go on. */
  void resumePartials() {
    if (partialCopies != null) {
      new PartialResumption(this, partialCopies.remains()).lookUp();
    }
  }

  private void bindPartial(Node node, Stat below) {
    if (partialCopies != null) {
      partialCopies.bind(node, below);
    }
  }

  private static void absent(Entry entry) {
    entry.nodeid = 0;
    entry.generation = 0;
    entry.entryValidNanos = FOR_LONG;
    entry.attributes.validNanos = FOR_LONG;
  }

  /** Fills an entry; {@code stat} has been completed. */
  void show(Node node, Stat stat, Entry entry) {
    entry.nodeid = node.nodeid;
    entry.generation = 0;
    entry.entryValidNanos = FOR_LONG;
    show(node, stat, entry.attributes);
  }

  /** Fills attributes; {@code stat} has been completed. */
  void show(Node node, Stat stat, Attributes attributes) {
    LayerAccess.show(node, stat, attributes);
    // A write through mmap changes the times without a word to anybody.
    attributes.validNanos = node.isMappable() || node.isRemoved() ? 0 : FOR_LONG;
  }

  /** Attributes under a nodeid that another one stands for by now: not to be kept. */
  void forOldNodeid(long nodeid, Attributes attributes) throws ErrnoException {
    if (nodes.get(nodeid).isSuperseded()) {
      attributes.validNanos = 0;
    }
  }

  /**
   * Metadata have been changed by way of a nodeid. Where another one stands for the file by now,
   * what the kernel keeps under that, a mode or an ACL by which it lets others in, is outdated.
   */
  void changedBy(long nodeid) throws ErrnoException {
    Node node = nodes.get(nodeid);
    if (node.isSuperseded()) {
      connection.invalidateAttributes(successors.current(node).nodeid);
    }
  }

  /**
   * Set-id bits may have gone with a change of a file's data, of which the kernel drops the times
   * and the size, but not the mode; and it would execute the file by the mode that it holds.
   */
  void modeChanged(Node node) {
    if (node.maySetIds()) {
      connection.invalidateAttributes(node.nodeid);
    }
  }

  /** Closes what was opened since. No request is under way any more. */
  @Override
  public void close() {
    if (partialCopies != null) {
      partialCopies.close();
    }
    locks.close();
    for (Handles.Handle handle : handles.drain()) {
      handle.file().closeDescriptors();
    }
    for (Node node : nodes.all()) {
      drop(node);
    }
    descriptors.close();
  }

  /** Takes look-ups back, and lets go what the nodes held that nobody knows any more. */
  void forget(long nodeid, long count) {
    for (Node gone : nodes.forget(nodeid, count)) {
      drop(gone);
    }
  }

  private void drop(Node node) {
    registered.discard(node);
    Node successor = successors.forgotten(node);
    if (node.isPartial()) {
      partials.forgotten(node);
    }
    if (successor != null) {
      forget(successor.nodeid, 1);
    }
    if (node instanceof Directory directory) {
      descriptors.drop(directory);
      reader.changed(directory);
    }
    var anchor = node.anchor();
    if (anchor != null) {
      node.setAnchor(null);
      anchor.close();
    }
  }
}
