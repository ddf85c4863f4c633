package io.samepage.daemon;

import io.samepage.fuse.FileSystem;
import io.samepage.overlay.OverlayCounters;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.overlay.options.MountOptions;
import io.samepage.overlay.options.MountRefusedException;
import io.samepage.posix.ErrnoException;
import java.util.function.Supplier;

/** Makes the file system of a mount. */
@FunctionalInterface
interface FileSystemFactory {
  /**
   * What was made.
   *
   * @param counters what it counts, for the status
   */
  record Made(FileSystem fileSystem, Supplier<OverlayCounters> counters) {}

  /**
   * Makes it of directories that stay open until it is destroyed, the lower ones until this
   * returns.
   */
  Made make(MountOptions options, MountDirectories directories)
      throws MountRefusedException, ErrnoException;
}
