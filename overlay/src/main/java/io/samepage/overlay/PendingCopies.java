package io.samepage.overlay;

import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.overlay.options.MountOptions;
import io.samepage.overlay.options.MountRefusedException;
import io.samepage.overlay.options.MountRefusedException.Reason;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import io.samepage.posix.Stat;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What mounts have left copied up in part, and that is to be completed while there is no mount. */
public final class PendingCopies {
  private static final byte[] WORK = Names.ascii("work");
  private static final byte[] LAYERS = Names.ascii("partial/layers");

  /** 500 paths at their longest. */
  private static final int MAX_TEXT = 4 << 20;

  /**
   * What came of it.
   *
   * @param completed files that are in the upper directory now
   * @param left what is still in the work directory, since it cannot go on: its lower file has
   *     changed or is gone, or it is damaged
   */
  public record Outcome(int completed, int left) {}

  private PendingCopies() {}

  /**
   * Completes them all, with the layers that the mount had that began them.
   *
   * @param patience how long to wait for a mount that is just ending
   * @param completed is told the path in the mount of each file that is complete
   * @throws MountRefusedException if the directories are in use, missing, or none of an overlay
   * @throws ErrnoException if one cannot be completed, as ENOSPC; it stays as it was
   */
  public static Outcome complete(
      ByteString upper, ByteString work, Duration patience, Consumer<ByteString> completed)
      throws MountRefusedException, ErrnoException {
    MountOptions options = layersOf(upper, work, patience);
    if (options == null) {
      return new Outcome(0, 0);
    }
    try (MountDirectories directories = MountDirectories.open(options, patience)) {
      OverlayConfig config = OverlayConfig.of(options);
      try (OverlayDirectories opened = OverlayDirectories.open(config, directories);
          Overlay overlay = new Overlay(config, opened, new Unmounted(), null)) {
        return complete(overlay, completed);
      }
    }
  }

  private static Outcome complete(Overlay overlay, Consumer<ByteString> completed)
      throws ErrnoException {
    PartialCopies copies = overlay.partialCopies;
    if (copies == null) {
      throw ErrnoException.of(Errno.EROFS);
    }
    PartialRemains remains = copies.remains();
    PartialResumption resumption = new PartialResumption(overlay, remains);
    resumption.lookUp();
    if (remains.count() > 0) {
      resumption.search();
    }
    int count = 0;
    for (Node node : List.copyOf(overlay.partials.all().keySet())) {
      byte[] path;
      overlay.tree.readLock().lock();
      try {
        path = PageMaps.pathInMount(node);
      } finally {
        overlay.tree.readLock().unlock();
      }
      overlay.copyUp.node(node, CopyUp.Extent.METADATA);
      count++;
      completed.accept(ByteString.of(path == null ? Names.EMPTY : path));
    }
    return new Outcome(count, remains.inDirectory());
  }

  /** The layers that the work directory tells of; null if nothing was ever begun in it. */
  private static @Nullable MountOptions layersOf(
      ByteString upper, ByteString work, Duration patience) throws MountRefusedException {
    try (MountDirectories directories = MountDirectories.openUpper(upper, work, patience)) {
      HostDirectory above = directories.upper();
      HostDirectory beside = directories.work();
      if (above == null || beside == null) {
        throw new IllegalStateException("no upper directory");
      }
      Stat stat = new Stat();
      if (Files.tryStat(beside.fd(), WORK, stat) != 0 || !stat.isDirectory()) {
        throw new MountRefusedException(
            Reason.LAYERS,
            beside.name()
                + " is no work directory of an overlay (there is no work in it): name the workdir"
                + " of the mount");
      }
      byte[] text = read(beside.fd());
      if (text == null) {
        return null;
      }
      PartialLayers layers = PartialLayers.parse(text, beside.name());
      Files.stat(above.fd(), stat);
      if (!layers.isOf(stat)) {
        throw new MountRefusedException(
            Reason.LAYERS,
            above.name()
                + " is not the upper directory that "
                + beside.name()
                + " was used with: name the two of one mount");
      }
      return layers.options(above.path(), beside.path());
    } catch (ErrnoException e) {
      throw new MountRefusedException(
          Reason.SYSTEM,
          work + " cannot be read (" + e.getMessage() + "): see what the kernel says (dmesg)");
    }
  }

  private static byte @Nullable [] read(int workdir) throws ErrnoException {
    int fd = Files.tryOpen(workdir, LAYERS, Linux.O_RDONLY | Linux.O_NOFOLLOW, 0);
    if (fd == -Errno.ENOENT) {
      return null;
    }
    if (fd < 0) {
      throw ErrnoException.of(-fd);
    }
    try (Fd file = new Fd(fd)) {
      Stat stat = new Stat();
      Files.stat(fd, stat);
      int size = (int) Math.min(stat.size, MAX_TEXT);
      NativeBuffer buffer = NativeBuffer.allocate(Math.max(1, size));
      try {
        int done = 0;
        int got = 1;
        while (done < size && got > 0) {
          got = Files.pread(file.number(), buffer.address() + done, size - done, done);
          done += Math.max(0, got);
        }
        byte[] text = new byte[done];
        buffer.bytes().duplicate().get(text);
        return text;
      } finally {
        Reference.reachabilityFence(buffer);
      }
    }
  }
}
