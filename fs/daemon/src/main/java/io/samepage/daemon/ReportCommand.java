package io.samepage.daemon;

import io.samepage.dedup.SharingReport;
import io.samepage.dedup.SharingReport.Result;
import io.samepage.dedup.SharingReport.TreeResult;
import io.samepage.overlay.options.ByteString;
import io.samepage.posix.ErrnoException;
import io.samepage.posix.Fd;
import io.samepage.posix.Files;
import io.samepage.posix.Linux;
import io.samepage.posix.NativeBuffer;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code samepage report}. */
@Command(
    name = "report",
    description = {
      "Reads layers, and tells what sharing would save if all their files were in memory: by whole"
          + " files, and page by page."
    },
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class ReportCommand implements Callable<Integer> {
  private static final int PAGE = 4096;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Write a page with plots, too, that needs nothing else.")
  private @Nullable String html;

  @Parameters(paramLabel = "DIR", arity = "1..*", description = "Layers, or any directories.")
  private List<String> directories = new ArrayList<>();

  @Override
  public Integer call() throws CommandFailure {
    List<ByteString> trees = TreeArguments.resolve(directories);
    SharingReport report = new SharingReport();
    try (ProgressLine progress =
        new ProgressLine(
            () ->
                new ProgressLine.State(
                    report.filesRead(), report.filesRead(), report.bytesRead(), 0))) {
      for (ByteString tree : trees) {
        try {
          report.add(tree.toBytes());
        } catch (ErrnoException e) {
          throw new CommandFailure(ExitCode.LAYERS, tree + ": " + e.getMessage());
        }
      }
    } catch (InterruptedException e) {
      return ExitCode.INTERRUPTED.number();
    }
    Result result = report.result();
    print(Caller.out(), result);
    if (html != null) {
      write(Arguments.bytes(html), new ReportPage(result).text());
    }
    return ExitCode.OK.number();
  }

  static void print(PrintStream out, Result result) {
    String row = "%10s %12s %12s %7s %12s %7s  %s%n";
    out.printf(row, "FILES", "SIZE", "BY FILE", "", "BY PAGE", "", "TREE");
    for (TreeResult tree : result.trees()) {
      out.printf(
          row,
          String.format(Locale.ROOT, "%,d", tree.files()),
          size(tree.pages()),
          size(tree.savedByFile()),
          percent(tree.savedByFile(), tree.pages()),
          size(tree.savedByPage()),
          percent(tree.savedByPage(), tree.pages()),
          ByteString.of(tree.path()));
    }
    long files = result.trees().stream().mapToLong(TreeResult::files).sum();
    out.printf(
        row,
        String.format(Locale.ROOT, "%,d", files),
        size(result.pages()),
        size(result.savedByFile()),
        percent(result.savedByFile(), result.pages()),
        size(result.savedByPage()),
        percent(result.savedByPage(), result.pages()),
        "in all");
    out.printf(
        Locale.ROOT,
        "SIZE counts whole pages; BY FILE and BY PAGE are what an earlier file had already.%n"
            + "%,d different contents; left out: %,d empty files, %,d unreadable.%n",
        result.distinctFiles(),
        result.empty(),
        result.unreadable());
  }

  static String size(long pages) {
    return ProgressLine.bytes(pages * PAGE);
  }

  static String percent(long part, long whole) {
    return String.format(Locale.ROOT, "%.1f %%", whole == 0 ? 0.0 : 100.0 * part / whole);
  }

  private static void write(ByteString file, String text) throws CommandFailure {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    NativeBuffer buffer = NativeBuffer.allocate(bytes.length);
    buffer.bytes().put(0, bytes);
    int flags = Linux.O_WRONLY | Linux.O_CREAT | Linux.O_TRUNC;
    try (Fd fd = new Fd(Files.open(Linux.AT_FDCWD, file.toBytes(), flags, 0666))) {
      int done = 0;
      while (done < bytes.length) {
        done += Files.pwrite(fd.number(), buffer.address() + done, bytes.length - done, done);
      }
    } catch (ErrnoException e) {
      throw new CommandFailure(ExitCode.SYSTEM, file + ": " + e.getMessage());
    }
  }
}
