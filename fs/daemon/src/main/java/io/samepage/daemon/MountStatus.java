package io.samepage.daemon;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.samepage.dedup.FileKey;
import io.samepage.fuse.Session;
import io.samepage.overlay.OverlayFileSystem;
import io.samepage.overlay.PageMap;
import io.samepage.overlay.options.ByteString;
import io.samepage.overlay.options.HostDirectory;
import io.samepage.overlay.options.MountDirectories;
import io.samepage.overlay.options.MountOptions;
import io.samepage.posix.Errno;
import io.samepage.posix.ErrnoException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a daemon says of its mount. Paths are in the form of {@link ByteString#toString}, so that
 * those that are not UTF-8 can be told as well.
 */
final class MountStatus implements ControlSocket.Answers {
  private static final JsonFactory JSON = new JsonFactory();

  private final MountOptions options;
  private final String optionText;
  private final ByteString target;
  private final List<ByteString> lower;
  private final List<ByteString> data;
  private final @Nullable ByteString upper;
  private final @Nullable ByteString work;
  private final Session session;
  private final OverlayFileSystem overlay;
  private final NumaPlacement numa;
  private final Path log;
  private final long mountedNanos = System.nanoTime();

  /**
   * Keeps what does not change.
   *
   * @param optionText the options as they were given
   */
  MountStatus(
      MountOptions options,
      String optionText,
      ByteString target,
      MountDirectories directories,
      Session session,
      OverlayFileSystem overlay,
      NumaPlacement numa,
      Path log) {
    this.options = options;
    this.optionText = optionText;
    this.target = target;
    this.lower = paths(directories.lower());
    this.data = paths(directories.data());
    this.upper = path(directories.upper());
    this.work = path(directories.work());
    this.session = session;
    this.overlay = overlay;
    this.numa = numa;
    this.log = log;
  }

  private static List<ByteString> paths(List<HostDirectory> directories) {
    return directories.stream().map(HostDirectory::path).toList();
  }

  private static @Nullable ByteString path(@Nullable HostDirectory directory) {
    return directory == null ? null : directory.path();
  }

  /** Writes the fields of an object. */
  @FunctionalInterface
  private interface Fields {
    void write(JsonGenerator json) throws IOException;
  }

  private static byte[] object(Fields fields) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(out)) {
      json.writeStartObject();
      fields.write(json);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** The status as it is now. */
  @Override
  public byte[] status() {
    return object(
        json -> {
          writeMount(json);
          writeNumbers(json);
        });
  }

  @Override
  public byte[] pages(long nodeid) {
    try {
      PageMap map = overlay.pageMap(nodeid);
      return object(json -> writePages(json, map));
    } catch (ErrnoException e) {
      return object(json -> json.writeStringField("error", Errno.name(e.errno())));
    }
  }

  @Override
  public byte[] uses() {
    StringBuilder lines = new StringBuilder();
    overlay.forEachUsed((file, users) -> PagesInUse.append(lines, file, users));
    overlay.forEachUsedRange(
        (file, first, pages, users) -> PagesInUse.append(lines, file, first, pages, users));
    return lines.toString().getBytes(StandardCharsets.US_ASCII);
  }

  @Override
  public int users(FileKey file, long firstPage, long pages) {
    return overlay.userCount(file, firstPage, pages);
  }

  private void writePages(JsonGenerator json, PageMap map) throws IOException {
    json.writeStringField("target", target.toString());
    json.writeNumberField("inode", map.ino());
    json.writeNumberField("size", map.size());
    json.writeBooleanField("open", map.open());
    json.writeBooleanField("passthrough", map.passthrough());
    json.writeArrayFieldStart("extents");
    for (PageMap.Extent extent : map.extents()) {
      json.writeStartObject();
      json.writeNumberField("first_page", extent.firstPage());
      json.writeNumberField("pages", extent.pages());
      json.writeStringField("state", extent.state().name());
      json.writeObjectFieldStart("file");
      writePath(json, "layer", path(extent.layer()));
      writePath(json, "path", path(extent.path()));
      json.writeNumberField("size", extent.size());
      json.writeNumberField("inode", extent.ino());
      json.writeNumberField("first_page", extent.source());
      json.writeEndObject();
      FileKey key = extent.key();
      json.writeStringField("key", key == null ? null : PagesInUse.text(key));
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static @Nullable ByteString path(byte @Nullable [] path) {
    return path == null ? null : ByteString.of(path);
  }

  private void writeMount(JsonGenerator json) throws IOException {
    json.writeStringField("target", target.toString());
    json.writeStringField("state", "serving");
    json.writeNumberField("pid", ProcessHandle.current().pid());
    json.writeStringField("version", Version.text());
    json.writeStringField("java", System.getProperty("java.runtime.version", ""));
    json.writeStringField("transport", session.transport());
    json.writeStringField("protocol", session.protocol());
    json.writeBooleanField("passthrough", session.passthrough());
    json.writeStringField("passthrough_reason", session.passthroughReason());
    json.writeStringField("coherence", options.coherence().name().toLowerCase(Locale.ROOT));
    json.writeStringField("sharing", options.sharing().name().toLowerCase(Locale.ROOT));
    numa.write(json);
    json.writeObjectFieldStart("layers");
    writePaths(json, "lower", lower);
    if (!data.isEmpty()) {
      writePaths(json, "data_only", data);
    }
    writePath(json, "upper", upper);
    writePath(json, "work", work);
    json.writeEndObject();
    json.writeStringField("options", optionText);
    json.writeBooleanField("read_only", options.readOnly());
    json.writeBooleanField("volatile", options.syncNothing());
    json.writeStringField("log", log.toString());
  }

  private static void writePaths(JsonGenerator json, String name, List<ByteString> paths)
      throws IOException {
    json.writeArrayFieldStart(name);
    for (ByteString path : paths) {
      json.writeString(path.toString());
    }
    json.writeEndArray();
  }

  private static void writePath(JsonGenerator json, String name, @Nullable ByteString path)
      throws IOException {
    json.writeStringField(name, path == null ? null : path.toString());
  }

  /** The mount point. */
  String target() {
    return target.toString();
  }

  /** What it does about NUMA nodes. */
  NumaPlacement numa() {
    return numa;
  }

  /** What is counted, in the order of {@link MountCounters#KINDS}. */
  Map<String, Long> counters() {
    return MountCounters.of(overlay.counters());
  }

  /** How many requests came, by their names. */
  Map<String, Long> requests() {
    return session.requests();
  }

  long uptimeSeconds() {
    return (System.nanoTime() - mountedNanos) / 1_000_000_000;
  }

  private void writeNumbers(JsonGenerator json) throws IOException {
    json.writeNumberField("uptime_seconds", uptimeSeconds());
    json.writeObjectFieldStart("requests");
    for (Map.Entry<String, Long> count : new TreeMap<>(requests()).entrySet()) {
      json.writeNumberField(count.getKey(), count.getValue());
    }
    json.writeEndObject();
    for (Map.Entry<String, Long> counter : counters().entrySet()) {
      json.writeNumberField(counter.getKey(), counter.getValue());
    }
    Runtime runtime = Runtime.getRuntime();
    json.writeNumberField("heap_bytes", runtime.totalMemory() - runtime.freeMemory());
    json.writeNumberField("heap_max_bytes", runtime.maxMemory());
    json.writeNumberField("resident_bytes", residentBytes());
  }

  /** VmRSS of /proc/self/status. */
  static long residentBytes() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmRSS:")) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return 0;
  }
}
