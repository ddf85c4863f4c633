package io.samepage.daemon;

import io.samepage.overlay.PendingCopies;
import io.samepage.overlay.PendingCopies.Outcome;
import io.samepage.overlay.options.MountRefusedException;
import io.samepage.posix.ErrnoException;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code samepage complete}. */
@Command(
    name = "complete",
    description = {
      "Completes, without a mount, the large files that a mount has left copied up in part in its"
          + " work directory,",
      "so that the upper directory has all that was written. A mount does so itself as time goes"
          + " on.",
      "It may be interrupted; the next time it goes on where it was."
    },
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class CompleteCommand implements Callable<Integer> {
  /** How long to wait for the daemon of a mount that is just ending. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  @Parameters(index = "0", paramLabel = "UPPER", description = "The upperdir of the mount.")
  private String upper = "";

  @Parameters(index = "1", paramLabel = "WORK", description = "The workdir of the mount.")
  private String work = "";

  @Override
  public Integer call() throws CommandFailure {
    Outcome outcome;
    try {
      outcome =
          PendingCopies.complete(
              Arguments.bytes(upper),
              Arguments.bytes(work),
              PATIENCE,
              path -> Caller.out().println("completed " + path));
    } catch (MountRefusedException e) {
      throw CommandFailure.of(e);
    } catch (ErrnoException e) {
      throw new CommandFailure(
          ExitCode.SYSTEM,
          "a file cannot be completed ("
              + e.getMessage()
              + "): it stays as it was; make room for it, or see what the kernel says (dmesg), and"
              + " call this again");
    }
    if (outcome.left() > 0) {
      throw new CommandFailure(
          ExitCode.PENDING,
          outcome.left()
              + " in "
              + Arguments.bytes(work)
              + "/partial cannot be completed and are left alone: mount the layers that they are"
              + " of as they were, or remove them");
    }
    if (outcome.completed() == 0) {
      Caller.out().println("nothing is pending");
    }
    return ExitCode.OK.number();
  }
}
