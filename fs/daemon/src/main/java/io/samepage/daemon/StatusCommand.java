package io.samepage.daemon;

import io.samepage.dedup.UsedPages;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code samepage status}. */
@Command(
    name = "status",
    description = {
      "Lists the mounts of samepage, or describes one of them.",
      "Counters of pages have the names and meanings of KSM's, but for this: they are of files that"
          + " are open or mapped, with all their pages of 4 KiB, in memory or not (verify sees those"
          + " that are); general_profit is pages_sharing in bytes less bookkeeping_bytes, an estimate"
          + " of the memory that sharing takes, without the index.",
      "Paths are shown as they are, but for a backslash (\\\\) and bytes that are no printable UTF-8"
          + " (\\xHH)."
    },
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class StatusCommand implements Callable<Integer> {
  /** Its mount is there, and nobody serves it. */
  private static final String DEAD = "dead";

  private static final int MIB = 1 << 20;

  private final StateDirectory state;

  @Option(
      names = "--json",
      description =
          "Print JSON: an object for TARGET; else one with an array, mounts, and the counters of all"
              + " mounts together, total.")
  private boolean json;

  @Parameters(
      paramLabel = "TARGET",
      arity = "0..1",
      description = "The directory that is mounted on.")
  private @Nullable String target;

  StatusCommand(StateDirectory state) {
    this.state = state;
  }

  @Override
  public Integer call() throws CommandFailure {
    PrintStream out = Caller.out();
    if (target == null) {
      PagesInUse pages = new PagesInUse();
      List<StatusDocument> all = all(pages);
      if (json) {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("mounts", all.stream().map(StatusDocument::fields).toList());
        fields.put("total", total(all, pages));
        StatusDocument.of(fields).print(out);
      } else {
        printTable(out, all);
      }
      return ExitCode.OK.number();
    }
    MountedOverlay mount = MountedOverlay.on(Arguments.bytes(target));
    byte[] answer = new ControlClient(state).status(mount.device());
    if (answer == null) {
      throw new CommandFailure(
          ExitCode.UNREACHABLE,
          mount.path()
              + " has no daemon that answers: if it was killed, umount "
              + mount.path()
              + "; if it runs elsewhere, name its directory in "
              + StateDirectory.RUN_DIR);
    }
    StatusDocument status = StatusDocument.parse(answer);
    if (json) {
      status.print(out);
    } else {
      printOne(out, status);
    }
    return ExitCode.OK.number();
  }

  /**
   * The counters of all mounts together. Two mounts may use the same pages, so what is shared is no
   * sum.
   */
  private static Map<String, @Nullable Object> total(List<StatusDocument> all, PagesInUse pages) {
    Map<String, @Nullable Object> total = new LinkedHashMap<>();
    for (MountCounters.Kind kind : MountCounters.KINDS) {
      total.put(kind.name(), all.stream().mapToLong(one -> one.number(kind.name())).sum());
    }
    UsedPages.Counts used = pages.counts();
    total.put(MountCounters.PAGES_SHARED, used.shared());
    total.put(MountCounters.PAGES_SHARING, used.sharing());
    total.put(MountCounters.PAGES_UNSHARED, used.unshared());
    long cost = all.stream().mapToLong(one -> one.number(MountCounters.BOOKKEEPING_BYTES)).sum();
    total.put(MountCounters.GENERAL_PROFIT, used.sharing() * PagesInUse.PAGE - cost);
    return total;
  }

  /**
   * Every daemon's answer, and an entry for each mount without one.
   *
   * @param pages gets what they use
   */
  private List<StatusDocument> all(PagesInUse pages) throws CommandFailure {
    ControlClient client = new ControlClient(state);
    List<StatusDocument> all = new ArrayList<>();
    Set<String> answered = new HashSet<>();
    for (String device : client.devices()) {
      try {
        byte[] answer = client.status(device);
        if (answer != null) {
          all.add(StatusDocument.parse(answer));
          answered.add(device);
          byte[] uses = json ? client.uses(device) : null;
          if (uses != null) {
            pages.add(uses);
          }
        }
      } catch (CommandFailure e) {
        Caller.err().println("samepage: " + e.line());
      } catch (NumberFormatException e) {
        Caller.err().println("samepage: " + StatusDocument.unreadable().line());
      }
    }
    for (MountedOverlay mount : MountedOverlay.all()) {
      if (answered.add(mount.device())) {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("target", mount.path().toString());
        fields.put("state", DEAD);
        all.add(StatusDocument.of(fields));
      }
    }
    return all;
  }

  private static void printTable(PrintStream out, List<StatusDocument> all) {
    if (all.isEmpty()) {
      out.println("nothing is mounted");
      return;
    }
    List<String[]> rows = new ArrayList<>();
    rows.add(new String[] {"PID", "MODE", "DATA", "LAYERS", "INODES", "MIB", "UP", "TARGET"});
    for (StatusDocument one : all) {
      if (one.text("state").equals(DEAD)) {
        rows.add(new String[] {"-", DEAD, "-", "-", "-", "-", "-", one.text("target")});
        continue;
      }
      rows.add(
          new String[] {
            one.text("pid"),
            one.is("read_only") ? "ro" : one.is("volatile") ? "volatile" : "rw",
            one.is("passthrough") ? "passthrough" : "daemon",
            String.valueOf(one.object("layers").texts("lower").size()),
            one.text("inodes"),
            String.valueOf(one.number("resident_bytes") / MIB),
            duration(one.number("uptime_seconds")),
            one.text("target")
          });
    }
    int[] widths = new int[rows.get(0).length];
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.length - 1; i++) {
        line.append(row[i]).append(" ".repeat(widths[i] - row[i].length() + 2));
      }
      out.println(line.append(row[row.length - 1]));
    }
  }

  private static void printOne(PrintStream out, StatusDocument one) {
    StatusDocument layers = one.object("layers");
    line(out, "target", one.text("target"));
    line(
        out,
        "daemon",
        "pid "
            + one.text("pid")
            + ", samepage "
            + one.text("version")
            + ", Java "
            + one.text("java")
            + ", up "
            + duration(one.number("uptime_seconds")));
    line(out, "transport", one.text("transport") + ", FUSE " + one.text("protocol"));
    line(
        out,
        "passthrough",
        (one.is("passthrough") ? "yes: " : "no: ") + one.text("passthrough_reason"));
    line(out, "coherence", one.text("coherence"));
    line(
        out,
        "mode",
        one.is("read_only") ? "read-only" : one.is("volatile") ? "volatile" : "read-write");
    for (String lower : layers.texts("lower")) {
      line(out, "lower", lower);
    }
    for (String data : layers.texts("data_only")) {
      line(out, "data-only", data);
    }
    if (!layers.text("upper").isEmpty()) {
      line(out, "upper", layers.text("upper"));
      line(out, "work", layers.text("work"));
    }
    line(out, "options", one.text("options"));
    line(
        out,
        "inodes",
        one.text("inodes")
            + ", handles "
            + one.text("handles")
            + ", copy-ups "
            + one.text("copy_ups")
            + ", breaks "
            + one.text("breaks")
            + ", fallbacks "
            + one.text("fallbacks"));
    line(
        out,
        "sharing",
        one.text("sharing")
            + ", "
            + one.text(MountCounters.PAGES_SHARED)
            + " pages shared, "
            + one.text(MountCounters.PAGES_SHARING)
            + " sharing them, "
            + one.text(MountCounters.PAGES_UNSHARED)
            + " unshared; "
            + ProgressLine.bytes(one.number(MountCounters.PAGES_SHARING) * (long) PagesInUse.PAGE)
            + " saved");
    line(out, "numa", numa(one.object("numa")));
    line(
        out,
        "memory",
        String.format(
            Locale.ROOT,
            "%d MiB resident, heap %d of at most %d MiB",
            one.number("resident_bytes") / MIB,
            one.number("heap_bytes") / MIB,
            one.number("heap_max_bytes") / MIB));
    StringBuilder requests = new StringBuilder();
    one.object("requests")
        .fields()
        .forEach(
            (name, count) ->
                requests
                    .append(requests.length() == 0 ? "" : ", ")
                    .append(name)
                    .append(' ')
                    .append(count));
    line(out, "requests", requests.length() == 0 ? "none" : requests.toString());
    line(out, "log", one.text("log"));
  }

  private static String numa(StatusDocument numa) {
    List<String> nodes = numa.texts("nodes");
    if (nodes.isEmpty()) {
      return numa.text("policy");
    }
    if (nodes.size() == 1) {
      return numa.text("policy") + ", which does nothing: there is one node, " + nodes.get(0);
    }
    String home = numa.text("home_node");
    return numa.text("policy")
        + ", nodes "
        + String.join(" ", nodes)
        + ", home node "
        + (home.isEmpty() ? "not known yet" : home)
        + ", changed "
        + numa.number("home_node_changes")
        + " times";
  }

  private static void line(PrintStream out, String name, String value) {
    out.println(name + ":" + " ".repeat(13 - name.length()) + value);
  }

  private static String duration(long seconds) {
    if (seconds < 120) {
      return seconds + "s";
    }
    long minutes = seconds / 60;
    if (minutes < 120) {
      return minutes + "m";
    }
    long hours = minutes / 60;
    return hours < 48 ? hours + "h" : hours / 24 + "d";
  }
}
