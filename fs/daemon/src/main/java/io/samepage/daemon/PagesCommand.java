package io.samepage.daemon;

import io.samepage.overlay.options.ByteString;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code samepage pages}. */
@Command(
    name = "pages",
    description = {
      "Shows which pages a file of a mount uses: ranges of 4 KiB pages, and the file of a layer that"
          + " each range is in.",
      "OWN: its own lower file. SHARED: a file with the same content that stands for it (the stable"
          + " file), or one with the same pages, from the page on that stands after @. PRIVATE: the"
          + " upper file. HOLE: zeros.",
      "WITH tells how many other open files use the same pages, in all mounts of this host. What a"
          + " file uses is settled when it is opened: of one that is not, it is told what an open for"
          + " reading would get."
    },
    mixinStandardHelpOptions = true,
    versionProvider = RootCommand.Versions.class)
final class PagesCommand implements Callable<Integer> {
  private final StateDirectory state;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Parameters(paramLabel = "FILE", description = "A file on a mount of samepage.")
  private String file = "";

  PagesCommand(StateDirectory state) {
    this.state = state;
  }

  @Override
  public Integer call() throws CommandFailure {
    try (FileOnMount onMount = FileOnMount.open(Arguments.bytes(file))) {
      ControlClient client = new ControlClient(state);
      byte[] answer = client.pages(onMount.device(), onMount.nodeid());
      if (answer == null) {
        throw new CommandFailure(
            ExitCode.UNREACHABLE,
            onMount.path()
                + " is on a mount whose daemon does not answer: if it was killed, umount it; if it"
                + " runs elsewhere, name its directory in "
                + StateDirectory.RUN_DIR);
      }
      StatusDocument map = StatusDocument.parse(answer);
      if (!map.text("error").isEmpty()) {
        throw new CommandFailure(
            ExitCode.SYSTEM,
            onMount.path() + " cannot be looked at (" + map.text("error") + "): try again");
      }
      List<Map<String, @Nullable Object>> extents = new ArrayList<>();
      for (StatusDocument extent : map.objects("extents")) {
        extents.add(complete(client, onMount, map.is("open"), extent));
      }
      Map<String, @Nullable Object> fields = new LinkedHashMap<>();
      fields.put("file", onMount.path().toString());
      fields.putAll(map.fields());
      fields.put("extents", extents);
      if (json) {
        StatusDocument.of(fields).print(Caller.out());
      } else {
        print(Caller.out(), StatusDocument.of(fields));
      }
    }
    return ExitCode.OK.number();
  }

  /** Adds what the file's own daemon does not know. */
  private static Map<String, @Nullable Object> complete(
      ControlClient client, FileOnMount onMount, boolean open, StatusDocument extent)
      throws CommandFailure {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>(extent.fields());
    StatusDocument used = extent.object("file");
    String layer = used.text("layer");
    if (extent.text("state").equals("SHARED") && !layer.isEmpty()) {
      Map<String, @Nullable Object> named = new LinkedHashMap<>(used.fields());
      ByteString path =
          LayerSearch.path(ByteString.parse(layer), used.number("inode"), onMount.pathInMount());
      named.put("path", path == null ? null : path.toString());
      fields.put("file", named);
    }
    String key = extent.text("key");
    fields.remove("key");
    long users =
        key.isEmpty() ? 0 : client.users(key, used.number("first_page"), extent.number("pages"));
    fields.put("shared_with", Math.max(0, users - (open ? 1 : 0)));
    return fields;
  }

  private static void print(PrintStream out, StatusDocument map) {
    out.println(
        map.text("file")
            + ": "
            + map.text("size")
            + " bytes, "
            + (map.is("open")
                ? map.is("passthrough")
                    ? "open"
                    : map.objects("extents").size() > 1
                        ? "open, read page by page"
                        : "open, with pages of the mount's own"
                : "not open"));
    out.printf("%-22s %-8s %6s  %s%n", "PAGES", "STATE", "WITH", "FILE");
    for (StatusDocument extent : map.objects("extents")) {
      long first = extent.number("first_page");
      StatusDocument used = extent.object("file");
      out.printf(
          "%-22s %-8s %6s  %s%n",
          first + "-" + (first + extent.number("pages") - 1),
          extent.text("state"),
          extent.text("shared_with"),
          extent.text("state").equals("HOLE")
              ? ""
              : shown(used, used.number("first_page") - first));
    }
  }

  /**
   * The file that a range is in.
   *
   * @param distance how many pages further on than in the file that is asked for
   */
  private static String shown(StatusDocument used, long distance) {
    String path = used.text("path");
    String layer = used.text("layer");
    return (layer.isEmpty() ? "a layer" : layer)
        + (path.isEmpty() ? ", inode " + used.text("inode") : ": " + path)
        + (distance == 0 ? "" : " @" + used.text("first_page"))
        + " ("
        + used.text("size")
        + " bytes)";
  }
}
