package io.samepage.daemon;

import io.samepage.dedup.ContentIndex;
import io.samepage.dedup.PageOptions;
import io.samepage.dedup.TreeIndexer;
import io.samepage.dedup.TreeIndexer.Totals;
import io.samepage.overlay.options.ByteString;
import io.samepage.posix.Credentials;
import io.samepage.posix.ErrnoException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code samepage index}. */
@Command(
    name = "index",
    description = {
      "Identifies the files of layers ahead of time, so that mounts share them from the first open"
          + " on.",
      "It may be interrupted; the next time it goes on where it was."
    },
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class IndexCommand implements Callable<Integer> {
  @Option(
      names = "--index",
      paramLabel = "PATH",
      description = "The directory of the content index.")
  private @Nullable String index;

  @Option(
      names = "--domain",
      paramLabel = "NAME",
      description = "Only mounts with the same domain will share these files.")
  private String domain = "";

  @Option(
      names = "--pages",
      description = {
        "Enters large files with their pages, too, so that mounts with sharing=page share in part"
            + " from the first open on.",
        "It reads each of them once, even if it is the only one of its size, and needs 1/128 of their"
            + " size beside the index, at most 1 GiB."
      })
  private boolean pages;

  @Option(
      names = "--page-min",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description =
          "With --pages, the smallest such file: what mounts say as page_min (default: 1M).")
  private @Nullable Long pageMin;

  @Parameters(
      paramLabel = "DIR",
      arity = "1..*",
      description = "Layers: what a mount names in lowerdir.")
  private List<String> directories = new ArrayList<>();

  @Override
  public Integer call() throws CommandFailure {
    if (Credentials.effectiveUid() != 0) {
      throw new CommandFailure(
          ExitCode.PERMISSION, "index needs root: files are opened by their handles");
    }
    if (pageMin != null && !pages) {
      throw new CommandFailure(ExitCode.USAGE, "--page-min is of no use without --pages");
    }
    List<ByteString> trees = TreeArguments.resolve(directories);
    ByteString location = ContentIndexLocation.of(index);
    ContentIndex opened = ContentIndex.open(location.toBytes(), ContentIndex.DEFAULT_LIMIT);
    TreeIndexer indexer = new TreeIndexer(opened, domain, pages ? inPart() : null);
    // The JVM answers SIGINT and SIGTERM by this, and then ends with 128 and the signal's number.
    Thread end =
        new Thread(
            () -> {
              indexer.stop();
              opened.close();
            });
    Runtime.getRuntime().addShutdownHook(end);
    long start = System.nanoTime();
    try (ProgressLine progress = new ProgressLine(() -> state(indexer.totals()))) {
      if (!opened.isPersistent()) {
        throw new CommandFailure(
            ExitCode.SYSTEM, location + " cannot hold an index: " + opened.fault());
      }
      if (opened.replaced() != null) {
        Caller.err()
            .printf(
                "samepage: the index in %s cannot be used (%s): it is set aside as data.mdb.set-aside,"
                    + " and built anew%n",
                location, opened.replaced());
      }
      for (ByteString tree : trees) {
        try {
          indexer.index(tree.toBytes());
        } catch (ErrnoException e) {
          throw new CommandFailure(ExitCode.LAYERS, tree + ": " + e.getMessage());
        }
      }
    } catch (InterruptedException e) {
      return ExitCode.INTERRUPTED.number();
    }
    if (!opened.isPersistent()) {
      throw new CommandFailure(
          ExitCode.SYSTEM, location + " cannot hold what was found: " + opened.fault());
    }
    print(Caller.out(), indexer.totals(), (System.nanoTime() - start) / 1e9);
    return ExitCode.OK.number(); // the hook closes the index
  }

  private PageOptions inPart() {
    return pageMin == null
        ? PageOptions.DEFAULT
        : new PageOptions(pageMin, PageOptions.DEFAULT.likeness());
  }

  private static ProgressLine.State state(Totals totals) {
    return totals.filesToDo() == 0
        ? new ProgressLine.State(0, totals.files(), 0, 0)
        : new ProgressLine.State(
            totals.filesDone(), totals.filesToDo(), totals.bytesDone(), totals.bytesToDo());
  }

  private static void print(PrintStream out, Totals totals, double seconds) {
    out.printf(
        Locale.ROOT,
        "%,d files in %.1f s: %,d known, %,d hashed (%s, %s/s; %,d page by page), %,d alone with their"
            + " size%n",
        totals.files(),
        seconds,
        totals.filesKnown(),
        totals.filesHashed(),
        ProgressLine.bytes(totals.bytesHashed()),
        ProgressLine.bytes((long) (totals.bytesHashed() / seconds)),
        totals.filesByPage(),
        totals.filesAlone());
    out.printf(
        Locale.ROOT,
        "left out: %,d empty, %,d special, %,d unreadable, %,d changing, %,d under other mounts%n",
        totals.filesEmpty(),
        totals.filesSpecial(),
        totals.filesUnreadable(),
        totals.filesChanging(),
        totals.otherMounts());
  }
}
