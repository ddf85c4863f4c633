package io.samepage.overlay;

import io.samepage.overlay.CopyUp.Extent;
import io.samepage.overlay.Partials.Use;
import io.samepage.overlay.partial.PartialFile;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The end of a partial copy-up: what is left is filled in, the data file gets the metadata of the
 * lower file, and is renamed into the upper directory. A crash before the rename leaves the partial
 * copy, one after it the whole file.
 */
final class PartialCompletion {
  private final OverlayConfig config;
  private final CopiedMetadata metadata;
  private final Publication publication;
  private final OverlayXattrs xattrs;
  private final Partials partials;
  private final PartialDirectory directory;
  private final Descriptors descriptors;
  private final DirectoryReader reader;
  private final ReentrantReadWriteLock tree;

  PartialCompletion(
      OverlayConfig config,
      CopiedMetadata metadata,
      Publication publication,
      OverlayXattrs xattrs,
      Partials partials,
      PartialDirectory directory,
      Descriptors descriptors,
      DirectoryReader reader,
      ReentrantReadWriteLock tree) {
    this.config = config;
    this.metadata = metadata;
    this.publication = publication;
    this.xattrs = xattrs;
    this.partials = partials;
    this.directory = directory;
    this.descriptors = descriptors;
    this.reader = reader;
    this.tree = tree;
  }

  /**
   * Completes a node that is partial. The caller holds its monitor and not the tree lock; reads and
   * writes go on.
   */
  void complete(Node node, Extent extent) throws ErrnoException {
    try (Use use = partials.use(node)) {
      if (use == null) {
        return;
      }
      PartialFile file = use.file();
      boolean durable = !config.volatileUpper();
      if (extent == Extent.EMPTY) {
        file.truncate(0, durable);
      }
      while (file.fill()) {
        // Piece by piece.
      }
      if (file.pagesLeft() > 0) {
        throw ErrnoException.of(Errno.EIO); // never: a page that is broken stays so
      }
      Stat stat = new Stat();
      try (Fd source = metadata.open(node, stat);
          Fd data = new Fd(Files.dup(file.data()))) {
        metadata.copyOwnerAndXattrs(stat, source, data);
        metadata.mark(data, CopiedMetadata.origin(node, source), false);
        metadata.protect(node, stat, data);
        Files.chmod(data.number(), stat.mode);
        Files.utimens(
            data.number(),
            Names.EMPTY,
            stat.atimeSeconds,
            stat.atimeNanos,
            0,
            Linux.UTIME_OMIT); // the time of the last write is its own
        if (durable) {
          file.sync();
        }
      }
      publish(node, use);
    }
  }

  private void publish(Node node, Use use) throws ErrnoException {
    tree.readLock().lock();
    try {
      Directory parent = node.parent();
      if (parent == null) {
        keepNameless(node, use);
        return;
      }
      synchronized (parent) {
        if (node.parent() != parent) {
          keepNameless(node, use);
          return;
        }
        try (var above = descriptors.upper(parent)) {
          DirectoryTimes times = DirectoryTimes.of(above.number());
          Files.rename(
              directory.fd(),
              use.entry().dataName,
              above.number(),
              node.name(),
              Linux.RENAME_NOREPLACE);
          node.setUpper();
          xattrs.markImpure(parent, above.number());
          times.restore(above.number());
        }
        partials.completed(node);
        reader.changed(parent);
      }
      publication.forgetAttributes(parent);
    } finally {
      tree.readLock().unlock();
    }
    removeMap(use);
  }

  private void removeMap(Use use) {
    try {
      if (!config.volatileUpper()) {
        Files.fsync(directory.fd()); // the map must not go before the data file has
      }
      Files.unlink(directory.fd(), use.entry().mapName);
    } catch (ErrnoException e) {
      // The next mount finds it without its data file, and removes it.
    }
  }

  /** The file was unlinked: it goes on without a name, like an upper file. */
  private void keepNameless(Node node, Use use) throws ErrnoException {
    node.setAnchor(new Fd(Files.reopen(use.file().data(), Linux.O_PATH)));
    node.setUpper();
    use.entry().unlink(directory.fd());
    partials.completed(node);
  }
}
