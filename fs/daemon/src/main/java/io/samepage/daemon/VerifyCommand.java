package io.samepage.daemon;

import io.samepage.dedup.SharingProof;
import io.samepage.dedup.SharingProof.Totals;
import io.samepage.overlay.options.ByteString;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.FileMapping;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code samepage verify}. */
@Command(
    name = "verify",
    description = {
      "Proves what is shared: maps all files below the targets, and counts the page frames that"
          + " they are on.",
      "It goes by the numbers that the kernel shows in /proc/self/pagemap, and by nothing that"
          + " samepage says. A target may be any directory or file, on any file system. It reads what"
          + " is not in memory yet, and needs root."
    },
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class VerifyCommand implements Callable<Integer> {
  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(
      names = "--resident",
      description = "Only pages that are in memory already: nothing is read from a disk.")
  private boolean resident;

  @Option(
      names = "--files",
      description =
          "List each file, too: its first page frame, its pages, and how many are shared.")
  private boolean each;

  @Parameters(
      paramLabel = "TARGET",
      arity = "1..*",
      description = "Mounts, or other directories or files; all of them are counted together.")
  private List<String> targets = new ArrayList<>();

  @Override
  public Integer call() throws CommandFailure {
    List<ByteString> paths = TreeArguments.resolveAny(targets);
    PrintStream out = Caller.out();
    List<Map<String, @Nullable Object>> listed = new ArrayList<>();
    try (SharingProof proof = begin();
        ProgressLine progress = new ProgressLine(() -> state(proof))) {
      for (ByteString path : paths) {
        try {
          proof.add(path.toBytes());
        } catch (ErrnoException e) {
          throw new CommandFailure(ExitCode.LAYERS, path + ": " + e.getMessage());
        }
      }
      if (each && !json) {
        out.printf("%12s %10s %10s  %s%n", "FRAME", "PAGES", "SHARED", "FILE");
      }
      Totals totals =
          proof.run((path, pages, shared, frame) -> tell(out, listed, path, pages, shared, frame));
      if (json) {
        printJson(out, paths, totals, listed);
      } else {
        print(out, totals);
      }
    } catch (ErrnoException e) {
      throw new CommandFailure(ExitCode.SYSTEM, "the files cannot be looked at: " + e.getMessage());
    }
    return ExitCode.OK.number();
  }

  private SharingProof begin() throws CommandFailure {
    try {
      return SharingProof.begin(resident);
    } catch (ErrnoException e) {
      String why =
          e.errno() == Errno.EPERM || e.errno() == Errno.EACCES
              ? "CAP_SYS_ADMIN in the initial user namespace is lacking: run it as root, outside of"
                  + " containers"
              : "/proc/self/pagemap: " + e.getMessage() + ": is /proc mounted?";
      throw new CommandFailure(ExitCode.NO_FRAMES, "page frame numbers cannot be read; " + why);
    }
  }

  private static ProgressLine.State state(SharingProof proof) {
    long done = proof.pagesDone() * FileMapping.PAGE;
    return done == 0
        ? new ProgressLine.State(0, proof.filesToDo(), 0, 0)
        : new ProgressLine.State(
            proof.filesDone(), proof.filesToDo(), done, Math.max(done, proof.bytesToDo()));
  }

  private void tell(
      PrintStream out,
      List<Map<String, @Nullable Object>> listed,
      byte[] path,
      long pages,
      long shared,
      long frame) {
    if (!each) {
      return;
    }
    String shown = ByteString.of(path).toString();
    if (!json) {
      out.printf("%12s %10d %10d  %s%n", Long.toHexString(frame), pages, shared, shown);
      return;
    }
    Map<String, @Nullable Object> file = new LinkedHashMap<>();
    file.put("path", shown);
    file.put("first_frame", frame);
    file.put("pages", pages);
    file.put("pages_shared", shared);
    listed.add(file);
  }

  private static void print(PrintStream out, Totals totals) {
    out.printf(
        Locale.ROOT,
        "%,d files, %,d pages mapped on %,d page frames: %,d pages (%s, %s) saved; %,d files share%n",
        totals.files(),
        totals.pages(),
        totals.frames(),
        totals.pagesSaved(),
        ProgressLine.bytes(totals.bytesSaved()),
        ReportCommand.percent(totals.pagesSaved(), totals.pages()),
        totals.filesSharing());
    out.printf(
        Locale.ROOT,
        "left out: %,d pages not in memory, %,d empty files, %,d special, %,d unreadable, %,d under"
            + " other mounts%n",
        totals.pagesAbsent(),
        totals.empty(),
        totals.special(),
        totals.unreadable(),
        totals.covered());
  }

  private void printJson(
      PrintStream out,
      List<ByteString> paths,
      Totals totals,
      List<Map<String, @Nullable Object>> listed) {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    fields.put("targets", paths.stream().map(ByteString::toString).toList());
    fields.put("files", totals.files());
    fields.put("files_sharing", totals.filesSharing());
    fields.put("page_size", (long) FileMapping.PAGE);
    fields.put("pages", totals.pages());
    fields.put("frames", totals.frames());
    fields.put("pages_saved", totals.pagesSaved());
    fields.put("bytes_saved", totals.bytesSaved());
    fields.put("pages_absent", totals.pagesAbsent());
    fields.put("files_empty", totals.empty());
    fields.put("files_special", totals.special());
    fields.put("files_unreadable", totals.unreadable());
    fields.put("other_mounts", totals.covered());
    if (each) {
      fields.put("each", listed);
    }
    StatusDocument.of(fields).print(out);
  }
}
