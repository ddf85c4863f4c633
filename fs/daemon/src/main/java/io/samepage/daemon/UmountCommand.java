package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Linux;
import io.samepage.posix.Mounts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code samepage umount}. */
@Command(
    name = "umount",
    aliases = "unmount",
    description =
        "Unmounts; returns when the daemon has ended, so that the layers may be used again at once.",
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class UmountCommand implements Callable<Integer> {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** A daemon lives on after a lazy unmount for as long as somebody has a file open. */
  private static final Duration LAZY_PATIENCE = Duration.ofSeconds(1);

  private static final int FUSERMOUNT_SECONDS = 10;

  private final StateDirectory state;

  @Option(
      names = {"-l", "--lazy"},
      description =
          "Detach the mount now, also if it is in use; the daemon ends with its last user.")
  private boolean lazy;

  @Parameters(paramLabel = "TARGET", description = "The directory that is mounted on.")
  private String target = "";

  UmountCommand(StateDirectory state) {
    this.state = state;
  }

  @Override
  public Integer call() throws CommandFailure {
    MountedOverlay mount = MountedOverlay.on(Arguments.bytes(target));
    try (ControlClient.@Nullable DaemonEnd end = new ControlClient(state).watch(mount.device())) {
      unmount(mount.path());
      if (end != null && !end.await(lazy ? LAZY_PATIENCE : PATIENCE)) {
        Caller.err()
            .println(
                "samepage: "
                    + mount.path()
                    + (lazy
                        ? " is detached; its daemon ends when nobody uses it any more"
                        : " is unmounted; its daemon is still busy"));
      }
    }
    return ExitCode.OK.number();
  }

  private void unmount(ByteString path) throws CommandFailure {
    try {
      Mounts.unmount(path.toBytes(), Linux.UMOUNT_NOFOLLOW | (lazy ? Linux.MNT_DETACH : 0));
    } catch (ErrnoException e) {
      switch (e.errno()) {
        case Errno.EBUSY ->
            throw new CommandFailure(
                ExitCode.BUSY,
                path + " is in use: end what uses it (fuser -vm lists it), or detach it with -l");
        case Errno.EPERM, Errno.EACCES -> fusermount(path);
        default ->
            throw new CommandFailure(
                ExitCode.SYSTEM,
                path
                    + " cannot be unmounted ("
                    + e.getMessage()
                    + "): see what the kernel says about it (dmesg)");
      }
    }
  }

  /** What a user other than root unmounts with. */
  private void fusermount(ByteString path) throws CommandFailure {
    // The JVM encodes arguments by the locale: a name that it cannot is left to the user.
    String name = new String(path.toBytes(), StandardCharsets.UTF_8);
    try {
      Process process =
          new ProcessBuilder(
                  lazy
                      ? List.of("fusermount3", "-u", "-z", "--", name)
                      : List.of("fusermount3", "-u", "--", name))
              .redirectErrorStream(true)
              .start();
      process.getOutputStream().close();
      String said =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      if (!process.waitFor(FUSERMOUNT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      } else if (process.exitValue() == 0) {
        return;
      }
      throw new CommandFailure(
          said.contains("busy") ? ExitCode.BUSY : ExitCode.PERMISSION,
          path + " cannot be unmounted by this user: " + said);
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.PERMISSION,
          path + " may not be unmounted by this user: run as root, or install fuse3");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandFailure(ExitCode.INTERNAL, "interrupted: try again");
    }
  }
}
