package io.samepage.daemon;

import io.samepage.fuse.FileSystem;
import io.samepage.fuse.MountException;
import io.samepage.fuse.Session;
import io.samepage.fuse.kernel.KernelMountOptions;
import io.samepage.fuse.kernel.KernelTransport;
import io.samepage.fuse.libfuse.LibfuseMountOptions;
import io.samepage.fuse.libfuse.LibfuseTransport;
import io.samepage.overlay.options.Transport;
import io.samepage.posix.Errno;
import java.util.function.Consumer;

/**
 * Which transport carries a mount: /dev/fuse itself wherever that is permitted, else libfuse, whose
 * setuid program may mount where this process may not.
 */
final class TransportChoice {
  private TransportChoice() {}

  /**
   * Mounts.
   *
   * @param notes takes a line that says why it is not the first choice
   * @throws MountException if it does not come about; then nothing is mounted
   */
  static Session mount(
      Transport transport, KernelMountOptions options, FileSystem fs, Consumer<String> notes)
      throws MountException {
    if (transport == Transport.LIBFUSE) {
      return Libfuse.mount(options, fs, notes);
    }
    try {
      return KernelTransport.mount(options, fs);
    } catch (MountException e) {
      if (transport == Transport.KERNEL || !isForbidden(e)) {
        throw e;
      }
      Session session;
      try {
        session = Libfuse.mount(options, fs, notes);
      } catch (MountException second) {
        throw new MountException(
            e.errno(), e.getMessage() + "; and through libfuse: " + second.getMessage());
      }
      notes.accept("mounted through libfuse, since otherwise " + e.getMessage());
      return session;
    }
  }

  private static boolean isForbidden(MountException e) {
    return e.errno() == Errno.EPERM || e.errno() == Errno.EACCES;
  }

  /** Apart, so that its classes and those of jnr-fuse are loaded where they are used. */
  private static final class Libfuse {
    static Session mount(KernelMountOptions options, FileSystem fs, Consumer<String> notes)
        throws MountException {
      LibfuseMountOptions wanted =
          new LibfuseMountOptions(
              options.target(), options.fsname(), options.flags(), options.allowOther());
      if (wanted.unknownFlags() != 0) {
        notes.accept(
            "libfuse 2 has no options for strictatime, nodiratime, lazytime and the like: access"
                + " times are kept as relatime does");
      }
      return LibfuseTransport.mount(wanted, fs);
    }
  }
}
