package io.samepage.overlay;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.samepage.overlay.Descriptors.Shared;
import io.samepage.posix.Directories;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.Stat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads directories of the overlay: the names of all their layers, merged. What was read is kept in
 * a bounded cache until the directory changes.
 *
 * <p>Callers hold the tree lock and the monitor of the directory.
 */
final class DirectoryReader {
  /** How many names all cached listings may have together; a name takes some 80 bytes. */
  private static final long LIMIT = 200_000;

  private static final int READ = Linux.O_RDONLY | Linux.O_DIRECTORY;

  private final Descriptors descriptors;
  private final LayerStack layers;
  private final OverlayXattrs xattrs;
  private final Cache<Directory, Listing> listings;

  DirectoryReader(Descriptors descriptors, LayerStack layers, OverlayXattrs xattrs) {
    this.descriptors = descriptors;
    this.layers = layers;
    this.xattrs = xattrs;
    // One listing may take half the room whatever its size: it must survive until it is read.
    this.listings =
        Caffeine.newBuilder()
            .maximumWeight(LIMIT)
            .executor(Runnable::run)
            .<Directory, Listing>weigher(
                (directory, listing) -> (int) Math.min(listing.size() + 8L, LIMIT / 2))
            .build();
  }

  /** The names in a directory. */
  Listing list(Directory directory) throws ErrnoException {
    Listing listing = listings.getIfPresent(directory);
    if (listing == null) {
      listing = read(directory);
      listings.put(directory, listing);
    }
    return listing;
  }

  /** A name was removed. */
  void removed(Directory directory, byte[] name) {
    Listing listing = listings.getIfPresent(directory);
    if (listing != null) {
      listing.remove(name);
    }
  }

  /** A name was added, or what it stands for has changed. */
  void changed(Directory directory) {
    listings.invalidate(directory);
  }

  private Listing read(Directory directory) throws ErrnoException {
    Listing.Builder builder = new Listing.Builder();
    if (directory.hasUpper()) {
      try (Shared shared = descriptors.upper(directory);
          Fd fd = new Fd(Files.open(shared.number(), Names.SELF, READ, 0))) {
        boolean inodesDiffer = directory.isImpure() || directory.isMerged();
        readUpper(fd.number(), builder, inodesDiffer);
      }
    }
    LayerDirectory[] lowers = directory.lowers();
    for (int i = 0; i < lowers.length; i++) {
      readLower(lowers[i], builder, i == lowers.length - 1);
    }
    return builder.build();
  }

  private void readUpper(int fd, Listing.Builder builder, boolean inodesDiffer)
      throws ErrnoException {
    long dev = stat(fd).dev();
    List<byte[]> devices = new ArrayList<>();
    Directories.list(
        fd,
        (name, ino, type) -> {
          if (type == Linux.DT_CHR || type == Linux.DT_UNKNOWN) {
            devices.add(name);
          } else {
            builder.add(name, inodesDiffer ? 0 : layers.numbers().number(dev, ino), type);
          }
        });
    classify(fd, devices, builder, inodesDiffer, false);
  }

  private void readLower(LayerDirectory directory, Listing.Builder builder, boolean last)
      throws ErrnoException {
    try (Shared shared = descriptors.lower(directory);
        Fd fd = new Fd(Files.open(shared.number(), Names.SELF, READ, 0))) {
      long dev = stat(fd.number()).dev();
      List<byte[]> unclear = new ArrayList<>();
      List<byte[]> marks = new ArrayList<>();
      boolean xattrWhiteouts = directory.xattrWhiteouts();
      Directories.list(
          fd.number(),
          (name, ino, type) -> {
            if (Names.isAufsMark(name)) {
              marks.add(name);
            } else if (type == Linux.DT_CHR
                || type == Linux.DT_UNKNOWN
                || (xattrWhiteouts && type == Linux.DT_REG)) {
              unclear.add(name);
            } else {
              builder.add(name, layers.numbers().number(dev, ino), type);
            }
          });
      classify(fd.number(), unclear, builder, false, xattrWhiteouts);
      if (marks.isEmpty()) {
        directory.setWithoutAufsMarks();
      } else if (!last) {
        // They hide names of the layers below, not those beside them, which have been added.
        for (byte[] mark : marks) {
          if (!Names.isAufsReserved(mark)) {
            builder.hide(Names.aufsHidden(mark));
          }
        }
      }
    }
  }

  private void classify(
      int fd,
      List<byte[]> names,
      Listing.Builder builder,
      boolean inodesDiffer,
      boolean xattrWhiteouts)
      throws ErrnoException {
    Stat stat = new Stat();
    for (byte[] name : names) {
      if (Files.tryStat(fd, name, stat) != 0) {
        continue;
      }
      if (stat.isZeroDevice() || (xattrWhiteouts && xattrs.isWhiteout(fd, name, stat))) {
        builder.hide(name);
      } else {
        long ino = inodesDiffer ? 0 : layers.numbers().number(stat.dev(), stat.ino);
        builder.add(name, ino, stat.type() >>> 12);
      }
    }
  }

  private static Stat stat(int fd) throws ErrnoException {
    Stat stat = new Stat();
    Files.stat(fd, stat);
    return stat;
  }

  /**
   * The names of whiteouts in an upper directory, which may hold nothing else when it is removed.
   */
  List<byte[]> upperNames(Directory directory) throws ErrnoException {
    List<byte[]> names = new ArrayList<>();
    try (Shared shared = descriptors.upper(directory);
        Fd fd = new Fd(Files.open(shared.number(), Names.SELF, READ, 0))) {
      Directories.list(
          fd.number(), (name, ino, type) -> names.add(Arrays.copyOf(name, name.length)));
    }
    return names;
  }
}
